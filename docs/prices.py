#!/usr/bin/env python3
"""List prices of AWS, and what the documents compute from them.

python3 docs/prices.py puts the figures where they belong, between <!-- prices: NAME --> and <!-- end -->; with --check it only says
whether that is due. The prices are assumptions, from memory, not from a bill: look yours up on the page beside each, change them
here, and run this.
"""

import re
import sys
from pathlib import Path

AS_OF = "mid-2025"
REGION = "eu-central-1"
PAGES = {
    "Fargate": "https://aws.amazon.com/fargate/pricing/",
    "SQS": "https://aws.amazon.com/sqs/pricing/",
    "CloudWatch": "https://aws.amazon.com/cloudwatch/pricing/",
    "Secrets Manager": "https://aws.amazon.com/secrets-manager/pricing/",
    "NAT and endpoints": "https://aws.amazon.com/vpc/pricing/",
}
# Dollars.
VCPU_HOUR = {"ARM64": 0.0372, "X86_64": 0.0466}
GIB_HOUR = {"ARM64": 0.0041, "X86_64": 0.0051}
SQS_MILLION = [(100e9, 0.40), (100e9, 0.30), (float("inf"), 0.24)]  # a month's requests up to so many, each million of them
METRIC, ALARM, DASHBOARD, SECRET = 0.30, 0.10, 3.00, 0.40
NAT_GB, ENDPOINT_HOUR = 0.052, 0.012

HOURS = 730
SECONDS = HOURS * 3600
VCPU, GIB = 0.25, 0.5
REQUESTS_A_MESSAGE = 0.3  # send 10 at a time, receive 10, delete 10
POLL_S, LOOK_S = 20, 15
METRICS, ALARMS, SECRETS = 9, 5, 2
INSIGHTS = (10, 20)


def sqs(requests):
    """Dollars for a month's requests, by the steps of the list."""
    dollars = 0.0
    for step, price in SQS_MILLION:
        taken = min(requests, step)
        dollars += taken / 1e6 * price
        requests -= taken
    return dollars


def task(architecture):
    return HOURS * (VCPU * VCPU_HOUR[architecture] + GIB * GIB_HOUR[architecture])


def costs():
    yield f"Computed, not billed, from list prices of {REGION} as of {AS_OF}, which are written down in [prices.py](prices.py) and may have"
    yield "changed. Look yours up: " + ", ".join(f"[{name}]({page})" for name, page in PAGES.items()) + "."
    yield f"Per month of {HOURS} hours:"
    yield ""
    yield "| | | a month |"
    yield "|---|---|---|"
    for name, architecture in ((f"one task, {VCPU} vCPU and {GIB} GiB, ARM64", "ARM64"), ("the same, X86_64", "X86_64")):
        yield f"| {name} | ${VCPU_HOUR[architecture]} a vCPU hour, ${GIB_HOUR[architecture]} a GiB hour | ${task(architecture):.2f} |"
    million = SQS_MILLION[0][1]
    yield (
        f"| SQS, a million messages | send 10 at a time, receive 10, delete 10: {REQUESTS_A_MESSAGE} requests each at ${million:.2f} "
        f"a million | ${sqs(REQUESTS_A_MESSAGE * 1e6):.2f} |"
    )
    polls, looks = SECONDS / POLL_S, SECONDS / LOOK_S
    yield (
        f"| SQS, an idle queue | a long poll of {POLL_S} s: {polls:,.0f} receives; a look at the depth each {LOOK_S} s: {looks:,.0f} "
        f"| ${sqs(polls + looks):.2f} |"
    )
    watch = METRICS * METRIC + ALARMS * ALARM
    yield (
        f"| CloudWatch: {METRICS} metrics, {ALARMS} alarms, a dashboard | ${METRIC:.2f} and ${ALARM:.2f} each; the dashboard "
        f"${DASHBOARD:.0f}, three are free | ${watch:.2f} |"
    )
    yield (
        f"| Container Insights, one service | about {INSIGHTS[0]} to {INSIGHTS[1]} metrics at ${METRIC:.2f} | "
        f"${INSIGHTS[0] * METRIC:.0f} to ${INSIGHTS[1] * METRIC:.0f} |"
    )
    yield f"| {SECRETS} secrets | ${SECRET:.2f} each | ${SECRETS * SECRET:.2f} |"
    yield ""
    rest = task("ARM64") + watch + INSIGHTS[1] * METRIC + SECRETS * SECRET
    yield (
        f"A hundred million messages a month are ${sqs(REQUESTS_A_MESSAGE * 100e6):.0f} of SQS and at most ${rest:.0f} of everything "
        "else; the database costs more"
    )
    endpoint = ENDPOINT_HOUR * HOURS
    yield (
        f"than all of it. NAT costs ${NAT_GB:.3f} a GB on top, VPC endpoints for SQS, ECR, logs and secrets ${endpoint:.2f} each per "
        "zone: with steady"
    )
    yield f"traffic over {endpoint / NAT_GB:.0f} GB a month, an endpoint for SQS is the cheaper way."


def rates():
    yield f"SQS by itself, at {REQUESTS_A_MESSAGE} requests a message with its producers (computed; [prices.py](prices.py), {AS_OF}):"
    yield ""
    yield "| messages a second | requests a month | dollars a month |"
    yield "|---|---|---|"
    for rate in (1_000, 100_000, 1_000_000):
        requests = rate * REQUESTS_A_MESSAGE * SECONDS
        yield f"| {rate:,} | {requests / 1e9:,.1f} billion | {round(sqs(requests), -1):,.0f} |"


# What else has the price of a million requests in it.
SAME = {
    "src/observe/status.hpp": r"dollars_per_million_requests = ([\d.]+)",
    "docs/metrics.md": r"^`([\d.]+) \* rate",
    "deploy/grafana/dashboard.json": r"([\d.]+) \* sum\(rate\(sluice_sqs_requests_total",
}
PLACES = {"docs/fargate.md": ("costs", costs), "docs/scaling.md": ("rates", rates)}


def with_figures(document, name, lines):
    """The document with its figures as they should be."""
    before, start, rest = document.partition(f"<!-- prices: {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not end:
        raise SystemExit(f"no place for {name}")
    return before + start + "\n".join(lines()) + "\n" + end + after


def main():
    root = Path(__file__).resolve().parents[1]
    stale = 0
    for file, (name, lines) in PLACES.items():
        path = root / file
        document = path.read_text("utf-8")
        wanted = with_figures(document, name, lines)
        if wanted == document:
            continue
        stale = 1
        if "--check" in sys.argv:
            print(f"{file}: stale: run python3 docs/prices.py")
        else:
            path.write_text(wanted, "utf-8")
    for file, pattern in SAME.items():
        found = re.findall(pattern, (root / file).read_text("utf-8"), re.M)
        if [float(price) for price in found] != [SQS_MILLION[0][1]]:
            stale = 2
            print(f"{file}: has another price of a million requests than docs/prices.py: {found}")
    return stale if stale == 2 or "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
