#!/usr/bin/env python3
"""Faults that sluice once had are brought back into its source, one at a time: for each a test must fail.

run.py [WORD...]   those of mutants.toml that have one of the words in their fault; all of them without words
run.py --page      puts the table into docs/guarantees.md

The source is a copy of the last commit in build/mutation, where the first build takes as long as any. Exit code 1 where a mutant
lives, or where a test fails without one.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/guarantees.md"
MARK = re.compile(r"(<!-- mutants -->\n)(.*?)(<!-- end -->)", re.S)
TREE = ROOT / "build/mutation"
TEST_MAX_S = 300
PROGRAMS = ["sluice", "sluice-sqs"]


class Mutant:
    def __init__(self, fault, file, old, new, test, more=()):
        self.fault = fault
        self.edits = [(file, old, new), *more]
        self.program, _, self.case = test.partition(": ")

    @property
    def is_python(self):
        return self.program.endswith(".py")

    def targets(self):
        return PROGRAMS if self.is_python else [self.program]

    def command(self):
        if self.is_python:
            return ["scripts/test.sh", "pytest", f"tests/integration/e2e/{self.program}", "-k", self.case]
        if self.program == "simulation":
            return ["build/release/tests/simulation", *self.case.split()]
        # Where a comma stands Catch2 begins another name.
        return [f"build/release/tests/{self.program}", self.case.replace(",", r"\,")]

    def apply(self, tree):
        for file, old, new in self.edits:
            path = tree / file
            text = path.read_text()
            assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
            path.write_text(text.replace(old, new))

    def undo(self, tree):
        for file in {file for file, _, _ in self.edits}:
            shutil.copy(tree / "as_it_is" / file, tree / file)


def mutants():
    return [Mutant(**each) for each in tomllib.loads((ROOT / "tests/mutation/mutants.toml").read_text())["mutant"]]


def table():
    """Of docs/guarantees.md."""
    rows = [f"| {m.fault} | `{m.program}`: {m.case} |\n" for m in mutants()]
    return "| fault | found by |\n|---|---|\n" + "".join(rows)


def copy_of_source():
    shutil.rmtree(TREE / "as_it_is", ignore_errors=True)
    (TREE / "as_it_is").mkdir(parents=True)
    archive = subprocess.run(["git", "-C", ROOT, "archive", "HEAD"], check=True, capture_output=True).stdout
    for folder in (TREE, TREE / "as_it_is"):
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    (TREE / "build").mkdir(exist_ok=True)
    if (ROOT / "build/venv").exists() and not (TREE / "build/venv").exists():
        (TREE / "build/venv").symlink_to(ROOT / "build/venv")


def configure():
    """Without optimisation, as it is compiled once for each fault."""
    command = ["cmake", "--preset", "release", "-DSLUICE_TESTS=ON", "-DCMAKE_CXX_FLAGS_RELEASE=-O0"]
    subprocess.run(command, cwd=TREE, check=True, stdout=subprocess.DEVNULL)


def build(targets):
    subprocess.run(["cmake", "--build", "build/release", "--target", *targets], cwd=TREE, check=True, stdout=subprocess.DEVNULL)


def fails(m):
    with open(TREE / "test.log", "wb") as log:
        try:
            env = os.environ | {"SLUICE_BUILT": "yes"}
            code = subprocess.run(
                m.command(), cwd=TREE, env=env, stdout=log, stderr=log, timeout=TEST_MAX_S, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return True
    text = (TREE / "test.log").read_text(errors="replace")
    none = re.search(r"No test cases matched|no tests ran|^\d+ deselected", text, re.M)
    assert not none, f"{m.command()}: there is no such test"
    return code != 0


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("words", nargs="*")
    arguments.add_argument("--page", action="store_true")
    chosen = arguments.parse_args()
    if chosen.page:
        PAGE.write_text(MARK.sub(lambda m: m[1] + table() + m[3], PAGE.read_text()))
        return 0
    tried = [m for m in mutants() if not chosen.words or any(word in m.fault for word in chosen.words)]
    copy_of_source()
    configure()
    build(sorted({target for m in tried for target in m.targets()}))
    wrong = 0
    for m in tried:
        if fails(m):
            print(f"mutation: without a fault this fails: {m.program}: {m.case}", flush=True)
            wrong += 1
    for m in tried:
        started = time.monotonic()
        m.apply(TREE)
        try:
            build(m.targets())
            lives = not fails(m)
        finally:
            m.undo(TREE)
        wrong += lives
        print(f"mutation: {'NOT FOUND' if lives else 'found'} in {time.monotonic() - started:.0f} s: {m.fault}", flush=True)
    print(f"mutation: {len(tried)} faults, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
