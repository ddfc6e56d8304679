"""Messages to move, and what the table must hold afterwards, computed from the messages alone."""

import base64
import datetime
import hashlib
import json
import random
import uuid

# One statement, so that it reads the table once. The sum over rows does not depend on their order (md5's first 60 bits).
CHECK_SQL = r"""
SELECT count(*), count(DISTINCT user_id),
       coalesce(sum(('x' || left(md5(concat_ws('|', user_id, device_type, masked_ip, masked_device_id,
                                               coalesce(locale, '\N'), app_version)), 15))::bit(60)::bigint), 0),
       coalesce(bool_and(create_date BETWEEN '{first}' AND '{last}'), true)
FROM user_logins"""

REFUSED_DEVICE = "refused"  # a constraint of the table refuses it, in the cases that ask for that


class Workload:
    """`count` messages: the lines of `path`, each `copies` times. Every line has a user_id of its own. Some lack a field, some
    are fine as messages and refused by the table; the others become rows."""

    def __init__(self, path, count, size, bad_rate, refused_rate, seed, copies):
        self.path = path
        self.count = count
        self._copies = copies
        self._aside = 0
        self._good = []
        rng = random.Random(seed)
        with open(path, "w") as out:
            for _ in range(count // copies):
                event = _event(rng)
                lot = rng.random()
                if lot < bad_rate:
                    del event["user_id"]
                    self._aside += 1
                elif lot < bad_rate + refused_rate:
                    event["device_type"] = REFUSED_DEVICE
                    self._aside += 1
                else:
                    self._good.append(event)
                out.write(_padded(event, size) + "\n")

    @property
    def rows(self):
        return len(self._good) * self._copies

    @property
    def set_aside(self):
        return self._aside * self._copies

    def expected(self, profile, mask):
        """(rows, distinct ids, checksum). `mask(domain, values)` gives the tokens of the default profile."""
        if profile == "compat":  # base64, major version: what the exercise does, and so all peers
            ips = [base64.b64encode(e["ip"].encode()).decode() for e in self._good]
            devices = [base64.b64encode(e["device_id"].encode()).decode() for e in self._good]
            versions = [int(e["app_version"].split(".")[0]) for e in self._good]
        else:
            ips = mask("ip", [e["ip"] for e in self._good])
            devices = mask("device_id", [e["device_id"] for e in self._good])
            versions = [_packed(e["app_version"]) for e in self._good]
        total = 0
        for e, ip, device, version in zip(self._good, ips, devices, versions, strict=True):
            locale = r"\N" if e["locale"] is None else e["locale"]
            row = "|".join((e["user_id"], e["device_type"], ip, device, locale, str(version)))
            total += int(hashlib.md5(row.encode()).hexdigest()[:15], 16)
        return self.rows, len(self._good), total * self._copies


def check_sql(began):
    """The day may change during a run."""
    return CHECK_SQL.format(first=began, last=datetime.datetime.now(datetime.UTC).date())


def _event(rng):
    return {
        "user_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "app_version": f"{rng.randrange(10)}.{rng.randrange(20)}.{rng.randrange(20)}",
        "device_type": rng.choice(("android", "ios")),
        "ip": ".".join(str(rng.randrange(1, 255)) for _ in range(4)),
        "locale": rng.choice(("RU", "PH", "US", "DE", "IN", None)),
        "device_id": f"{rng.randrange(1000):03}-{rng.randrange(100):02}-{rng.randrange(10000):04}",
    }


def _padded(event, size):
    """Grown to `size` bytes by a field that no column asks for; a message that is longer already stays as it is."""
    text = json.dumps(event)
    room = size - len(text) - len(', "padding": ""')
    return text if room < 0 else f'{text[:-1]}, "padding": "{"x" * room}"}}'


def _packed(version):
    major, minor, patch = (int(part) for part in version.split("."))
    return major * 1_000_000 + minor * 1_000 + patch
