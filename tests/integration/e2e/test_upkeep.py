"""The ledger is looked after at start and each hour, and that decides about no message."""

from world import SAMPLES, transaction, wait_for


def day_of(world, offset):
    return world.sql(f"SELECT to_char((now() AT TIME ZONE 'UTC')::date + ({offset}), 'YYYYMMDD')")[0][0]


def make_old_day(world, offset):
    name = f"sluice.ledger_{day_of(world, offset)}"
    world.sql(
        f"DO $$ DECLARE day bigint := floor(extract(epoch FROM now()) / 86400) + ({offset}); BEGIN"
        f" EXECUTE format('CREATE TABLE {name} PARTITION OF sluice.ledger FOR VALUES FROM (%s) TO (%s)', day * 86400000, (day + 1) * 86400000);"
        f" EXECUTE format('INSERT INTO sluice.ledger VALUES (%s, gen_random_uuid())', day * 86400000); END $$"
    )
    return name


def test_a_reader_of_the_ledger_keeps_no_sluice_out(world):
    """A day's partition is to be made, and one to be dropped: both want locks that a pg_dump does not leave to them."""
    world.ok("init-db")
    tomorrow = f"sluice.ledger_{day_of(world, 1)}"
    old = make_old_day(world, -20)
    world.sql(f"DROP TABLE {tomorrow}")
    world.ok("send", SAMPLES, "--create")
    env = world.environment(SLUICE_ADMIN="off", SLUICE_LOG_FORMAT="json", SLUICE_QUEUE_AWAY_MAX="10s")
    with transaction(world, "SELECT count(*) FROM sluice.ledger"):
        done = world.run("drain")
        assert done.returncode == 0, done.stderr
        assert "rows loaded               99" in done.stdout
        assert "ledger_upkeep_failed" in done.stderr
        world.ok("send", SAMPLES)
        log = world.folder / "run.log"
        process = world.start("run", env=env, stderr=open(log, "w"))
        wait_for(lambda: world.count("user_logins") == 198, "rows", process=process)
        process.terminate()
        assert process.wait(30) == 0
        assert '"ledger_upkeep_failed"' in log.read_text()
    world.ok("send", SAMPLES)
    assert "ledger_upkeep_failed" not in world.ok("drain").stderr
    assert world.sql(f"SELECT to_regclass('{tomorrow}') IS NOT NULL, to_regclass('{old}') IS NULL") == [["t", "t"]]


def test_a_ledger_that_cannot_be_told_is_not_loaded_into(world):
    """What cannot be told to the ledger is no matter of upkeep: another pipeline would forget too early."""
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    world.sql("DROP FUNCTION sluice.remember_retention")
    done = world.run("drain")
    assert done.returncode == 2 and "init-db" in done.stderr
    world.ok("init-db")
    world.ok("drain")


def retention(world):
    return world.sql("SELECT queue LIKE '%/login-queue', retention_s FROM sluice.queues ORDER BY told_at")


def kept_days(world):
    [[days]] = world.sql("SELECT round((extract(epoch FROM now()) * 1000 - sluice.oldest_needed()) / 86400000)")
    return int(days)


def test_the_ledger_keeps_what_the_queue_does_and_a_day(world):
    world.ok("init-db")
    assert kept_days(world) == 15
    world.ok("send", SAMPLES, "--create")
    old, older = make_old_day(world, -15), make_old_day(world, -16)
    world.sql(f"DROP TABLE sluice.ledger_{day_of(world, 3)}")
    world.ok("drain")
    assert retention(world) == [["t", "345600"]]
    assert kept_days(world) == 5
    assert world.sql(f"SELECT to_regclass('{old}') IS NULL, to_regclass('{older}') IS NULL") == [["t", "t"]]
    assert world.sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'sluice.ledger'::regclass") == [[str(5 + 1 + 3 + 1)]]


def test_a_dead_letter_queue_that_keeps_messages_longer_counts(world):
    world.ok("init-db")
    world.restart_queue("--queue", "login-dead,MessageRetentionPeriod=864000", "--queue", "login-queue,DeadLetter=login-dead:10")
    world.ok("drain")
    assert retention(world) == [["t", "864000"]]
    assert kept_days(world) == 11


def test_an_old_installation_is_brought_up_to_date_by_init(world):
    """What cannot be changed while loads wait is said, with what to do."""
    world.ok("init-db")
    world.sql(
        "DROP INDEX sluice.business_ledger_by_time; CREATE INDEX business_ledger_sent_ms ON sluice.business_ledger USING brin (sent_ms);"
        "ALTER TABLE sluice.business_ledger SET (fillfactor = 10);"
        "INSERT INTO sluice.business_ledger SELECT extract(epoch FROM now()) * 1000, gen_random_uuid() FROM generate_series(1, 80000)"
    )
    done = world.run("init-db")
    assert done.returncode == 1
    assert "CREATE INDEX CONCURRENTLY business_ledger_by_time" in done.stderr
    world.ok("send", SAMPLES, "--create")
    seen = world.ok("check").stdout
    assert "CREATE INDEX CONCURRENTLY business_ledger_by_time" in seen
    assert "ledger_upkeep_failed" in world.ok("drain").stderr
    [[advice]] = [[line] for line in done.stderr.splitlines() if "CONCURRENTLY" in line]
    statements = advice[advice.index("DROP INDEX") :].split("; then ")
    assert len(statements) == 2
    for statement in statements:
        world.sql(statement)
    world.ok("init-db")
    world.ok("drain")
    assert "business_ledger_by_time" not in world.ok("check").stdout
