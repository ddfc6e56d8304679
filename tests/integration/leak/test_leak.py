"""No raw value is left behind, whatever goes wrong: 50,000 marked messages, then a look at every byte of every file."""

import base64
import json
import os
import re
import secrets
import signal
import subprocess
import urllib.request

import pytest

from queues import dead_letters
from scan import forms, scan
from world import LOCAL_POSTGRES, wait_for

MESSAGES = 50_000
BAD_BODIES = 250
# What the table refuses, each with an error that quotes the row: by app_version of the message.
REFUSING = {"23514": 13_000_000, "23505": 14_000_000, "23503": 15_000_000, "22003": 16_000_000, "P0001": 17_000_000}


def refusing_table(world):
    world.ok("init-db")
    world.sql(
        """
        CREATE TABLE versions (v int PRIMARY KEY);
        ALTER TABLE user_logins ADD CHECK (app_version <> 13000000);
        CREATE UNIQUE INDEX ON user_logins (masked_ip, app_version) WHERE app_version = 14000000;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE small smallint;
        BEGIN
          IF NEW.app_version = 15000000 THEN
            RAISE EXCEPTION 'no such version: %', NEW USING ERRCODE = '23503', DETAIL = NEW::text;
          ELSIF NEW.app_version = 16000000 THEN small := NEW.app_version;
          ELSIF NEW.app_version = 17000000 THEN RAISE EXCEPTION 'refused: %', NEW;
          END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE FUNCTION refuse()
        """
    )


def bodies(ip_mark, device_mark, messages):
    refused = list(REFUSING.values())
    for n in range(messages):
        body: dict[str, object] = {
            "user_id": f"u{n}",
            "app_version": "2.3.0",
            "device_type": "android",
            "locale": "RU",
            "ip": f"{ip_mark}{n}",
            "device_id": f"{device_mark}{n}",
            "unknown": f"{device_mark}{n}",
        }
        if n % 500 == 7:
            version = refused[n // 500 % len(refused)]
            body["app_version"] = f"{version // 1_000_000}.0.0"
            if version == REFUSING["23505"]:
                body["ip"] = f"{ip_mark}same"
        if n % (MESSAGES // BAD_BODIES) == 11:
            kind = n // (MESSAGES // BAD_BODIES) % 5
            text = json.dumps(body)
            if kind == 0:
                del body["locale"]
            elif kind == 1:
                body["app_version"] = body["ip"]
            elif kind == 2:
                body["ip"] = {"value": body["ip"]}
            yield text[:-9] if kind == 3 else text[:-1] + f', "ip": "{ip_mark}twice"}}' if kind == 4 else json.dumps(body)
        else:
            yield json.dumps(body)


def save(world, name, address):
    with urllib.request.urlopen(f"http://{address}/{name}", timeout=5) as answer:
        (world.folder / f"page-{name or 'index'}").write_bytes(answer.read())


@pytest.mark.parametrize("value", [b"Raw4f7A+x/9", bytes.fromhex("f39c00ffd3bf0af7b2e1deadbe")], ids=["text", "bytes"])
def test_a_value_is_found_in_every_form(tmp_path, value):
    """The scan itself: a leak test that finds nothing must be able to find something."""
    for before in (b"", b"a", b"bc", b"def"):
        for after in (b"", b"y", b"zz"):
            text = before + value + after
            wide = text.decode("latin-1").encode("utf-16-le")
            in_hex, in_base64 = text.hex().encode(), base64.b64encode(text)
            for written in (text, wide, in_hex, in_hex.upper(), in_base64, base64.urlsafe_b64encode(text)):
                (tmp_path / "file").write_bytes(b"junk" + written + b"junk")
                assert scan([tmp_path], [value]), (before, after, written)
    (tmp_path / "file").write_bytes(value[:-2] + b"_" + value[-1:])
    assert not scan([tmp_path], [value])
    assert len(forms(value)) >= 7


def parts_of_key(ring):
    """What must not be found of the key in a ring: its text, its bytes, and each piece of them, for who keeps or prints a part."""
    text = re.search(r'= "([A-Za-z0-9+/=]{40,})"', ring)[1]
    key = base64.b64decode(text)
    return [text.rstrip("=").encode(), key, *(key[at : at + 16] for at in range(0, len(key) - 15, 16))]


def test_a_key_is_found_whole_and_in_part(world):
    _, key, *pieces = parts_of_key(world.keys)
    assert b"".join(pieces) == key and len(key) >= 32
    left = world.folder / "left"
    wide = base64.b64encode(key).decode().encode("utf-16-le")
    in_hex = [part.hex().encode() for part in (key, key[:16], key[16:])]
    in_base64 = [base64.b64encode(part) for part in (key, key[:16], key[16:])]
    for written in (key, key[:16], key[16:], wide, *in_hex, *(text.upper() for text in in_hex), *in_base64):
        left.write_bytes(b"junk" + written + b"junk")
        assert scan([world.folder], parts_of_key(world.keys)), written
    left.write_bytes(key[:12])
    assert not scan([world.folder], parts_of_key(world.keys))


def run_through_faults(world, settled, goals, rest, **settings):
    """Until the last of `goals` is settled; what stands beside the others is done when so many are. The rest is sent after the
    first: each process meets good rows, without which it does not know whether a row or the table is bad."""
    spare = world.folder / "tmp"
    spare.mkdir()
    address = f"127.0.0.1:{20_000 + secrets.randbelow(12_000)}"
    env = world.environment(
        SLUICE_LOG_LEVEL="debug",
        SLUICE_LOG_FORMAT="json",
        SLUICE_ADMIN=address,
        SLUICE_VISIBILITY="6s",
        SLUICE_BATCH_ROWS="1000",
        TMPDIR=str(spare),
        **settings,
    )
    (world.folder / "check.txt").write_text(
        world.run("check", env=env).stdout + world.run("check", "--print-config", env=env).stdout
    )

    logs = open(world.folder / "sluice.log", "ab")
    process = None
    for goal, fault in goals:
        if process is None:
            process = world.start("run", env=env, stdout=logs, stderr=logs, cwd=world.folder)
        wait_for(lambda goal=goal: settled() >= goal, f"{goal} messages", 120, process)
        if fault == "kill":
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            process = None
            if rest is not None:
                world.ok("send", rest)
                rest = None
        elif fault:
            world.admin_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'sluice%'")
    for name in ("", "metrics", "status.json", "readyz"):
        save(world, name, address)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def look_at_what_is_left(world, server, marks):
    """Neither the marks nor the keys; and the server's log has the errors, without what they are about."""
    world.sql("SELECT * FROM pg_stat_activity; CHECKPOINT")
    world.stop_queue()
    subprocess.run([LOCAL_POSTGRES, server, "revive"], check=True)
    left = [server / "data", world.folder]
    assert scan(left, [mark.encode() for mark in marks]) == []
    assert scan(left, parts_of_key(world.keys)) == []
    log = (server / "data/log").read_text(errors="replace")
    for state in REFUSING:
        assert f" {state}: " in log or f"{state}:" in log, state
    assert scan(left, [b"u4242"]), "what is not masked is there to be found"


def test_nothing_raw_is_left_behind(world, talkative_server, tmp_path):
    mark = secrets.token_hex(4)
    ip_mark, device_mark = f"RawIp{mark}x", f"RawDev{mark}x"
    refusing_table(world)
    sent, rest = tmp_path / "sent.ndjson", tmp_path / "rest.ndjson"
    lines = [body + "\n" for body in bodies(ip_mark, device_mark, MESSAGES)]
    sent.write_text("".join(lines[:15_000]))
    rest.write_text("".join(lines[15_000:]))
    world.ok("send", sent, "--create")

    def settled():
        return world.count("user_logins") + world.count("sluice.quarantine")

    goals = [(6_000, "kill"), (12_000, "terminate sessions"), (20_000, "kill"), (28_000, "terminate sessions"), (MESSAGES, None)]
    run_through_faults(world, settled, goals, rest)
    assert settled() == MESSAGES
    reasons = {(reason, state) for reason, state in world.sql("SELECT DISTINCT reason, sqlstate FROM sluice.quarantine")}
    assert {state for _, state in reasons if state} == REFUSING.keys(), reasons
    assert len({reason for reason, state in reasons if not state}) >= 4, reasons
    look_at_what_is_left(world, talkative_server, [ip_mark, device_mark])


@pytest.mark.parametrize("policy", ["dlq", "leave"])
def test_bad_messages_are_in_the_dead_letter_queue_and_nowhere_else(world, talkative_server, tmp_path, policy):
    """There they are as they came: that is the policy. Nothing else of them is left, nor of the good ones."""
    messages = 10_000
    mark = secrets.token_hex(4)
    ip_mark, device_mark = f"RawIp{mark}x", f"RawDev{mark}x"
    refusing_table(world)
    sent, rest = tmp_path / "sent.ndjson", tmp_path / "rest.ndjson"
    lines = list(bodies(ip_mark, device_mark, messages))
    sent.write_text("".join(line + "\n" for line in lines[: messages // 2]))
    rest.write_text("".join(line + "\n" for line in lines[messages // 2 :]))
    # A crash costs a good message one receive, too.
    world.restart_queue("--queue", "login-dead", "--queue", "login-queue,VisibilityTimeout=3,DeadLetter=login-dead:5")
    world.ok("send", sent)

    def settled():
        return world.count("user_logins") + world.stats()["queues"]["login-dead"]["visible"]

    goals = [(2_000, "kill"), (4_000, "terminate sessions"), (messages, None)]
    run_through_faults(world, settled, goals, rest, SLUICE_BAD_MESSAGES=policy, SLUICE_WAIT="1s")
    stored = {user for [user] in world.sql("SELECT user_id FROM user_logins")}
    assert world.count("sluice.quarantine") == 0 and world.count("user_logins") == len(stored)
    letters = dead_letters(world)
    assert {letter["Body"] for letter in letters} == {line for n, line in enumerate(lines) if f"u{n}" not in stored}
    told = json.dumps([letter.get("MessageAttributes", {}) for letter in letters])
    assert (policy == "dlq") == ("sluice.reason" in told)
    assert ip_mark not in told and device_mark not in told
    look_at_what_is_left(world, talkative_server, [ip_mark, device_mark])


def test_what_is_not_masked_and_refused_is_in_the_server_s_log_unless_it_is_told_to_be_terse(world, talkative_server):
    """Values of columns without a mask are the table's business; but a refused row's are nowhere else."""
    refusing_table(world)
    mark = f"Plain{secrets.token_hex(4)}"
    server_log = talkative_server / "data/log"

    def refuse(n):
        one = world.folder.parent / "one.ndjson"
        body: dict[str, object] = {
            "user_id": f"{mark}u{n}",
            "app_version": "13.0.0",
            "device_type": "d",
            "locale": "RU",
            "ip": "1",
            "device_id": "2",
        }
        one.write_text(json.dumps(body) + "\n")
        world.ok("send", one, "--create")
        world.ok("drain")
        return f"{mark}u{n}" in server_log.read_text(errors="replace")

    assert refuse(1), "DETAIL quotes the row: the server's default"
    world.admin_sql(f"ALTER ROLE {os.environ['PGUSER']} SET log_error_verbosity = terse")
    assert not refuse(2), "docs/privacy.md: what the administrator sets"
    assert world.count("sluice.quarantine") == 2
