"""Each file in examples/ loads what it says, from a real queue into a real PostgreSQL."""

import json
import uuid

import pytest

from queues import client
from world import EXAMPLES

SESSION = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
TOPIC = "arn:aws:sns:eu-west-1:000000000000:clicks"


@pytest.fixture
def queue(world):
    """Sends bodies, with message attributes or without, by AWS's own client."""
    sqs = client(world, retries={"total_max_attempts": 1})
    url = sqs.create_queue(QueueName="login-queue")["QueueUrl"]

    def send(body, **attributes):
        text = body if isinstance(body, str) else json.dumps(body)
        wanted = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        sqs.send_message(QueueUrl=url, MessageBody=text, MessageAttributes=wanted)

    return send


def notification(record, **attributes):
    """What SNS puts into a queue that is subscribed without raw delivery."""
    body: dict[str, object] = {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": TOPIC,
        "Timestamp": "2026-01-01T00:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "c2lnbmF0dXJl",
        "SigningCertURL": "https://sns.example/cert.pem",
        "UnsubscribeURL": "https://sns.example/unsubscribe",
        "Message": json.dumps(record),
    }
    if attributes:
        body["MessageAttributes"] = {name: {"Type": "String", "Value": value} for name, value in attributes.items()}
    return body


def click(at, action="click", **more):
    return {"at": at, "url": "/caf%C3%A9?a=1+2", "action": action, **more}


def clicks(*events):
    return {"session": SESSION, "visitor": {"email": " Some.Body@Example.com"}, "events": list(events)}


def test_clicks_through_sns_into_a_partitioned_table(world, queue):
    plan = EXAMPLES / "clickstream-sns.toml"
    world.sql((EXAMPLES / "clickstream-sns.sql").read_text())
    world.ok("init-db", "-c", plan)
    queue(
        notification(
            clicks(
                click("2026-01-01T10:00:00Z", "tap"), click("2026-01-02T10:00:00+01:00", "purchase", amount=19.9, items=[1, 2.50])
            ),
            tenant="acme",
        )
    )
    queue(notification(clicks(click("2026-01-01T12:00:00Z"))))
    queue(notification(clicks(click("2026-01-01T12:00:00Z"), click("2026-01-01T12:00:01Z", "sneeze"))))  # one is not in the map
    queue(
        notification(clicks(click("2026-01-01T13:00:00Z"), click("2027-01-01T13:00:00Z"), click("2026-01-02T13:00:00Z")))
    )  # no partition
    queue(notification(clicks()))
    queue({"session": SESSION, "events": []})  # not a notification
    world.ok("drain", "-c", plan)

    rows = world.sql(
        "SELECT tableoid::regclass, page, action, amount, tenant, event_number, other FROM clicks ORDER BY happened_at"
    )
    assert rows == [
        ["clicks_2026_01_01", "/café?a=1 2", "click", None, "acme", "0", "{}"],
        ["clicks_2026_01_01", "/café?a=1 2", "click", None, "unknown", "0", "{}"],
        ["clicks_2026_01_02", "/café?a=1 2", "purchase", "19.90", "acme", "1", '{"items": [1, 2.5]}'],
    ]
    [[visitor, topic]] = world.sql("SELECT DISTINCT visitor, topic FROM clicks")
    token = world.ok("mask", "some.body@example.com", "--scheme", "hmac_sha256", "--domain", "visitor/email").stdout.strip()
    assert (visitor, topic) == (token, TOPIC)
    aside = world.sql("SELECT reason, sqlstate, column_name FROM sluice.quarantine ORDER BY 1")
    assert aside == [
        ["bad_envelope", None, "/Message"],
        ["refused_by_table", "23514", None],
        ["unmapped_value", None, "action"],
    ]
    # A message with no events is one that was dealt with.
    assert world.count("sluice.ledger") == 6
    assert world.stats()["queues"]["login-queue"]["visible"] == 0


def reading(**changes):
    return {
        "device": {"id": "d-1", "address": "2001:db8::1/64", "firmware": "4.11.2"},
        "ts": 1767323045678,
        "temperature": 21.5,
        "samples": [0.1, None, 3],
        "flags": ["low battery"],
        "checksum": "00ff",
    } | changes


def test_readings_of_devices(world, queue):
    plan = EXAMPLES / "iot-readings.toml"
    world.ok("init-db", "-c", plan)
    queue(reading())
    exact = json.dumps(reading(device={"id": "d-2", "firmware": "4"}, samples=[], temperature=0))
    queue(exact.replace('"temperature": 0', '"temperature": 1234.56780'))
    queue(reading(humidity=50))
    queue(reading(temperature="warm"))
    queue(reading(samples=[[1]]))
    queue(reading(device={"id": "d-3", "address": "localhost", "firmware": "4"}))
    queue(reading(temperature=22.25, samples=[0.2]))
    world.ok("drain", "-c", plan)
    # Corrected in the same batch, and once more after that was committed.
    assert world.sql("SELECT temperature, samples FROM readings WHERE device = 'd-1'") == [["22.2500", "{0.2}"]]
    queue(reading())
    queue(reading(ts=1767323045679, device={"id": "d-1", "firmware": "4.11.3"}))
    world.ok("drain", "-c", plan)
    assert world.sql("SELECT firmware FROM readings WHERE device = 'd-1' ORDER BY read_at") == [["4011002"], ["4011003"]]
    world.sql("DELETE FROM readings WHERE firmware = 4011003")
    columns = "device, address, firmware, read_at, temperature, samples, flags, checksum"
    assert world.sql(f"SELECT {columns} FROM readings ORDER BY device") == [
        [
            "d-1",
            "2001:db8::1/64",
            "4011002",
            "2026-01-02 03:04:05.678+00",
            "21.5000",
            "{0.1,NULL,3}",
            '{"low battery"}',
            r"\x00ff",
        ],
        ["d-2", None, "4000000", "2026-01-02 03:04:05.678+00", "1234.5678", "{}", '{"low battery"}', r"\x00ff"],
    ]
    aside = world.sql("SELECT reason, column_name FROM sluice.quarantine ORDER BY 1, 2")
    assert aside == [
        ["bad_format", "address"],
        ["unknown_field", None],
        ["wrong_type", "samples"],
        ["wrong_type", "temperature"],
    ]


def test_message_attributes_are_asked_for_when_the_plan_wants_them(world, queue):
    plan = world.folder / "plan.toml"
    plan.write_text(
        "[table]\nname = 't'\n"
        "[[column]]\nname = 'v'\ntype = 'integer'\n"
        "[[column]]\nname = 'tenant'\ntype = 'text'\nfrom = '@attribute/tenant'\n"
        "[[column]]\nname = 'attempt'\ntype = 'integer'\nfrom = '@attribute/attempt'\ndefault = 1\n"
    )
    world.ok("init-db", "-c", plan)
    queue({"v": 1}, tenant="acme", other="x")
    queue({"v": 2}, tenant="nobody", attempt="7")
    queue({"v": 3})
    world.ok("drain", "-c", plan)
    assert world.sql("SELECT * FROM t ORDER BY v") == [["1", "acme", "1"], ["2", "nobody", "7"]]
    assert world.sql("SELECT reason, column_name FROM sluice.quarantine") == [["missing_field", "tenant"]]


@pytest.mark.parametrize("mode", ["exactly_once", "at_least_once", "upsert"])
def test_one_of_three_rows_that_is_refused_refuses_the_message(world, queue, mode):
    """By the table, or by the plan."""
    plan = world.folder / "plan.toml"
    plan.write_text(
        "[message]\nrows = '/list'\n[table]\nname = 't'\nkey = ['v']\n[[column]]\nname = 'v'\ntype = 'integer'\n"
        "[[column]]\nname = 'sent'\ntype = 'timestamptz'\nfrom = '@sent_timestamp'\n"
    )
    world.sql("CREATE TABLE t (v integer PRIMARY KEY CHECK (v <> 5), sent timestamptz)")
    world.ok("init-db", "-c", plan)
    for first in range(0, 30, 3):
        queue({"list": [{"v": first + i} for i in range(3)]})
    queue({"list": [{"v": 101}, {"v": 102}, {"v": 2**31}]})
    queue({"list": []})
    world.ok("drain", "-c", plan, env=world.environment(SLUICE_MODE=mode))
    assert [int(v) for [v] in world.sql("SELECT v FROM t ORDER BY v")] == [v for v in range(30) if v not in (3, 4, 5)]
    assert sorted(world.sql("SELECT reason, sqlstate FROM sluice.quarantine")) == [
        ["out_of_range", None],
        ["refused_by_table", "23514"],
    ]
    assert world.left("login-queue") == 0


def test_a_notification_of_s3_gives_a_row_for_each_object_or_none(world, queue):
    """The form of AWS: Amazon S3 User Guide, "Event message structure"."""
    plan = world.folder / "plan.toml"
    plan.write_text(
        "[message]\nenvelope = 's3'\n[table]\nname = 'objects'\n"
        "[[column]]\nname = 'event'\ntype = 'text'\nfrom = 'eventName'\n"
        "[[column]]\nname = 'at'\ntype = 'timestamptz'\nfrom = 'eventTime'\n"
        "[[column]]\nname = 'bucket'\ntype = 'text'\nfrom = '/s3/bucket/name'\n"
        "[[column]]\nname = 'key'\ntype = 'text'\nfrom = '/s3/object/key'\ntransform = 'percent_decode'\n"
        "[[column]]\nname = 'bytes'\ntype = 'bigint'\nfrom = '/s3/object/size'\nrequired = false\n"
        "[[column]]\nname = 'n'\ntype = 'integer'\nfrom = '@row_number'\n"
    )
    world.ok("init-db", "-c", plan)

    def record(key, event="ObjectCreated:Put", **more):
        return {
            "eventVersion": "2.2",
            "eventSource": "aws:s3",
            "awsRegion": "eu-west-1",
            "eventTime": "2026-01-02T03:04:05.678Z",
            "eventName": event,
            "userIdentity": {"principalId": "EXAMPLE"},
            "requestParameters": {"sourceIPAddress": "198.51.100.7"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "c",
                "bucket": {"name": "logs", "arn": "arn:aws:s3:::logs"},
                "object": {"key": key, "sequencer": "0055AED6DCD90281E5", **more},
            },
        }

    queue({"Records": [record("a+b/%C3%BC.json", size=2**40), record("c", event="ObjectRemoved:Delete")]})
    queue({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-02T03:04:05.678Z", "Bucket": "logs", "HostId": "x"})
    queue({"Records": [record("good", size=1), record("bad%zz", size=1)]})
    queue({"Records": [record("good", size=1), {"s3": None}]})
    queue({"records": []})
    world.ok("drain", "-c", plan)
    at = "2026-01-02 03:04:05.678+00"
    assert world.sql("SELECT * FROM objects ORDER BY n") == [
        ["ObjectCreated:Put", at, "logs", "a b/\u00fc.json", str(2**40), "0"],
        ["ObjectRemoved:Delete", at, "logs", "c", None, "1"],
    ]
    assert sorted(world.sql("SELECT reason, column_name FROM sluice.quarantine")) == [
        ["bad_format", "key"],
        ["missing_field", "/Records"],
        ["missing_field", "event"],
    ]
    assert world.left("login-queue") == 0


def test_every_type_of_the_reference_is_created_and_loaded(world, queue):
    plan = EXAMPLES / "all-types.toml"
    world.ok("init-db", "-c", plan)
    body = {
        "plain": "x",
        "trimmed": " y ",
        "contact": {"email": "A@B.C", "mail": " D@E.F"},
        "tags": ["t"],
        "object_key": "a%20b",
        "tiny": 1,
        "number": None,
        "big": 2**62,
        "ratio": 0.5,
        "exact": 1e-300,
        "price": 12.34,
        "quantity": "12",
        "weight": "0.5",
        "cost": " 1.10",
        "flag": True,
        "agreed": "true",
        "platform": "iOS",
        "plan_name": "trial",
        "version": "7.2.11",
        "birthday": "2000-02-29",
        "at": "2026-01-31T23:59:59.5+01:00",
        "at_seconds": 1767323045.5,
        "at_milliseconds": 1767323045678,
        "at_local": "2026-01-31T23:59:59",
        "on_day": "2026-01-31T23:59:59-01:00",
        "on_day_seconds": 0,
        "on_day_milliseconds": 0,
        "session": SESSION,
        "address": "10.0.0.0/8",
        "digest": "00ff",
        "payload": "AAEC",
        "nonce": "-_8",
        "labels": ["a", None],
        "counts": [1, 2],
        "samples": [0.5],
        "prices": [1.10],
        "sessions": [SESSION],
        "extra": {"a": [1]},
        "ip": "10.0.0.1",
        "peer_ip": "10.0.0.1",
        "login_ip": "10.0.0.2",
        "device": "d",
        "name": "A. Person",
        "card": "4111111111111111",
        "new": {"field": 1},
    }
    queue(body, tenant="acme")
    world.ok("drain", "-c", plan)
    assert world.sql("SELECT reason, column_name FROM sluice.quarantine") == []
    [row] = world.sql(
        "SELECT big, price, amount, cost, platform, plan_name, at, at_seconds, on_day, address, payload, labels, prices, rest, producer, "
        "ip_token = peer_token, tenant, attempt FROM all_types"
    )
    [hidden] = world.sql("SELECT address_hidden, host(network_hidden) FROM all_types")
    for scheme, token in zip(("ipcrypt_deterministic", "ipcrypt_pfx"), hidden, strict=True):
        assert world.ok("mask", "10.0.0.2", "--scheme", scheme, "--domain", "login_ip").stdout == token + "\n"

    assert row == [
        str(2**62),
        "12.34",
        "0",
        "1.10",
        "1",
        "free",
        "2026-01-31 22:59:59.5+00",
        "2026-01-02 03:04:05.5+00",
        "2026-02-01",
        "10.0.0.0/8",
        r"\x000102",
        "{a,NULL}",
        "{1.1}",
        '{"new": {"field": 1}}',
        "web",
        "t",
        "acme",
        "1",
    ]
