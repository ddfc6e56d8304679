#!/usr/bin/env python3
"""Tells from the log of a step which tests failed, why, and the command that runs each alone.

    failures.py LOG

Knows the output of pytest (with -rfE), ctest with Catch2, and ninja. Exits with 1, and says nothing, if it finds none of them.
"""

import os
import pathlib
import re
import shlex
import sys

SHOWN_MAX = 12
WIDTH = 180
REASON_LINES = 6

CASE = re.compile(
    r"^-{70,}\n(?P<name>(?:(?!-{70}).+\n)+)-{70,}\n(?P<place>.+):\d+\n\.{70,}\n(?P<text>(?:(?!^[-=]{70,}$).*\n)*)", re.MULTILINE
)
PYTEST = re.compile(r"^(?:FAILED|ERROR) (?P<test>tests/\S+?(?:::\S+?(?:\[.*?\])?)?)(?: - (?P<reason>.*))?$", re.MULTILINE)
COMPILER = re.compile(
    r"^(?P<what>\S+:\d+(?::\d+)?: (?:fatal )?error: .*|.*undefined reference to .*|CMake Error.*)$", re.MULTILINE
)


def reason(text):
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return [line[:WIDTH] for line in lines[:REASON_LINES]]


def of_ctest(log):
    """Each failed case of a Catch2 program; a program that ended otherwise (a signal, a time limit) as a whole."""
    found = []
    runs = re.split(r"^\d+% tests passed", log, flags=re.MULTILINE)[0]
    parts = re.split(r"^ *\d+/\d+ Test +#\d+: ", runs, flags=re.MULTILINE)[1:]
    build = re.search(r"Test project (\S.*)", log)
    folder = os.path.relpath(build[1]) if build else "build/release"
    for part in parts:
        program = part.split()[0]
        if "***" not in part.splitlines()[0]:
            continue
        alone = f"ctest --test-dir {shlex.quote(folder)} -R ^{program}$ --output-on-failure"
        cases = [c for c in CASE.finditer(part) if "FAILED" in c["text"]]
        for case in cases:
            # A long name is broken into lines; those of its sections are indented.
            name = " ".join(line for line in case["name"].splitlines() if not line.startswith("  "))
            own = pathlib.Path(folder) / "tests" / program
            command = f"{shlex.quote(str(own))} {shlex.quote(name.replace(',', chr(92) + ','))}" if own.exists() else alone
            found.append((f"{program}: {name}", reason(case["text"]), command))
        if not cases:
            how = re.search(r"\*\*\*(.*?)\s+[\d.]+ sec", part.splitlines()[0])
            found.append((program, [how[1].strip() if how else "failed", *reason(part.split("\n", 1)[-1])[-3:]], alone))
    return found


def of_pytest(log):
    return [
        (
            match["test"],
            reason((match["reason"] or "").replace("\\n", "\n")),
            f"scripts/test.sh pytest {shlex.quote(match['test'])}",
        )
        for match in PYTEST.finditer(log)
    ]


def of_compiler(log):
    lines = list(dict.fromkeys(m["what"] for m in COMPILER.finditer(log)))
    return (
        [("it does not build", [line[:WIDTH] for line in lines[:REASON_LINES]], "V=1 scripts/build.sh PRESET")] if lines else []
    )


def main(path):
    log = re.sub(r"\x1b\[[0-9;]*[mK]", "", pathlib.Path(path).read_text(errors="replace"))
    found = of_ctest(log) + of_pytest(log) or of_compiler(log)
    for name, why, command in found[:SHOWN_MAX]:
        print(f"  {name}")
        for line in why:
            print(f"      {line}")
        print(f"    alone: {command}")
    if len(found) > SHOWN_MAX:
        print(f"  and {len(found) - SHOWN_MAX} more")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
