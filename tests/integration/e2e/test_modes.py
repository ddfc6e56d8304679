"""Upsert, and a business key: what a producer sends twice."""

import json
import re

import pytest

QUEUE = "login-queue"

PLAN = """
[table]
name = "devices"
key = ["device"]
[[column]]
name = "device"
type = "text"
from = "/device"
[[column]]
name = "state"
type = "integer"
from = "/state"
[[column]]
name = "seen"
type = "timestamptz"
from = "@sent_timestamp"
"""


@pytest.fixture
def devices(world):
    plan = world.folder / "devices.toml"
    plan.write_text(PLAN)
    world.env = world.environment(SLUICE_CONFIG=str(plan))
    return world


def send(world, messages):
    file = world.folder / "messages.ndjson"
    file.write_text("".join(json.dumps(message) + "\n" for message in messages))
    world.ok("send", file, "--create", env=world.env)


def test_upsert_keeps_the_newest_of_each_key(devices):
    devices.ok("init-db", env=devices.env)
    upsert = devices.env | {"SLUICE_MODE": "upsert"}
    for state in range(3):
        send(devices, [{"device": f"d{i}", "state": state} for i in range(200)] + [{"device": None, "state": state}])
        if state != 1:  # the second and the third are in one drain
            devices.ok("drain", env=upsert)
    assert devices.sql("SELECT count(*), min(state), max(state), count(DISTINCT device) FROM devices") == [
        ["200", "2", "2", "200"]
    ]
    assert devices.count("sluice.quarantine") == 3
    assert devices.count("sluice.ledger") == 603
    devices.ok("drain", env=upsert)


def test_upsert_is_refused_where_the_table_has_no_key(devices):
    devices.sql("CREATE TABLE devices (device text NOT NULL, state integer, seen timestamptz)")
    devices.ok("init-db", env=devices.env)
    send(devices, [{"device": "d", "state": 1}])
    for command in ("drain", "check"):
        done = devices.run(command, env=devices.env | {"SLUICE_MODE": "upsert"})
        assert done.returncode == 2
        assert "no unique key" in done.stderr + done.stdout


def test_a_business_key_makes_one_of_what_was_sent_twice(devices):
    devices.sql("CREATE TABLE devices (device text, state integer, seen timestamptz)")
    devices.ok("init-db", env=devices.env)
    keyed = devices.env | {"SLUICE_LOAD_KEY": "/device,/state"}
    events = [{"device": f"secret-{i}", "state": i % 3} for i in range(100)]
    send(devices, events + events)
    devices.ok("drain", env=keyed)
    send(devices, [*events, {"device": "secret-0", "state": 7}, {"state": 1}, {"state": 1}])
    devices.ok("drain", env=keyed)
    assert devices.count("devices") == 101
    assert devices.count("sluice.quarantine") == 2
    assert devices.count("sluice.business_ledger") == 101
    assert devices.count("sluice.ledger") == 303
    # Another table's plan with the same fields has the same ledger, and rows of its own.
    other = devices.folder / "others.toml"
    other.write_text(PLAN.replace('"devices"', '"others"'))
    keyed["SLUICE_CONFIG"] = str(other)
    devices.sql("CREATE TABLE others (LIKE devices)")
    send(devices, events)
    devices.ok("drain", env=keyed)
    assert devices.count("others") == 100
    refused = devices.run("drain", env=keyed | {"SLUICE_MODE": "at_least_once"})
    assert refused.returncode == 2 and "load.key" in refused.stderr


def test_an_event_that_was_set_aside_and_is_mended_is_a_row(devices):
    """Its key is not taken by the bad message, neither in the quarantine nor in the dead-letter queue."""
    devices.sql("CREATE TABLE devices (device text, state integer CONSTRAINT low CHECK (state < 100), seen timestamptz)")
    devices.restart_queue("--queue", "dead", "--queue", f"{QUEUE},VisibilityTimeout=20,DeadLetter=dead:100")
    devices.env = devices.environment(SLUICE_CONFIG=str(devices.folder / "devices.toml"), SLUICE_LOAD_KEY="/device")
    devices.ok("init-db", env=devices.env)
    first = [{"device": "d1", "state": "x"}, {"device": "d2", "state": 100}, {"device": "d3", "state": 100}]
    mended = [{"device": "d1", "state": 1}, {"device": "d2", "state": 2}]

    def states():
        return devices.sql("SELECT device, state FROM devices ORDER BY device, state")

    send(devices, first + mended)  # in one batch
    devices.ok("drain", env=devices.env)
    assert states() == [["d1", "1"], ["d2", "2"]]
    assert devices.count("sluice.quarantine") == 3
    devices.sql("ALTER TABLE devices DROP CONSTRAINT low")
    out = devices.ok("quarantine", "replay", "--reason", "r", env=devices.env).stdout
    assert "replayed 1 messages: 1 rows" in out, out
    assert re.search(r"stay in the quarantine\s+1  its event, by load.key, is a row already", out), out
    assert re.search(r"stay in the quarantine\s+1  wrong_type", out), out
    send(devices, [{"device": "d3", "state": 3}, {"device": "d2", "state": 3}])
    devices.ok("drain", env=devices.env)
    assert states() == [["d1", "1"], ["d2", "2"], ["d3", "100"]]

    devices.sql("ALTER TABLE devices ADD CONSTRAINT low CHECK (state < 100) NOT VALID")
    send(devices, [{"device": "d4", "state": "x"}, {"device": "d5", "state": 100}])
    devices.ok("drain", env=devices.env | {"SLUICE_BAD_MESSAGES": "dlq"})
    assert devices.left("dead") == 2 and devices.left(QUEUE) == 0
    devices.sql("ALTER TABLE devices DROP CONSTRAINT low, ALTER state TYPE jsonb USING to_jsonb(state)")
    (devices.folder / "devices.toml").write_text(PLAN.replace('"integer"', '"jsonb"'))
    nowhere = devices.run("redrive", env=devices.env)
    assert nowhere.returncode == 1 and "SLUICE_BAD_MESSAGES=dlq" in nowhere.stderr, nowhere.stderr
    assert "moved 2 messages of dead" in devices.ok("redrive", env=devices.env | {"SLUICE_BAD_MESSAGES": "dlq"}).stdout
    devices.ok("drain", env=devices.env)
    assert states()[-2:] == [["d4", '"x"'], ["d5", "100"]]
