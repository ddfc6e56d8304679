"""The manual page and the completions, read by the programs that they are for."""

import os
import pathlib
import re
import subprocess

import pytest


def run(command, **how):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, **how).stdout


@pytest.fixture
def sluice(programs):
    return programs / "sluice"


def test_the_manual_page_has_every_command_and_groff_has_nothing_to_say(sluice):
    page = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-P-c"],
        input=run([sluice, "manual"]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert page.returncode == 0 and not page.stderr, page.stderr
    text = re.sub(".\b", "", page.stdout)  # bold by overstriking
    for part in ("NAME", "drain", "--queue-url", "SLUICE_BATCH_ROWS", "EXIT STATUS", "sluice unmask TOKEN"):
        assert part in text, part


@pytest.mark.parametrize(
    "typed, offered",
    [
        ("dr", "drain"),
        ("drain --queue-", "--queue-url"),
        ("init-db --pri", "--print"),
        ("--heal", "--healthcheck"),
        ("quarantine sh", "show"),
        ("quarantine drop --ye", "--yes"),
        ("keys pri", "primary"),
    ],
)
def test_bash_completes(sluice, typed, offered):
    words = ["sluice", *typed.split(" ")]
    script = '''source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice; echo "${COMPREPLY[@]}"'''
    out = run(["bash", "-c", script, "bash", "/dev/stdin", *words], input=run([sluice, "completion", "bash"]))
    assert out.split() == [offered]


@pytest.mark.parametrize(
    "typed, offered",
    [
        ("sluice dr", "drain"),
        ("sluice drain --queue-u", "--queue-url"),
        ("sluice --heal", "--healthcheck"),
        ("sluice quarantine sh", "show"),
        ("sluice quarantine drop --ye", "--yes"),
        ("sluice keys pri", "primary"),
    ],
)
def test_fish_completes(sluice, tmp_path, typed, offered):
    file = tmp_path / "sluice.fish"
    file.write_text(run([sluice, "completion", "fish"]))
    out = run(
        ["fish", "--no-config", "-c", f"source {file}; complete -C '{typed}'"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert [line.split("\t")[0] for line in out.splitlines()] == [offered]


def test_zsh_takes_its_script(sluice, tmp_path):
    (tmp_path / "_sluice").write_text(run([sluice, "completion", "zsh"]))
    script = f"fpath=({tmp_path} $fpath); autoload -U compinit; compinit -u -D; print ${{_comps[sluice]}}; source {tmp_path}/_sluice; whence -w _sluice"
    assert run(["zsh", "-f", "-c", script]).split() == ["_sluice", "_sluice:", "function"]


def test_another_shell_is_refused(world):
    done = world.run("completion", "csh")
    assert done.returncode == 2 and "csh" in done.stderr


def test_cmake_installs_them(tmp_path):
    run(["cmake", "--install", pathlib.Path(os.environ["SLUICE_BUILD"]) / "src" / "app", "--prefix", tmp_path])
    for file in (
        "bin/sluice",
        "share/man/man1/sluice.1",
        "share/bash-completion/completions/sluice",
        "share/fish/vendor_completions.d/sluice.fish",
    ):
        assert (tmp_path / file).stat().st_size > 0, file
