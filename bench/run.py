"""Measures sluice end to end beside its ceiling and its peers: queue, database and programs are all on this machine.

    bench/run.sh                       everything, several rounds; writes bench/results
    bench/run.sh --smoke               every case once, small; writes build/bench/smoke; for CI: does it run, are the rows right?
    bench/run.sh --only 'exactly|latency_20' --repeat 5 --out build/bench/look

No rate is printed for a run whose rows are wrong; the exit code is 1 if any was.
"""

import argparse
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from e2e import report, summary
from e2e.suite import Suite, about
from e2e.world import ROOT, World


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="where sluice and sluice-sqs are")
    parser.add_argument("--out", type=pathlib.Path, help="where results go")
    parser.add_argument("--repeat", type=int, help="rounds (3; smoke: 1)")
    parser.add_argument("--scale", type=float, help="of the message counts (1; smoke: 0.01)")
    parser.add_argument("--only", type=re.compile, metavar="REGEX", help="cases, 'ceiling', 'peer ...', 'steady', 'burst'")
    parser.add_argument("--smoke", action="store_true", help="every case, small and once")
    parser.add_argument("--note", default="", help="a line for the report, such as what else the machine did")
    options = parser.parse_args()
    options.repeat = options.repeat or (1 if options.smoke else 3)
    options.scale = options.scale or (0.01 if options.smoke else 1.0)
    options.out = options.out or ROOT / ("build/bench/smoke" if options.smoke else "bench/results")
    return options


def main():
    options = arguments()
    with World(options.bin) as world:
        suite = Suite(world, options)
        facts = about(world, options)
        results = suite.run()
    everything = {"about": facts, **results, "missing_peers": suite.missing_peers, "failures": suite.failures}
    options.out.mkdir(parents=True, exist_ok=True)
    short = summary.summarize(results, facts)
    (options.out / "results.json").write_text(json.dumps(everything, indent=1) + "\n")
    (options.out / "summary.json").write_text(json.dumps(short, indent=2) + "\n")
    report.write(everything, short, options.out)
    for name, why in suite.missing_peers.items():
        print(f"not measured: {name}: {why}")
    for failure in suite.failures:
        print(f"failed: {failure}", file=sys.stderr)
    print(f"written: {options.out}/report.md")
    return 1 if suite.failures else 0


if __name__ == "__main__":
    sys.exit(main())
