#!/usr/bin/env python3
"""The protocol of sluice, exhausted by Spin: the whole of it holds, and without any of its rules something breaks.

python3 tests/model/check.py does all of it, and says whether docs/model.md is what it makes; --page writes that page;
--rule NAME shows the shortest run without one rule. It takes one core, under two minutes, and 700 MB.
"""

import argparse
import dataclasses
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE / "protocol.pml"
PAGE = HERE.parents[1] / "docs/model.md"

PROPERTIES = {
    "one_row": "each good message is one row",
    "set_aside_once": "a bad message is set aside once",
    "commit_before_delete": "no delete before the commit is on disk",
    "no_dead_letter": "no good message is dead-lettered",
    "queue_empties": "the queue becomes empty",
}
# Bounds of the whole protocol. One receive more than there are faults: each fault may cost a message one.
WHOLE = [{"MESSAGES": 2, "RECEIVES_MAX": 5}, {"MESSAGES": 3, "RECEIVES_MAX": 3}]
SMALL = {"MESSAGES": 2, "RECEIVES_MAX": 3}
# Without a rule the fewest faults are looked for first, then the shortest run.
FAULTS = [{"MESSAGES": 2, "RECEIVES_MAX": receives} for receives in (2, 3)]
# It saves a try, and nothing rests on it: a fast form that comes after an unknown outcome meets its own keys.
FOR_SPEED = {"CLAIM_AFTER_UNKNOWN"}
# What the protocol does not promise, and the run that shows why.
NOT_PROMISED = {
    "One outage costs a message one receive, whatever the number of processes.": {"RECEIVES_MAX": 2, "OUTAGE_COST": 1},
    "An outage in which the database answers a probe, and takes no rows, costs a message one receive.": {
        "RECEIVES_MAX": 3,
        "OUTAGE_ANSWERS": 1,
    },
}

NO_REDUCTION = ["-DNOREDUCE", "-DNOBOUNDCHECK", "-DMEMLIM=4000"]
ALL_RUNS = ["-O2", "-DSAFETY", *NO_REDUCTION]
SHORTEST_RUN = ["-O0", "-DSAFETY", "-DBFS", *NO_REDUCTION]  # the compiler takes longer than the search
CYCLES = ["-O1", "-DNP", *NO_REDUCTION]


@dataclasses.dataclass
class Found:
    """What Spin has found: the states that it saw, and the property that is broken with the run to it."""

    states: int
    broken: str = ""
    run: tuple = ()


def rules():
    """Name, number and sentence of each rule, as the model has them."""
    found = re.findall(r"^#define (\w+) RULE\((\d+)\) /\* (.+) \*/$", MODEL.read_text("utf-8"), re.M)
    return {name: (int(number), words) for name, number, words in found}


def search(bounds, how, *options):
    """Spin's verdict on the model with these definitions. Ends the program where it is none."""
    defines = [f"-D{name}={value}" for name, value in bounds.items()]
    with tempfile.TemporaryDirectory() as place:

        def do(*command):
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
            return done.stdout

        do("spin", *defines, "-a", str(MODEL))
        do("gcc", "-w", *how, "-o", "pan", "pan.c")
        text = do("./pan", "-m10000", "-w24", *options)
        states, errors = re.search(r"(\d+) states, stored", text), re.search(r"errors: (\d+)", text)
        if not states or not errors or "too small" in text or (errors[1] == "0" and "not completed" in text):
            sys.exit(f"the search was not completed: {text}")
        if errors[1] == "0":
            return Found(int(states[1]))
        trail = do("spin", *defines, "-t", "-k", f"{MODEL.name}.trail", str(MODEL))
        return Found(int(states[1]), *read_run(trail.splitlines()))


def read_run(lines):
    """The broken property and the steps to it. A line that begins with + goes on with the one before."""
    steps, broken = [], "a run without an end"
    for line in map(str.strip, lines):
        if line.startswith("spin:"):
            break
        if line.startswith("BROKEN "):
            broken = line.removeprefix("BROKEN ")
        elif line.startswith("+ "):
            steps[-1] += "; " + line[2:]
        elif line:
            steps.append(line)
    first = re.search(r"\b[AB]\b", " ".join(steps))
    if first and first[0] == "B":  # the processes are alike: the first one is A
        steps = [re.sub(r"\b[AB]\b", lambda name: "A" if name[0] == "B" else "B", step) for step in steps]
    return broken, tuple(step[0].upper() + step[1:] + "." for step in steps)


def without(number):
    """The shortest run without that rule, of those with the fewest faults."""
    for bounds in FAULTS:
        found = search({**bounds, "WITHOUT": number}, SHORTEST_RUN)
        if found.broken:
            break
    return bounds, found


# ---- The page.


def numbered(found, bounds):
    limit = f" `maxReceiveCount` is {bounds['RECEIVES_MAX']}." if found.broken == "no_dead_letter" else ""
    yield f"Broken: {PROPERTIES[found.broken]}.{limit}"
    yield ""
    yield from (f"{n}. {step}" for n, step in enumerate(found.run, 1))
    yield ""


def bounds_table(whole):
    yield "| messages | `maxReceiveCount` | faults | states |"
    yield "|---|---|---|---|"
    for bounds, found in whole:
        receives = bounds["RECEIVES_MAX"]
        yield f"| {bounds['MESSAGES']} | {receives} | {receives - 1} | {found.states:,} |"


def rules_text(mutants):
    for name, (bounds, found) in mutants.items():
        yield f"### {rules()[name][1].rstrip('.')}"
        yield ""
        if name in FOR_SPEED:
            yield f"`{name}`. Nothing breaks without it ({found.states:,} states): it saves a try."
            yield ""
        else:
            yield f"`{name}`. " + next(lines := numbered(found, bounds))
            yield from lines


def not_promised_text(beyond):
    for words, found in beyond.items():
        yield f"### Not promised: {words[0].lower()}{words[1:].rstrip('.')}"
        yield ""
        yield from numbered(found, NOT_PROMISED[words])


def with_parts(document, parts):
    """The page with what is made here, each part between `<!-- model: NAME -->` and `<!-- end -->`."""
    for name, lines in parts.items():
        before, start, rest = document.partition(f"<!-- model: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            sys.exit(f"{PAGE.name} has no place for {name}")
        document = before + start + "\n".join(lines).rstrip("\n") + "\n" + end + after
    return document


# ---- The whole of it.


class Report:
    """A line for each search, as it ends."""

    def __init__(self):
        self.failed, self._spent = False, 0.0

    def add(self, what, found, wanted):
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent, self._spent = usage.ru_utime + usage.ru_stime - self._spent, usage.ru_utime + usage.ru_stime
        verdict = f"breaks: {PROPERTIES.get(found.broken, found.broken)}" if found.broken else "holds"
        right = bool(found.broken) == wanted
        self.failed |= not right
        print(f"{what:36}{found.states:>12,} states{spent:>7.1f} s  {verdict}{'' if right else '  WRONG'}", flush=True)
        if not right:
            print("".join(f"    {step}\n" for step in found.run), end="", flush=True)


def check():
    """Everything, and the parts of the page. Gives whether all is as it must be."""
    report, whole, mutants, beyond = Report(), [], {}, {}
    for bounds in WHOLE:
        whole.append((bounds, search(bounds, ALL_RUNS)))
        report.add(f"{bounds['MESSAGES']} messages, {bounds['RECEIVES_MAX'] - 1} faults", whole[-1][1], False)
    report.add("each run ends", search(SMALL, CYCLES, "-l"), False)
    for name, (number, _) in rules().items():
        mutants[name] = without(number)
        report.add(f"without {name}", mutants[name][1], name not in FOR_SPEED)
    for words, bounds in NOT_PROMISED.items():
        beyond[words] = search(bounds, SHORTEST_RUN)
        report.add("not promised: " + "_".join(f"{k}={v}" for k, v in bounds.items())[15:], beyond[words], True)
    parts = {"bounds": bounds_table(whole), "rules": rules_text(mutants), "not promised": not_promised_text(beyond)}
    return not report.failed, parts


def main():
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--page", action="store_true", help="write docs/model.md")
    options.add_argument("--rule", choices=rules(), help="the shortest run without this rule")
    chosen = options.parse_args()
    if chosen.rule:
        bounds, found = without(rules()[chosen.rule][0])
        print("\n".join(numbered(found, bounds)) if found.broken else "nothing breaks without it")
        return 0
    good, parts = check()
    document = PAGE.read_text("utf-8")
    wanted = with_parts(document, parts)
    if good and chosen.page:
        PAGE.write_text(wanted, "utf-8")
    elif wanted != document:
        print(f"docs/{PAGE.name} is stale: run python3 tests/model/check.py --page")
        good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
