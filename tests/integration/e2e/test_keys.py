"""Who has the keys can go back, says why, and is written down."""

import base64
import getpass
import json
import os
import pathlib
import re
import socket
import subprocess

import pytest

from world import SAMPLES

IP = "199.172.111.135"


def ring(primary, **keys):
    listed = ", ".join(f'{name} = "{key}"' for name, key in keys.items())
    return f'ring = {{ primary = "{primary}", keys = {{ {listed} }} }}'


def key_of(made):
    """The key itself, of a ring that keygen made."""
    return re.search(r'= "([A-Za-z0-9+/=]{40,})"', made)[1]


def audit_file(world):
    return world.folder / "audit.log"


def audit_lines(world):
    return [json.loads(line) for line in audit_file(world).read_text().splitlines()]


def unmask(world, *arguments, input=None, **env):
    """Writes to the audit file."""
    chosen = world.environment(SLUICE_AUDIT_FILE=str(audit_file(world)), **env)
    return world.run("unmask", *arguments, input=input, env=chosen)


def test_from_keygen_to_mask_and_back(world):
    token = world.ok("mask", IP, "--domain", "ip").stdout.strip()
    assert token.startswith("k1.")
    back = unmask(world, "--reason", "ticket 42", token)
    assert (back.returncode, back.stdout) == (0, IP + "\n")
    [line] = audit_lines(world)
    assert line["uid"] == os.getuid()
    assert line["user"] == getpass.getuser() or line["user"]
    assert (line["what"], line["why"], line["key_ids"], line["count"]) == ("unmask", "ticket 42", ["k1"], 1)
    assert line["time"] and line["host"] and "ip" in line["which"]
    assert IP not in audit_file(world).read_text() and token not in audit_file(world).read_text()
    assert audit_file(world).stat().st_mode & 0o777 == 0o600


def test_a_column_is_unmasked_as_a_stream(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    world.ok("drain")
    rows = world.sql("SELECT user_id, masked_ip FROM user_logins")
    back = unmask(world, "--reason", "audit of May", input="".join(token + "\n" for _, token in rows))
    assert back.returncode == 0, back.stderr
    sent = {(m["user_id"], m["ip"]) for m in map(json.loads, SAMPLES.read_text().splitlines()) if "ip" in m}
    assert {(user, ip) for (user, _), ip in zip(rows, back.stdout.splitlines(), strict=True)} <= sent
    assert [line["count"] for line in audit_lines(world)] == [99]


def test_a_long_stream_is_written_down_piece_by_piece(world):
    token = world.ok("mask", IP).stdout
    back = unmask(world, "--reason", "all", input=token * 10_001 + "\n")
    assert back.stdout == (IP + "\n") * 10_001 + "\n", "an empty line, psql's NULL, stays empty"
    assert [line["count"] for line in audit_lines(world)] == [10_000, 1]


@pytest.mark.parametrize("reason", [[], ["--reason", ""], ["--reason", " \t "]])
def test_without_a_reason_nothing_is_opened(world, reason):
    token = world.ok("mask", IP).stdout.strip()
    done = unmask(world, token, *reason)
    assert (done.returncode, done.stdout) == (2, "")
    assert "reason" in done.stderr
    assert not audit_file(world).exists()


def test_what_cannot_be_written_down_is_not_opened(world):
    token = world.ok("mask", IP).stdout.strip()
    done = unmask(world, token, "--reason", "r", "--audit-file", "/nowhere/audit.log")
    assert (done.returncode, done.stdout) == (2, "")
    assert "/nowhere/audit.log" in done.stderr and IP not in done.stderr


SYSLOG = pathlib.Path("/dev/log")


@pytest.mark.skipif(os.getuid() != 0 or SYSLOG.exists(), reason="only root may stand in for a syslog, where there is none")
def test_without_a_file_the_line_goes_to_syslog_and_without_that_nothing_is_opened(world):
    token = world.ok("mask", IP).stdout.strip()
    env = world.environment(SLUICE_AUDIT_FILE=None)
    done = world.run("unmask", "--reason", "ticket 43", token, env=env)
    assert (done.returncode, done.stdout) == (2, "") and "no syslog" in done.stderr
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(SYSLOG))
        try:
            syslog.settimeout(10)
            assert world.ok("unmask", "--reason", "ticket 43", token, env=env).stdout == IP + "\n"
            line = syslog.recv(8192).decode()
        finally:
            SYSLOG.unlink()
    assert line.startswith(f"<{10 << 3 | 5}>"), "authpriv, notice: RFC 5424"
    written = json.loads(line[line.index("{") :].rstrip("\0\n"))
    assert (written["what"], written["why"], written["count"], written["uid"]) == ("unmask", "ticket 43", 1, os.getuid())
    assert IP not in line and token not in line


def test_a_retired_key_still_unmasks(world):
    token = world.ok("mask", IP).stdout.strip()
    first, second = key_of(world.keys), key_of(world.ok("keygen", "k2").stdout)
    both = ring("k2", k1=first, k2=second)
    fresh = world.ok("mask", IP, env=world.environment(SLUICE_KEYS=both)).stdout.strip()
    assert fresh.startswith("k2.")
    back = unmask(world, "--reason", "r", input=f"{token}\n{fresh}\n", SLUICE_KEYS=both)
    assert back.stdout == f"{IP}\n{IP}\n"
    assert audit_lines(world)[-1]["key_ids"] == ["k1", "k2"]
    gone = unmask(world, "--reason", "r", token, SLUICE_KEYS=ring("k2", k2=second))
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "no key 'k1'" in gone.stderr and "retired keys" in gone.stderr


def test_what_is_no_token_or_was_changed_is_said_with_its_line(world):
    token = world.ok("mask", IP).stdout.strip()
    changed = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    for text, words in ((IP, "not an aes_siv token"), (changed, "was changed"), ("k9." + token[3:], "no key 'k9'")):
        done = unmask(world, "--reason", "r", input=f"{token}\n{text}\n")
        assert done.returncode == 1
        assert done.stdout == IP + "\n", "what came before is shown, and written down"
        assert "line 2: " in done.stderr and words in done.stderr, done.stderr
        assert text not in done.stderr
    other = unmask(world, "--reason", "r", "--domain", "device_id", token)
    assert other.returncode == 1 and "domain" in other.stderr
    assert audit_lines(world)[-1]["count"] == 0, "an attempt is written down as well"


def test_what_cannot_be_reversed_says_so(world):
    token = world.ok("mask", IP, "--scheme", "hmac_sha256").stdout.strip()
    done = unmask(world, "--reason", "r", "--scheme", "hmac_sha256", token)
    assert done.returncode == 1 and "hmac_sha256 cannot be reversed" in done.stderr


def test_addresses_stay_addresses_and_what_is_none_is_set_aside(world):
    plan = world.folder / "addresses.toml"
    plan.write_text(
        '[table]\nname = "addresses"\n'
        '[[column]]\nname = "n"\ntype = "integer"\n'
        '[[column]]\nname = "near"\ntype = "varchar(39)"\nfrom = "ip"\nmask = "ipcrypt_pfx"\npii = true\n'
        '[[column]]\nname = "far"\ntype = "text"\nfrom = "ip"\nmask = "ipcrypt_deterministic"\npii = true\n'
    )
    sent = ["10.1.2.3", "10.1.2.77", "2001:db8::1", "no address"]
    messages = world.folder / "addresses.ndjson"
    messages.write_text("".join(json.dumps({"n": n, "ip": ip}) + "\n" for n, ip in enumerate(sent)))
    world.ok("init-db", "-c", plan)
    world.ok("send", messages, "--create")
    world.ok("drain", "-c", plan)
    assert world.sql("SELECT reason, column_name FROM sluice.quarantine") == [["bad_format", "near"]]
    rows = world.sql("SELECT near, far, near::inet, far::inet FROM addresses ORDER BY n")
    assert len(rows) == 3
    [together] = world.sql("SELECT inet_merge(min(near::inet), max(near::inet)) FROM addresses WHERE n < 2")
    assert together[0].endswith("/25"), "both stay in one /25, wherever that is now"
    for column, scheme in ((0, "ipcrypt_pfx"), (1, "ipcrypt_deterministic")):
        tokens = "".join(row[column] + "\n" for row in rows)
        assert not set(sent) & set(tokens.splitlines())
        assert world.ok("mask", "--scheme", scheme, input="\n".join(sent[:3]) + "\n").stdout == tokens
        back = unmask(world, "--reason", "r", "--scheme", scheme, input=tokens)
        assert back.stdout.splitlines() == sent[:3], back.stderr
        assert audit_lines(world)[-1]["key_ids"] == ["k1"]
    done = world.run("mask", "--scheme", "ipcrypt_pfx", "no address")
    assert (done.returncode, done.stdout) == (1, "") and "no address" not in done.stderr
    unknown = unmask(world, "--reason", "r", "--scheme", "ipcrypt_pfx", "--key", "k9", "10.0.0.1")
    assert unknown.returncode == 1 and "no key 'k9'" in unknown.stderr


@pytest.mark.parametrize("kind", ["a FIFO", "a link", "a device", "a folder"])
def test_an_audit_line_goes_into_a_file_that_keeps_it_or_nothing_is_opened(world, kind):
    place = world.folder / "audit"
    if kind == "a FIFO":  # without a reader, for which it does not wait
        os.mkfifo(place)
    elif kind == "a link":
        place.symlink_to(world.folder / "elsewhere")
    elif kind == "a folder":
        place.mkdir()
    else:
        place = pathlib.Path("/dev/null")
    token = world.ok("mask", IP).stdout.strip()
    done = world.run("unmask", "--reason", "r", token, "--audit-file", place, timeout=10)
    assert (done.returncode, done.stdout) == (2, "") and "nothing was done" in done.stderr
    assert not (world.folder / "elsewhere").exists()


def test_an_audit_file_is_its_owner_s_alone_and_valid_whatever_the_reason(world):
    place = world.folder / "audit"
    place.touch(mode=0o666)
    place.chmod(0o666)
    token = world.ok("mask", IP).stdout.strip()
    reasons = ["plain", b"\xff\xfe broken \xc3", "line\nbreak \x1b[31m"]
    for reason in reasons:
        command = [world.programs / "sluice", "unmask", "--reason", reason, token, "--audit-file", place]
        subprocess.run(command, env=world.environment(), check=True, capture_output=True, timeout=10)
    assert place.stat().st_mode & 0o777 == 0o600
    lines = place.read_bytes().decode().splitlines()  # as UTF-8, or this fails
    assert [json.loads(line)["why"] for line in lines][::2] == [reasons[0], reasons[2]]
    assert "\ufffd" in json.loads(lines[1])["why"] and "\x1b" not in lines[2]


def test_a_ring_that_others_may_write_or_that_is_no_key_is_refused(world):
    ring = world.folder / "ring.toml"
    env = world.environment(SLUICE_KEYS=None, SLUICE_KEYS_FILE=str(ring))
    world.ok("keygen", "k1", "--file", ring)
    assert ring.stat().st_mode & 0o777 == 0o600
    assert world.run("keygen", "k1", "--file", ring).returncode == 2, "never over a ring"
    assert world.ok("mask", IP, env=env).stdout.startswith("k1.")
    for mode in (0o620, 0o602, 0o666):
        ring.chmod(mode)
        done = world.run("mask", IP, env=env)
        assert done.returncode == 2 and "others may write" in done.stderr, oct(mode)
    ring.chmod(0o644)
    assert "others may read key ring" in world.run("check", env=env).stdout
    world.ok("keys", "add", "k2", env=env)
    assert ring.stat().st_mode & 0o777 == 0o640, "not for everybody any more"
    same = world.keys.replace('" } }', '", k2 = "' + key_of(world.keys) + '" } }')
    counting = base64.b64encode(bytes(range(32))).decode()
    for text, words in [
        (world.keys.replace(key_of(world.keys), "A" * 43 + "="), "is not random"),
        (world.keys.replace(key_of(world.keys), counting), "is not random"),
        (same, "are one key"),
    ]:
        done = world.run("mask", IP, env=world.environment(SLUICE_KEYS=text))
        assert done.returncode == 2 and words in done.stderr, text


def test_which_rows_were_opened_is_in_the_audit_log(world):
    world.ok("init-db")
    world.sql("INSERT INTO user_logins (user_id) VALUES ('U1')")
    unmask(world, "--column", "masked_ip", "--where", "user_id=U1", "--reason", "r")
    assert "where user_id=U1" in audit_lines(world)[-1]["which"]
