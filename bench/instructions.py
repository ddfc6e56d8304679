"""Instructions and allocations for each message, counted by callgrind: figures that noise cannot shake.

    bench/instructions.sh            compares with bench/instructions.json; exit code 1 if more than 5% over
    bench/instructions.sh --update   writes that file

The fixed case is `sluice drain` with four pollers, four ackers, one loader and batches of 1,000, so that the numbers of requests, connections and
batches do not follow the speed of the machine. Start and end are taken away: the figure is the difference between a large drain and a
small one.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from e2e import drain
from e2e.world import ROOT, World

SMALL, LARGE = 5_000, 25_000
OVER_MAX = 0.05
COMMITTED = ROOT / "bench/instructions.json"
FIXED = {
    "SLUICE_POLLERS_MIN": "4",
    "SLUICE_POLLERS_MAX": "4",
    "SLUICE_ACKERS": "4",
    "SLUICE_LOADERS": "1",
    "SLUICE_BATCH_ROWS": "1000",
    "SLUICE_BATCH_AGE": "10s",
    "SLUICE_WAIT": "1s",
}


def allocations(profile):
    """Calls of the C library's allocating functions: callgrind writes a name once, then its number (callgrind's format manual)."""
    names, called, count = {}, None, 0
    for line in profile.splitlines():
        if found := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
            number, name = found.groups()
            if name:
                names[number] = name
            called = names[number] if line.startswith("c") else None
        elif called in ("malloc", "calloc", "realloc") and line.startswith("calls="):
            count += int(line[len("calls=") :].split()[0])
    return count


def counted(world, count, profile):
    """(instructions, allocations) of a whole `sluice drain` of `count` messages, whose rows are checked."""
    plain = drain.sluice(world, **FIXED)

    def under_callgrind(queue):
        argv, env = plain(queue)
        return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", *argv], env

    drain.run(world, world.workload(count), [under_callgrind], timeout=300)
    text = profile.read_text()
    return int(re.search(r"^(?:summary|totals): (\d+)", text, re.M)[1]), allocations(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the figure, instead of comparing with it")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument(
        "--keep", type=pathlib.Path, metavar="FILE", help="keep the profile of the large run, for callgrind_annotate"
    )
    options = parser.parse_args()

    with World(options.bin) as world:
        small, small_allocations = counted(world, SMALL, world.folder / "small.out")
        profile = options.keep or world.folder / "large.out"
        large, large_allocations = counted(world, LARGE, profile)
    each = round((large - small) / (LARGE - SMALL))
    print(f"{each:,} instructions a message ({small:,} for {SMALL:,}, {large:,} for {LARGE:,})")
    allocated = round((large_allocations - small_allocations) / (LARGE - SMALL), 2)
    print(f"{allocated:.2f} allocations a message")

    figures = {"instructions_per_message": each, "allocations_per_message": allocated}
    if options.update:
        compiler = subprocess.run(["c++", "--version"], capture_output=True, text=True, check=False).stdout.splitlines()
        COMMITTED.write_text(json.dumps(figures | {"compiler": compiler[0]}, indent=2) + "\n")
        return 0
    committed = json.loads(COMMITTED.read_text())
    good = True
    for name, figure in figures.items():
        wanted = committed[name]
        print(f"{name}: {figure / wanted - 1:+.1%} against the committed {wanted:,}")
        good = good and figure <= wanted * (1 + OVER_MAX)
    if not good:
        print(
            f"more than {OVER_MAX:.0%} over: make it better again, or say in the commit why and run bench/instructions.sh --update",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
