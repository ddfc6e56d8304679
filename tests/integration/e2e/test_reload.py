"""SIGHUP: a running sluice takes the new key ring between two messages, and keeps the old one if the new will not do."""

import json
import re
import signal
import time
import urllib.request

from gate import Gate
from world import SAMPLES, address_of, transaction, wait_for

EACH = 6_000


def key_of(made):
    return re.search(r'= "([A-Za-z0-9+/=]{40,})"', made)[1]


def test_the_ring_is_reloaded_under_load_without_losing_a_message(world):
    keys = {name: key_of(world.ok("keygen", name).stdout) for name in ("k1", "k2", "k3")}
    ring = world.folder / "keys.toml"

    def write(primary, *names):
        ring.write_text(f'primary = "{primary}"\n[keys]\n' + "".join(f'{name} = "{keys[name]}"\n' for name in names))

    write("k1", "k1")
    world.keys = None
    plan = world.folder / "plan.toml"
    plan.write_text(
        '[table]\nname = "user_logins"\n[[column]]\nname = "n"\ntype = "integer"\n'
        '[[column]]\nname = "token"\ntype = "text"\nfrom = "ip"\nmask = { scheme = "aes_siv", domain = "ip" }\n'
    )
    env = world.environment(
        SLUICE_KEYS_FILE=str(ring),
        SLUICE_CONFIG=str(plan),
        SLUICE_ADMIN="127.0.0.1:0",
        SLUICE_THREADS="2",
        SLUICE_LOG_FORMAT="json",
    )
    world.ok("init-db", env=env)
    sent = iter(range(1_000_000))

    def send(count):
        messages = world.folder / "messages.ndjson"
        numbers = [next(sent) for _ in range(count)]
        bodies = [{"n": n, "ip": f"10.0.0.{n % 256}"} if n % 100 else {"n": n} for n in numbers]
        messages.write_text("".join(json.dumps(body) + "\n" for body in bodies))
        world.ok("send", messages, "--create", env=env)

    send(EACH)
    log = open(world.folder / "run.log", "w+")
    process = world.start("run", env=env, stderr=log)

    def events(name):
        return [line for line in (world.folder / "run.log").read_text().splitlines() if f'"{name}"' in line]

    def hang_up(event):
        before = len(events(event))
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(events(event)) > before, event, process=process)

    def masking():
        with urllib.request.urlopen(address_of(world.folder / "run.log") + "metrics", timeout=5) as answer:
            return dict(re.findall(r'(\w+)="([^"]*)"', re.search(r"^sluice_masking_info\{.*", answer.read().decode(), re.M)[0]))

    try:
        wait_for(lambda: world.count("user_logins") > 0, "rows", process=process)
        assert masking() == {"masked": "token by aes_siv", "key": "k1"}
        write("k2", "k1", "k2")
        hang_up("keys_reloaded")
        assert masking()["key"] == "k2"
        send(EACH)
        for broken in ('primary = "k9"\n[keys]\n', "", f'primary = "k2"\n[keys]\nk2 = "{keys["k2"][:20]}"\n'):
            ring.write_text(broken)
            hang_up("keys_kept")
        ring.unlink()
        hang_up("keys_kept")
        send(EACH)
        write("k3", "k2", "k3")
        hang_up("keys_reloaded")
        send(EACH)
        wait_for(lambda: world.count("user_logins") + world.count("sluice.quarantine") == 4 * EACH, "all messages", 60, process)
        for _ in range(20):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
    assert world.sql("SELECT count(*), count(DISTINCT n) FROM user_logins") == [[str(4 * EACH - 4 * EACH // 100)] * 2]
    used = dict(world.sql("SELECT left(token, 3), count(*) FROM user_logins GROUP BY 1"))
    assert used.keys() == {"k1.", "k2.", "k3."}
    assert int(used["k2."]) > EACH, "the old ring was kept while the file was broken"
    sealed = dict(world.sql("SELECT convert_from(substr(body, 1, 3), 'UTF8'), count(*) FROM sluice.quarantine GROUP BY 1"))
    assert {"k2.", "k3."} <= sealed.keys(), "what is set aside is sealed with the new key, too"
    text = (world.folder / "run.log").read_text()
    assert not any(key[:12] in text for key in keys.values())


def test_a_hangup_while_it_starts_is_heard(world):
    """It may wait for its database for minutes, with the ring that it has read before."""
    ring = world.folder / "keys.toml"
    ring.write_text(world.keys + "\n")
    env = world.environment(SLUICE_KEYS=None, SLUICE_KEYS_FILE=str(ring), SLUICE_ADMIN="off", SLUICE_LOG_FORMAT="json")
    world.ok("init-db", env=env)
    world.ok("send", SAMPLES, "--create")
    log = world.folder / "run.log"
    with Gate((env["PGHOST"], int(env["PGPORT"]))) as gate:
        gate.refuse()
        process = world.start("run", env=env | {"PGHOST": gate.host, "PGPORT": str(gate.port)}, stderr=open(log, "w"))
        try:
            wait_for(lambda: "start_delayed" in log.read_text(), "it to find nobody", process=process)
            world.ok("keys", "add", "k2", env=env)
            world.ok("keys", "primary", "k2", env=env)
            process.send_signal(signal.SIGHUP)
            gate.reopen()
            wait_for(lambda: '"keys_reloaded"' in log.read_text(), "the new ring", 40, process)
            wait_for(lambda: world.count("user_logins") == 99, "rows", process=process)
        finally:
            process.terminate()
            assert process.wait(30) == 0


def test_a_ring_that_is_in_no_file_is_kept(world):
    world.ok("init-db")
    (world.folder / "one.ndjson").write_text("{}\n")
    world.ok("send", world.folder / "one.ndjson", "--create")
    env = world.environment(SLUICE_ADMIN="off", SLUICE_LOG_FORMAT="json")
    with open(world.folder / "run.log", "w") as log:
        process = world.start("run", env=env, stderr=log)
    try:
        wait_for(lambda: "started" in (world.folder / "run.log").read_text(), "start", process=process)
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: "SLUICE_KEYS_FILE" in (world.folder / "run.log").read_text(), "keys_kept", process=process)
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_what_is_held_under_the_old_key_is_shown_until_it_is_committed(world):
    """A transaction that waits for a lock was masked before the new key came, and is committed long after."""
    ring = world.folder / "keys.toml"
    ring.write_text(world.keys + "\n")
    env = world.environment(
        SLUICE_KEYS=None, SLUICE_KEYS_FILE=str(ring), SLUICE_ADMIN="127.0.0.1:0", SLUICE_WAIT="1s", SLUICE_LOG_FORMAT="json"
    )
    world.ok("init-db", env=env)
    world.ok("send", SAMPLES, "--create")
    log = world.folder / "run.log"
    process = world.start("run", env=env, stderr=open(log, "w"))

    def metric(name):
        with urllib.request.urlopen(address_of(log) + "metrics", timeout=5) as answer:
            return re.search(rf'^{name}(?:\{{.*key="([^"]*)"\}})? (.*)$', answer.read().decode(), re.M).groups()

    def change(*arguments):
        reloads = log.read_text().count('"keys_reloaded"')
        world.ok("keys", *arguments, env=env)
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: log.read_text().count('"keys_reloaded"') > reloads, "the ring", process=process)

    rekey = ("rekey", "--table", "user_logins", "--column", "masked_ip")
    try:
        wait_for(lambda: '"started"' in log.read_text(), "start", process=process)
        wait_for(lambda: world.count("user_logins") == 99, "rows", process=process)
        with transaction(world, "LOCK TABLE user_logins IN SHARE MODE"):
            world.ok("send", SAMPLES)
            wait_for(lambda: metric("sluice_messages_held")[1] == "100", "messages that are held", process=process)
            change("add", "k2")
            assert metric("sluice_oldest_key_held")[0] == "k1"
            change("primary", "k2")
            world.wait_for_polls(process)
            assert metric("sluice_masking_info")[0] == "k2"
            assert metric("sluice_oldest_key_held")[0] == "k1", "the transaction that waits"
            assert '"old_key_let_go"' not in log.read_text()
        wait_for(lambda: world.count("user_logins") == 198, "the rows that were held", process=process)
        wait_for(lambda: metric("sluice_oldest_key_held")[0] == "k2", "the old key to go", process=process)
        wait_for(lambda: '"old_key_let_go","key":"k1"' in log.read_text(), "that it is told", process=process)
        assert "tokens moved to key k2" in world.ok(*rekey, env=env).stdout
        assert world.sql("SELECT count(*) FROM user_logins WHERE left(masked_ip, 3) <> 'k2.'") == [["0"]]
        world.ok("send", SAMPLES)
        wait_for(lambda: world.count("user_logins") == 297, "rows", process=process)
        assert world.ok(*rekey, env=env).stdout == "0 tokens moved to key k2\n"
    finally:
        process.terminate()
        assert process.wait(30) == 0
