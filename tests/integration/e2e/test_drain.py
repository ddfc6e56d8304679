"""The exercise, and the main job: what the queue holds ends up in the table, each once."""

import csv
import json
import re
import subprocess
import time
import urllib.request

import pytest

from world import ACCESS_KEY, EXAMPLES, REGION, SAMPLES, SECRET_KEY, address_of, wait_for


def test_the_exercise_gives_99_rows_and_one_message_set_aside(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    done = world.ok("drain")
    assert re.search(r"rows loaded\s+99\b", done.stdout), done.stdout
    assert re.search(r"set aside\s+1\b", done.stdout), done.stdout
    assert "missing_field" in done.stdout

    assert world.count("user_logins") == 99
    assert "bodies_not_kept" not in done.stderr
    [aside] = world.sql("SELECT reason, sqlstate, body IS NOT NULL FROM sluice.quarantine")
    assert aside == ["missing_field", None, "t"]
    stats = world.stats()["queues"]["login-queue"]
    assert (stats["visible"], stats["in_flight"]) == (0, 0)


def test_no_raw_value_is_in_the_table_or_the_quarantine(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    world.ok("drain")
    dump = subprocess.run(["pg_dump", "-d", world.database], capture_output=True, check=True).stdout
    for line in SAMPLES.read_text().splitlines():
        message = json.loads(line)
        for field in ("ip", "device_id"):
            if field in message:
                assert message[field].encode() not in dump
    assert b"oops_wrong_msg_type" not in dump


def test_equal_values_give_equal_tokens_that_sluice_mask_gives_too(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    world.ok("drain")
    first = json.loads(SAMPLES.read_text().splitlines()[0])
    token = world.ok("mask", first["ip"], "--domain", "ip").stdout.strip()
    rows = world.sql(f"SELECT user_id FROM user_logins WHERE masked_ip = '{token}'")
    assert [first["user_id"]] in rows


def test_the_compatibility_profile_gives_the_golden_rows(world):
    profile = EXAMPLES / "login-events-compat.toml"
    env = world.environment(SLUICE_KEYS=None, SLUICE_LOG_FORMAT="json")
    world.ok("init-db", "-c", profile, env=env)
    world.ok("send", SAMPLES, "--create", env=env)
    done = world.ok("drain", "-c", profile, env=env)
    rows = world.sql("SELECT user_id, device_type, masked_ip, masked_device_id, locale, app_version FROM user_logins")
    golden = SAMPLES.parent / "golden_seed_rows.tsv"
    with open(golden, newline="") as file:
        wanted = [
            [
                row["user_id"],
                row["device_type"],
                row["masked_ip"],
                row["masked_device_id"],
                None if row["locale"] == r"\N" else row["locale"],
                row["app_version_major"],
            ]
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    assert len(wanted) == 99

    def key(row):
        return [v or "" for v in row]

    assert sorted(rows, key=key) == sorted(wanted, key=key)
    assert done.stderr.count('"event":"bodies_not_kept"') == 1
    assert world.sql("SELECT reason, body IS NULL FROM sluice.quarantine") == [["missing_field", "t"]]


def test_the_exercise_s_variables_are_enough(world):
    """No file and none of sluice's own names, but for the key: with none it refuses, as it must."""
    theirs = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(world.folder),
        "AWS_REGION": REGION,
        "AWS_PROFILE": "exercise",
        "ENDPOINT_URL": world.endpoint,
        "QUEUE_NAME": "login-queue",
        "MAX_MESSAGES": "10",
        "WAIT_TIME": "1",
    }
    whole = world.environment()
    theirs |= {"USER": whole["PGUSER"], "PASSWORD": whole["PGPASSWORD"], "HOST": whole["PGHOST"], "PORT": whole["PGPORT"]}
    theirs["DATABASE"] = world.database
    folder = world.folder / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(f"[exercise]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
    theirs["SLUICE_KEYS"] = world.keys
    world.ok("init-db", env=theirs)
    world.ok("send", SAMPLES, "--create", env=theirs)
    world.ok("drain", env=theirs)
    assert world.count("user_logins") == 99


def test_a_second_drain_of_the_same_messages_adds_nothing(world):
    """Redelivery: SQS shows again what was received and not deleted."""
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    world.ok("drain")
    before = world.sql("SELECT * FROM user_logins ORDER BY 1, 3")
    world.ok("drain")
    assert world.sql("SELECT * FROM user_logins ORDER BY 1, 3") == before


@pytest.mark.parametrize("threads", [1, 2])
def test_20000_messages_are_loaded_each_once(world, threads):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create", "--count", 20_000)
    world.ok("drain", "--threads", threads)
    assert world.count("user_logins") == 19_800
    assert world.count("sluice.quarantine") == 200
    assert world.count("sluice.ledger") == 20_000
    assert world.stats()["queues"]["login-queue"]["visible"] == 0


@pytest.mark.parametrize("most", ["512", "4"])
def test_of_many_loops_one_looks_out_at_idle_and_all_work_under_load(world, most):
    """Each empty receive costs money."""
    world.ok("init-db")
    world.restart_queue("--queue", "login-queue")
    log = world.folder / "sluice.log"
    env = world.environment(SLUICE_ADMIN="127.0.0.1:0", SLUICE_THREADS="3", SLUICE_POLLERS_MAX=most, SLUICE_LOG_FORMAT="json")
    with open(log, "wb") as out:
        running = world.start("run", env=env, stdout=out, stderr=out)
    wait_for(lambda: address_of(log), "the admin server", process=running)

    def level(name):
        with urllib.request.urlopen(address_of(log) + "metrics", timeout=5) as answer:
            return float(re.search(rf"^{name} (\S+)$", answer.read().decode(), re.M)[1])

    wait_for(lambda: world.stats()["requests"]["ReceiveMessage"] > 0, "a receive", process=running)
    time.sleep(2)
    assert world.stats()["requests"]["ReceiveMessage"] == 1
    assert level("sluice_receives_in_flight") == 1

    world.set_faults(latency_ms=20)
    world.ok("send", SAMPLES, "--count", 30_000, timeout=60)
    wait_for(lambda: world.left("login-queue") == 0, "all to be deleted", seconds=60, process=running)
    assert level("sluice_database_connections") > 2, "more loops than one have loaded"
    wait_for(lambda: level("sluice_receives_in_flight") == 1, "the burst to be over", process=running)
    running.terminate()
    assert running.wait(30) == 0
    assert world.count("user_logins") == 29_700


def test_two_processes_share_a_queue(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create", "--count", 20_000)
    both = [world.start("drain"), world.start("drain")]
    outputs = [p.communicate(timeout=120) for p in both]
    assert [p.returncode for p in both] == [0, 0], outputs
    assert world.count("user_logins") == 19_800
    assert world.count("sluice.quarantine") == 200


def test_an_empty_queue_is_drained_at_once(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create", "--count", 1)
    world.ok("drain")
    done = world.ok("drain", timeout=20)
    assert re.search(r"rows loaded\s+0\b", done.stdout)


def test_at_least_once_needs_no_ledger_row(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    world.ok("drain", "--mode", "at_least_once")
    assert world.count("user_logins") == 99
    assert world.count("sluice.ledger") == 0


def test_bodies_of_a_mebibyte_are_received_ten_at_a_time_however_they_are_escaped(world):
    """The most that SQS takes: 1,048,576 bytes, here all but some of them escaped in its answer, which has 20 MiB then."""
    world.ok("init-db")
    around = json.dumps(
        {
            "user_id": "0",
            "app_version": "1.2.3",
            "device_type": "ios",
            "ip": "10.0.0.1",
            "locale": None,
            "device_id": "d",
            "pad": "",
        }
    )
    file = world.folder / "large.ndjson"
    pad = '\\"' * ((1_048_575 - len(around)) // 2)
    file.write_text("".join(around.replace('"0"', f'"{n}"').replace('"pad": ""', f'"pad": "{pad}"') + "\n" for n in range(20)))
    world.ok("send", file, "--create")
    done = world.ok("drain")
    assert re.search(r"rows loaded\s+20\b", done.stdout), done.stdout
    resident = int(done.stdout.split("message, ")[1].split(" MiB resident")[0])
    assert resident < 400, done.stdout
