"""A plan that is proposed from samples, and what `check --sample` shows of it."""

import json
import subprocess
import tomllib

from world import SAMPLES

PERSON = {"email": "Some.Body@Example.com", "clientIp": "198.51.100.7"}
EVENTS = [
    {"id": 1, "at": "2026-01-02T03:04:05Z", "price": 1.5, "tags": ["a"], "user": PERSON},
    {"id": 2, "at": "2026-01-02T03:04:06Z", "price": 2, "tags": [], "user": PERSON},
]


def samples(world, events):
    file = world.folder / "shop-events.ndjson"
    file.write_text("".join(json.dumps(e) + "\n" for e in events))
    return file


def test_a_proposed_plan_loads_what_it_was_made_from(world):
    file = samples(world, EVENTS)
    plan = world.folder / "plan.toml"
    plan.write_text(world.ok("init-db", "--infer", file).stdout)
    world.ok("init-db", "-c", plan)
    world.ok("send", file, "--create")
    world.ok("drain", "-c", plan)
    assert world.sql("SELECT id, at, price, tags FROM shop_events ORDER BY id") == [
        ["1", "2026-01-02 03:04:05+00", "1.5", "{a}"],
        ["2", "2026-01-02 03:04:06+00", "2", "{}"],
    ]
    [[email, address]] = world.sql("SELECT DISTINCT user_email, user_client_ip FROM shop_events")
    assert email == world.ok("mask", PERSON["email"], "--domain", "user/email").stdout.strip()
    assert address == world.ok("mask", PERSON["clientIp"], "--domain", "user/clientIp").stdout.strip()


def test_the_proposal_has_the_table_and_says_what_to_look_at(world):
    done = world.ok("init-db", "--infer", samples(world, [{"phone": 1, "x": [{"y": 1}]}]))
    assert "# Note: /phone looks personal, and is bigint" in done.stdout
    assert "# Note: /x goes into one jsonb" in done.stdout
    assert '# CREATE TABLE IF NOT EXISTS "shop_events" (\n#   "x" jsonb\n# );' in done.stdout


def test_the_name_of_a_field_does_not_leave_its_comment(world):
    out = world.ok("init-db", "--infer", samples(world, [{"x\nmask = 1": [{"y": 1}], "x\rmask = 1": None}])).stdout
    assert len(tomllib.loads(out)["column"]) == 2
    assert all(line.startswith("#") for line in out.splitlines() if "mask = 1" in line and "from = " not in line), out


def test_messy_samples_give_a_plan_that_takes_all_of_them_that_are_records(world):
    """As somebody's editor, shell and colleagues leave them: blank lines, \\r, what is no JSON, names that SQL does not like."""
    file = world.folder / "messy.ndjson"
    long = "x" * 70
    records = [
        {
            "id": 1,
            "Ips": ["::1"],
            "a b": 1,
            "a-b": "x",
            long + "1": 1,
            long + "2": 2,
            "\u540d\u524d": "n",
            "": 1,
            "deep": {"er": None},
        },
        {
            "id": 1e400,
            "Ips": [],
            "a b": 1,
            "a-b": "y",
            long + "1": 1,
            long + "2": 2,
            "\u540d\u524d": "n",
            "": 1,
            "deep": {"er": True},
        },
        {"id": -0.5, "Ips": None, "a b": 2, "a-b": "", long + "1": 1, long + "2": 2, "\u540d\u524d": "", "": 0, "deep": 7},
    ]
    lines = ["", "not JSON", *(json.dumps(r).replace("Infinity", "1e400") for r in records), "[]", "  "]
    file.write_bytes("\r\n".join(lines).encode() + b"\r\n")
    plan = world.folder / "plan.toml"
    plan.write_text(world.ok("init-db", "--infer", file).stdout)
    assert "# A plan for 3 records" in plan.read_text()
    assert "2 of the samples are no records, and were left out; line 2: not_json" in plan.read_text()
    shown = world.ok("check", "-c", plan, "--sample", file).stdout
    assert "5 messages: 3 rows for messy, 2 refused" in shown and "line 6 is refused: not_an_object" in shown
    assert "::1" not in shown
    world.ok("init-db", "-c", plan)
    world.ok("send", file, "--create")
    world.ok("drain", "-c", plan)
    rows = world.sql("SELECT id = 1e400, id, a_b, a_b_2, deep FROM messy ORDER BY messy.id")
    assert [row[0] for row in rows] == ["f", "f", "t"]
    assert [row[2:] for row in rows] == [["2", "", "7"], ["1", "x", '{"er": null}'], ["1", "y", '{"er": true}']]


def test_a_sample_is_shown_masked_with_what_is_refused_and_touches_nothing(world):
    """Neither queue nor database is there to be asked."""
    env = world.environment(AWS_ENDPOINT_URL_SQS="http://127.0.0.1:1", PGHOST="127.0.0.1", PGPORT="1")
    done = world.ok("check", "--sample", SAMPLES, env=env)
    lines = done.stdout.splitlines()
    assert lines[0].split(" | ")[0:2] == ["line", "user_id" + " " * 29]
    assert "line 13 is refused: missing_field, user_id" in lines
    assert "100 messages: 99 rows for user_logins, 1 refused" in lines
    for line in SAMPLES.read_text().splitlines():
        for field in ("ip", "device_id"):
            assert json.loads(line).get(field, "nothing") not in done.stdout


def test_a_sample_tells_what_looks_personal_and_is_not_masked(world):
    plan = world.folder / "plan.toml"
    plan.write_text(
        "[table]\nname = 't'\n[[column]]\nname = 'id'\ntype = 'integer'\n"
        "[[column]]\nname = 'contact'\ntype = 'text'\nfrom = '/user/email'\n"
        "[[column]]\nname = 'rest'\ntype = 'jsonb'\nfrom = '@unknown'\n"
    )
    done = world.ok("check", "-c", plan, "--sample", samples(world, EVENTS))
    assert "note: column contact looks personal by its name, and is not masked" in done.stdout
    assert "note: column rest holds 'clientIp' in the clear, which looks personal" in done.stdout


def test_what_init_db_prints_is_what_it_would_run(world):
    """It changes nothing; psql makes of it what check wants, and may be given it twice."""
    world.ok("send", SAMPLES, "--create")
    everything = (
        "SELECT classid, objid FROM pg_depend UNION ALL SELECT 0, oid FROM pg_class"
        " UNION ALL SELECT 1, oid FROM pg_namespace ORDER BY 1, 2"
    )
    before = world.sql(everything)
    printed = world.ok("init-db", "--print").stdout
    assert world.sql(everything) == before
    missing = world.run("check")
    assert missing.returncode == 2, missing
    for _ in range(2):
        psql = ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", world.database]
        subprocess.run(psql, input=printed, check=True, text=True, capture_output=True)
        world.ok("check")
    world.ok("drain")
    assert (world.count("user_logins"), world.count("sluice.quarantine")) == (99, 1)


def test_a_file_that_is_not_there_is_named(world):
    for arguments in (["check", "--sample"], ["init-db", "--infer"]):
        done = world.run(*arguments, world.folder / "nothing.ndjson")
        assert done.returncode == 2
        assert "nothing.ndjson cannot be read" in done.stderr
