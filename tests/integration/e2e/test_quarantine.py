"""What was set aside: looked at, opened, replayed, dropped; and dead letters that go back to their queue."""

import json
import os
import re
import urllib.parse

import pytest

from gate import Gate, PostgresGate
from queues import BAD_BODY
from terminal import on_a_terminal
from world import SAMPLES, wait_for


@pytest.fixture
def full(world):
    """One message without its fields, and those of android whose locale the table did not take."""
    world.ok("init-db")
    world.sql("ALTER TABLE user_logins ADD CONSTRAINT strict CHECK (device_type <> 'android')")
    world.ok("send", SAMPLES, "--create")
    world.ok("drain")
    assert world.count("user_logins") == 51
    assert world.count("sluice.quarantine") == 49
    return world


def test_list_says_what_was_set_aside_and_why(full):
    out = full.ok("quarantine", "list").stdout
    assert "49 of 49 entries" in out
    assert out.count("refused_by_table") == 48 and out.count("23514") == 48 and out.count("missing_field") == 1
    assert "10 of 49 entries" in full.ok("quarantine", "list", "--limit", 10).stdout
    assert "1 of 1 entries" in full.ok("quarantine", "list", "--code", "missing_field").stdout
    assert "0 of 0 entries" in full.ok("quarantine", "list", "--until", "2020-01-01").stdout
    lines = full.ok("quarantine", "list", "--json", "--since", "2020-01-01").stdout.splitlines()
    assert len(lines) == 49
    first = json.loads(lines[0])
    assert first["target"] == '"user_logins"' and first["receive_count"] == 1
    wrong = full.run("quarantine", "list", "--since", "some day")
    assert wrong.returncode == 2 and "2026-11-24" in wrong.stderr


def test_show_opens_a_body_for_a_reason_that_is_written_down(full):
    audit = full.folder / "audit.log"
    env = full.environment(SLUICE_AUDIT_FILE=str(audit))
    without = full.run("quarantine", "show", "--code", "missing_field", env=env)
    assert without.returncode == 2 and "--reason" in without.stderr
    blank = full.run("quarantine", "show", "--code", "missing_field", "--reason", " ", env=env)
    assert blank.returncode == 2 and not blank.stdout
    assert not audit.exists()

    shown = full.ok("quarantine", "show", "--code", "missing_field", "--reason", "ticket 42", env=env)
    assert shown.stdout == BAD_BODY + "\n"
    [line] = audit.read_text().splitlines()
    written = json.loads(line)
    [[message_id]] = full.sql("SELECT message_id FROM sluice.quarantine WHERE reason = 'missing_field'")
    assert (written["what"], written["why"], written["which"], written["count"], written["key_ids"]) == (
        "quarantine show",
        "ticket 42",
        message_id,
        1,
        ["k1"],
    )
    assert written["uid"] == os.getuid() and written["host"] and re.match(r"2\d{3}-.*Z$", written["time"])
    assert "foo" not in line

    nowhere = full.run("quarantine", "show", "--reason", "x", env=full.environment(SLUICE_AUDIT_FILE="/nowhere/audit"))
    assert nowhere.returncode == 2 and not nowhere.stdout
    other = full.run("quarantine", "show", "--reason", "x", env=env | {"SLUICE_KEYS": full.run("keygen", "k2").stdout.strip()})
    assert other.returncode == 2 and "k1" in other.stderr and not other.stdout
    [_, tried] = map(json.loads, audit.read_text().splitlines())
    [[oldest]] = full.sql("SELECT message_id FROM sluice.quarantine ORDER BY sent_ms, message_id LIMIT 1")
    assert (tried["what"], tried["why"], tried["which"], tried["count"], tried["key_ids"]) == (
        "quarantine show",
        "x",
        oldest,
        0,
        [],
    )


def test_an_attempt_that_ends_at_one_of_many_bodies_shows_none_and_is_written_down(full):
    full.sql(
        "INSERT INTO sluice.quarantine SELECT gen_random_uuid(), 1e15 + n, now(), 'not_json', NULL, NULL, 1, '\"user_logins\"', "
        "CASE WHEN n = 61 THEN (SELECT 'k9'::bytea || substring(body FROM 3) FROM sluice.quarantine LIMIT 1) END "
        "FROM generate_series(1, 70) n"
    )
    audit = full.folder / "audit.log"
    done = full.run("quarantine", "show", "--limit", 1000, "--reason", "r", env=full.environment(SLUICE_AUDIT_FILE=str(audit)))
    assert done.returncode == 2 and "k9" in done.stderr and not done.stdout
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [(len(line["which"].split()), line["count"]) for line in lines] == [(100, 0), (10, 0)]


def test_replay_loads_what_the_table_takes_now_and_leaves_the_rest(full):
    nothing = full.ok("quarantine", "replay", "--reason", "r").stdout
    assert "replayed 0 messages" in nothing
    assert full.count("sluice.quarantine") == 49 and full.count("user_logins") == 51

    full.sql("ALTER TABLE user_logins DROP CONSTRAINT strict")
    [[one]] = full.sql("SELECT message_id FROM sluice.quarantine WHERE sqlstate = '23514' LIMIT 1")
    assert "replayed 1 messages: 1 rows" in full.ok("quarantine", "replay", "--reason", "r", one).stdout
    out = full.ok("quarantine", "replay", "--reason", "r").stdout
    assert "replayed 47 messages: 47 rows" in out
    assert re.search(r"stay in the quarantine\s+1  missing_field user_id", out)
    assert full.count("user_logins") == 99
    assert full.count("sluice.quarantine") == 1
    assert full.count("sluice.ledger") == 100
    full.ok("quarantine", "replay", "--reason", "r")
    assert full.count("user_logins") == 99


def audited(world):
    return [json.loads(line) for line in (world.folder / "audit.log").read_text().splitlines()]


def test_a_replay_is_written_down_before_it_loads(full):
    full.sql("ALTER TABLE user_logins DROP CONSTRAINT strict")
    [[one]] = full.sql("SELECT message_id FROM sluice.quarantine WHERE sqlstate = '23514' LIMIT 1")
    unsaid = full.run("quarantine", "replay", one)
    assert unsaid.returncode != 0 and "--reason" in unsaid.stderr
    nowhere = full.environment(SLUICE_AUDIT_FILE="/nowhere/audit")
    assert full.run("quarantine", "replay", one, "--reason", "ticket 42", env=nowhere).returncode == 2
    assert full.count("user_logins") == 51
    full.ok("quarantine", "replay", one, "--reason", "ticket 42")
    [line] = audited(full)
    assert (line["what"], line["why"], line["count"], line["key_ids"]) == ("quarantine replay", "ticket 42", 1, ["k1"])
    assert line["which"] == f'into "public"."user_logins" by built-in login-events plan, which masks /ip, /device_id: {one}'


UNMASKED = """[table]
name = "user_logins"
[[column]]
name = "user_id"
type = "varchar(128)"
[[column]]
name = "masked_ip"
type = "varchar(256)"
from = "/ip"
"""


def test_a_plan_that_masks_less_is_refused_unless_that_is_said(full):
    """A slip with a plan must not write what was masked."""
    full.sql("ALTER TABLE user_logins DROP CONSTRAINT strict")
    plan = full.folder / "unmasked.toml"
    plan.write_text(UNMASKED)
    replay = ("quarantine", "replay", "-c", plan, "--reason", "r")
    refused = full.run(*replay)
    assert refused.returncode == 2 and "/ip was masked" in refused.stderr and "--unmasked" in refused.stderr
    assert full.count("user_logins") == 51
    full.ok(*replay, "--unmasked")
    assert full.count("user_logins") == 99
    assert full.sql("SELECT count(*) > 0 FROM user_logins WHERE masked_ip NOT LIKE 'k1.%'") == [["t"]]
    assert all("masks nothing" in line["which"] for line in audited(full))


@pytest.mark.parametrize("column", ["target", "reason"])
def test_what_was_sealed_for_one_table_and_reason_is_opened_for_no_other(full, column):
    full.sql(f"UPDATE sluice.quarantine SET {column} = '\"others\"' WHERE reason = 'missing_field'")
    full.sql("CREATE TABLE others (LIKE user_logins)")
    plan = full.folder / "others.toml"
    plan.write_text(UNMASKED.replace("user_logins", "others"))
    done = full.run("quarantine", "show", "--code", "missing_field" if column == "target" else '"others"', "--reason", "r")
    assert done.returncode == 2 and "its table or its reason was changed" in done.stderr and done.stdout == ""
    if column == "target":
        out = full.ok("quarantine", "replay", "-c", plan, "--reason", "r").stdout
        assert "replayed 0 messages" in out and "cannot be opened" in out


def test_what_is_dropped_is_written_down_and_not_done_without(full):
    drop = ("quarantine", "drop", "--code", "missing_field", "--yes", "--reason", "a month old")
    assert full.run(*drop, env=full.environment(SLUICE_AUDIT_FILE="/nowhere/audit")).returncode == 2
    assert full.count("sluice.quarantine") == 49
    full.ok(*drop)
    [line] = audited(full)
    assert (line["what"], line["why"], line["which"], line["count"]) == (
        "quarantine drop",
        "a month old",
        "code=missing_field",
        1,
    )


def test_a_listing_commands_no_terminal(full):
    """Whoever may insert into the quarantine chooses what is shown of it."""
    full.sql("UPDATE sluice.quarantine SET target = E'\\x1b]0;title\\x07' WHERE reason = 'missing_field'")
    seen = on_a_terminal(full, "quarantine", "list", "--code", "missing_field")
    assert "\x1b]" not in seen and "\\u001b]0;title\\u0007" in seen


class LastWordLost(PostgresGate):
    """Cuts a connection that has loaded rows where it asks for its COMMIT, or where that is confirmed."""

    def __init__(self, env, asked):
        super().__init__(env)
        self._asked = asked
        if not asked:
            self.cut_at_commit(1)

    def _watch(self, link, from_server, data):
        if self._asked and link.loading and not self.cut and data.startswith(b"Q") and data.endswith(b"COMMIT\0"):
            self.cut += 1
            return None
        return super()._watch(link, from_server, data)


@pytest.mark.parametrize("asked, rows", [(True, 51), (False, 99)], ids=["COMMIT", "its answer"])
def test_a_replay_whose_commit_is_lost_fails_and_can_be_run_again(full, asked, rows):
    full.sql("ALTER TABLE user_logins DROP CONSTRAINT strict")
    with LastWordLost(full.environment(), asked) as gate:
        env = full.environment(PGHOST=gate.host, PGPORT=str(gate.port), PGSSLMODE="disable")
        done = full.run("quarantine", "replay", "--reason", "r", env=env)
        assert gate.cut == 1
    assert done.returncode == 1 and "was lost" in done.stderr, done
    assert (full.count("user_logins"), full.count("sluice.quarantine")) == (rows, 100 - rows)
    full.ok("quarantine", "replay", "--reason", "r")
    assert (full.count("user_logins"), full.count("sluice.quarantine"), full.count("sluice.ledger")) == (99, 1, 100)
    assert full.sql("SELECT count(DISTINCT user_id) FROM user_logins") == [["99"]]


def test_two_replays_at_once_load_each_message_once(full):
    full.sql("ALTER TABLE user_logins DROP CONSTRAINT strict")
    both = [full.start("quarantine", "replay", "--reason", "r") for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert full.count("user_logins") == 99
    assert full.count("sluice.quarantine") == 1


def test_drop_wants_a_filter_and_a_yes(full):
    for arguments in ([], ["--yes"], ["--code", "missing_field"]):
        refused = full.run("quarantine", "drop", "--reason", "r", *arguments)
        assert refused.returncode == 2, arguments
    assert "would drop 1 entries" in refused.stderr
    assert full.count("sluice.quarantine") == 49
    assert "dropped 1 entries" in full.ok("quarantine", "drop", "--reason", "r", "--code", "missing_field", "--yes").stdout
    assert "dropped 48 entries" in full.ok("quarantine", "drop", "--reason", "r", "--all", "--yes").stdout
    assert full.count("sluice.quarantine") == 0
    assert full.count("sluice.ledger") == 100


@pytest.mark.parametrize("flag", ["--code", "--since", "--until"])
def test_a_filter_that_is_empty_is_a_mistake_and_not_all(full, flag):
    done = full.run("quarantine", "drop", "--reason", "r", "--code", "refused_by_table", flag, "", "--yes")
    assert done.returncode == 2 and "empty" in done.stderr
    assert full.count("sluice.quarantine") == 49


def test_times_are_utc_whatever_the_server_s_zone_is(full):
    [[database]] = full.sql("SELECT current_database()")
    full.sql(f"ALTER DATABASE \"{database}\" SET timezone = 'Pacific/Kiritimati'")  # UTC+14
    [[hour_ago, in_an_hour]] = full.sql(
        "SELECT to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'YYYY-MM-DD HH24:MI'), "
        "to_char(now() AT TIME ZONE 'UTC' + interval '1 hour', 'YYYY-MM-DD HH24:MI')"
    )

    def count(*limits):
        return full.ok("quarantine", "list", "--limit", 1, *limits).stdout.splitlines()[-1]

    assert count("--since", hour_ago) == "1 of 49 entries"
    assert count("--since", in_an_hour) == "0 of 0 entries"
    assert count("--until", in_an_hour) == "1 of 49 entries"
    assert count("--until", hour_ago) == "0 of 0 entries"
    assert count("--since", "2020-01-01", "--until", hour_ago + "+00") == "0 of 0 entries"


def test_many_that_are_opened_are_written_down_in_lines_of_a_hundred(full):
    full.sql(
        "INSERT INTO sluice.quarantine SELECT gen_random_uuid(), n, now(), 'not_json', NULL, NULL, 1, 't', NULL "
        "FROM generate_series(1, 201) n"
    )
    audit = full.folder / "audit.log"
    full.ok("quarantine", "show", "--limit", 1000, "--reason", "r", env=full.environment(SLUICE_AUDIT_FILE=str(audit)))
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [len(line["which"].split()) for line in lines] == [100, 100, 50]
    assert sum(line["count"] for line in lines) == 49


def test_redrive_moves_dead_letters_back_to_their_queue(world):
    world.ok("init-db")
    world.restart_queue("--queue", "login-dead", "--queue", "login-queue,VisibilityTimeout=5,DeadLetter=login-dead:1")
    world.ok("send", SAMPLES)
    world.ok("drain", env=world.environment(SLUICE_BAD_MESSAGES="leave"))
    assert world.stats()["queues"]["login-dead"]["visible"] == 1
    moved = world.ok("redrive")
    assert "moved 1 messages of login-dead back to" in moved.stdout
    assert "new ids" in moved.stderr
    assert world.stats()["queues"]["login-dead"]["visible"] == 0
    world.ok("drain")
    assert world.count("sluice.quarantine") == 1


def test_a_dead_letter_that_was_loaded_is_known_where_it_lies(world):
    """Committed and not deleted, as by a kill in between; SQS moves it when it is received once more."""
    world.ok("init-db")
    world.restart_queue("--queue", "login-dead", "--queue", "login-queue,VisibilityTimeout=5,DeadLetter=login-dead:1")
    world.ok("send", SAMPLES)
    world.set_faults(throttle_rate=1, operations=["DeleteMessageBatch"])
    left = world.start("run", env=world.environment(SLUICE_DRAIN_MAX="1s", SLUICE_ADMIN="off"))
    wait_for(lambda: world.count("user_logins") == 99, "the rows", process=left)
    left.terminate()
    left.wait(30)
    world.set_faults()
    wait_for(lambda: world.stats()["queues"]["login-queue"]["in_flight"] == 0, "the messages to come again")
    assert world.ok("drain").returncode == 0
    assert world.stats()["queues"]["login-dead"]["visible"] == 100
    out = world.ok("drain", "--queue", "login-dead").stdout
    assert re.search(r"known before +100$", out, re.MULTILINE), out
    assert world.count("user_logins") == 99
    assert world.stats()["queues"]["login-dead"]["visible"] == 0


def test_redrive_says_when_there_is_nothing_to_move_from(world):
    world.ok("send", SAMPLES, "--create")
    done = world.run("redrive")
    assert done.returncode == 2 and "no dead-letter queue" in done.stderr


UNKNOWN = {
    "400": b'{"__type":"com.amazon.coral.service#UnknownOperationException"}',
    "404": b"<UnknownOperationException/>",
    "501": b"not implemented",
}


@pytest.mark.parametrize("status", UNKNOWN)
def test_redrive_says_when_the_server_has_no_such_operation(world, status):
    world.restart_queue("--queue", "login-dead", "--queue", "login-queue,DeadLetter=login-dead:1")

    def without_moves(link, from_server, data):
        if from_server or b"StartMessageMoveTask" not in data:
            return data
        body = UNKNOWN[status]
        link.client.sendall(b"HTTP/1.1 %s No\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body))
        return b""

    peer = urllib.parse.urlsplit(world.endpoint)
    with Gate((peer.hostname, peer.port), without_moves) as gate:
        env = world.environment(AWS_ENDPOINT_URL_SQS=f"http://{gate.host}:{gate.port}")
        done = world.run("redrive", env=env)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "does not move messages" in done.stderr, done.stderr


def test_redrive_says_when_the_server_cannot(world):
    """A server that refuses the operation, as some emulators do."""
    world.restart_queue(
        "--queue",
        "login-dead",
        "--queue",
        "login-queue,DeadLetter=login-dead:1",
        "--deny",
        "AKIATESTTESTTEST:StartMessageMoveTask",
    )
    done = world.run("redrive")
    assert done.returncode == 2 and "sqs:StartMessageMoveTask" in done.stderr
