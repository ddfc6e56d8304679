"""A key ring is changed by its own command; rows are opened by a condition."""

import fcntl
import json
import os

import pytest

from world import SAMPLES


@pytest.fixture
def ringed(world):
    """A world whose ring is in a file."""
    ring_of(world).write_text(world.keys + "\n")
    ring_of(world).chmod(0o640)
    return world


def ring_of(world):
    return world.folder / "keys.toml"


def env(world):
    audit = str(world.folder / "audit.log")
    return world.environment(SLUICE_KEYS=None, SLUICE_KEYS_FILE=str(ring_of(world)), SLUICE_ADMIN="off", SLUICE_AUDIT_FILE=audit)


def test_a_ring_in_a_file_is_changed_there_and_never_shown(ringed):
    secret = ring_of(ringed).read_text().split('"')[3]
    token = ringed.ok("mask", "10.0.0.1", env=env(ringed)).stdout.strip()
    shown = [
        ringed.ok("keys", *arguments, env=env(ringed)).stdout
        for arguments in (["add", "k2"], ["list"], ["primary", "k2"], ["list"])
    ]
    assert shown[0] == shown[2] == ""
    assert [line.split()[:2] for line in shown[1].splitlines()] == [["k1", "primary"], ["k2", "retired:"]]
    assert [line.split()[:2] for line in shown[3].splitlines()] == [["k1", "retired:"], ["k2", "primary"]]
    assert secret not in "".join(shown)
    assert ring_of(ringed).stat().st_mode & 0o777 == 0o640
    assert os.listdir(ringed.folder).count("keys.toml.new") == 0
    assert ringed.ok("mask", "10.0.0.1", env=env(ringed)).stdout.startswith("k2.")
    assert ringed.ok("unmask", "--reason", "r", token, env=env(ringed)).stdout == "10.0.0.1\n"
    asked = ringed.run("keys", "remove", "k1", env=env(ringed))
    assert asked.returncode == 2 and "nothing was removed" in asked.stderr and "--yes" in asked.stderr
    ringed.ok("keys", "remove", "k1", "--yes", env=env(ringed))
    gone = ringed.run("unmask", "--reason", "r", token, env=env(ringed))
    assert gone.returncode == 1 and "no key 'k1'" in gone.stderr


def test_what_a_killed_run_left_is_no_hindrance(ringed):
    aimed_at = ringed.folder / "somebody-elses"
    aimed_at.write_text("as it was")
    beside = ringed.folder / "keys.toml.new"
    for leave in (lambda: beside.write_text("half a ri"), lambda: beside.symlink_to(aimed_at)):
        leave()
        ringed.ok("keys", "add", f"k{len(ring_of(ringed).read_text())}", env=env(ringed))
        assert not beside.exists() and not beside.is_symlink()
    assert len(ringed.ok("keys", "list", env=env(ringed)).stdout.splitlines()) == 3
    assert aimed_at.read_text() == "as it was"
    assert ring_of(ringed).stat().st_mode & 0o777 == 0o640


def test_a_ring_keeps_its_owner_and_its_place(ringed):
    """As one that root changes for the user of a service, by a link."""
    if os.getuid() == 0:
        os.chown(ring_of(ringed), 4711, 4712)
    before = ring_of(ringed).stat()
    link = ringed.folder / "link.toml"
    (ringed.folder / "elsewhere").mkdir()
    elsewhere = ringed.folder / "elsewhere" / "ring.toml"
    ring_of(ringed).rename(elsewhere)
    link.symlink_to(elsewhere)
    ringed.ok("keys", "add", "k2", env=env(ringed) | {"SLUICE_KEYS_FILE": str(link)})
    assert link.is_symlink() and "k2" in elsewhere.read_text()
    now = elsewhere.stat()
    assert (now.st_uid, now.st_gid, now.st_mode & 0o777) == (before.st_uid, before.st_gid, 0o640)


def test_one_at_a_time_changes_a_ring(ringed):
    folder = os.open(ringed.folder, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    before = ring_of(ringed).read_text()
    done = ringed.run("keys", "add", "k2", env=env(ringed))
    assert done.returncode == 2 and "another sluice keys" in done.stderr
    assert ring_of(ringed).read_text() == before
    ringed.ok("keys", "list", env=env(ringed))
    os.close(folder)
    ringed.ok("keys", "add", "k2", env=env(ringed))


def test_a_ring_in_the_environment_is_printed_as_it_becomes(world):
    made = world.ok("keys", "add", "2026b").stdout.strip()
    both = world.environment(SLUICE_KEYS=made)
    first = world.ok("keys", "primary", "2026b", env=both).stdout.strip()
    token = world.ok("mask", "10.0.0.1", env=world.environment(SLUICE_KEYS=first)).stdout
    assert token.startswith("2026b.")
    assert world.ok("keys", "list", env=world.environment(SLUICE_KEYS=first)).stdout.split()[0] == "2026b"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["add", "k1"], "has a key 'k1' already"),
        (["add", "a.b"], "'a.b' cannot be the id"),
        (["primary", "k9"], "no key 'k9'"),
        (["remove", "k1"], "'k1' is the primary"),
        (["remove", "k9"], "no key 'k9'"),
        (["add"], "id is required"),
        ([], "--help"),
    ],
)
def test_a_ring_is_not_changed_for_the_worse(ringed, arguments, words):
    before = ring_of(ringed).read_text()
    done = ringed.run("keys", *arguments, env=env(ringed))
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert ring_of(ringed).read_text() == before


def test_a_retired_key_opens_bodies_that_it_sealed_and_a_destroyed_one_does_not(ringed):
    """The message without its fields is sealed under k1, another under k2."""
    [sealed_first] = [line for line in SAMPLES.read_text().splitlines() if "foo" in json.loads(line)]
    ringed.ok("init-db")
    ringed.ok("send", SAMPLES, "--create")
    ringed.ok("drain", env=env(ringed))
    ringed.ok("keys", "add", "k2", env=env(ringed))
    ringed.ok("keys", "primary", "k2", env=env(ringed))
    second = ringed.folder / "second.ndjson"
    second.write_text('{"bar": "baz"}\n')
    ringed.ok("send", second)
    ringed.ok("drain", env=env(ringed))
    show = ["quarantine", "show", "--reason", "ticket 8"]
    assert sorted(ringed.ok(*show, env=env(ringed)).stdout.splitlines()) == sorted([sealed_first, '{"bar": "baz"}'])
    assert sorted(json.loads((ringed.folder / "audit.log").read_text().splitlines()[-1])["key_ids"]) == ["k1", "k2"]
    listed = [
        json.loads(line)["key_id"] for line in ringed.ok("quarantine", "list", "--json", env=env(ringed)).stdout.splitlines()
    ]
    assert sorted(listed) == ["k1", "k2"]
    ringed.ok("keys", "remove", "k1", "--yes", env=env(ringed))
    gone = ringed.run(*show, env=env(ringed))
    assert gone.returncode == 2 and "no key 'k1'" in gone.stderr and "foo" not in gone.stdout
    again = ringed.ok("quarantine", "replay", "--reason", "r", env=env(ringed)).stdout
    assert "cannot be opened: the key ring has no key 'k1'" in again and "missing_field" in again, (
        "who cannot be opened holds up nobody"
    )


def test_rows_are_opened_by_a_condition_whatever_it_holds(ringed):
    ringed.ok("init-db")
    token = ringed.ok("mask", "10.0.0.1", env=env(ringed)).stdout.strip()
    hostile = "x' OR '1'='1"
    for user, locale in ((hostile, "de"), ("U2", "fr")):
        ringed.sql(f"INSERT INTO user_logins (user_id, masked_ip, locale) VALUES ($q${user}$q$, '{token}', '{locale}')")
    arguments = ["unmask", "--reason", "ticket 7", "--column", "masked_ip"]
    assert ringed.ok(*arguments, "--where", f"user_id={hostile}", env=env(ringed)).stdout == "10.0.0.1\n"
    assert ringed.ok(*arguments, "--where", "user_id=U2", "--where", "locale=de", env=env(ringed)).stdout == ""
    lines = [json.loads(line) for line in (ringed.folder / "audit.log").read_text().splitlines()]
    assert [line["count"] for line in lines] == [1, 0]
    assert lines[0]["which"] == f"user_logins.masked_ip, aes_siv domain ip where user_id={hostile}"
    for bad, words in (("user_id", "COLUMN=VALUE"), ('"; DROP TABLE user_logins=1', "42703")):
        done = ringed.run(*arguments, "--where", bad, env=env(ringed))
        assert done.returncode == 2 and words in done.stderr, done.stderr
    done = ringed.run("unmask", "--reason", "r", "--column", "locale", "x", env=env(ringed))
    assert done.returncode == 2 and "masks no column locale" in done.stderr
