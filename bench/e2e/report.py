"""report.md and its plots, made from what was measured and nothing else."""

from . import plots

DESCRIPTIONS = {
    "messages_per_s": "messages/s, exactly once, one process",
    "two_copy_rows_per_s": "rows/s of plain COPY of the same rows and ledger keys (the better of one and two connections)",
    "ratio_to_two_copy_ceiling": "share of that",
    "redpanda_connect_messages_per_s": "messages/s of Redpanda Connect (the better of two configurations)",
    "ratio_to_redpanda_connect": "times as fast as that",
    "cpu_us_per_message": "CPU of sluice for each message, µs",
    "sqs_requests_per_message": "SQS requests for each message",
    "rss_mib": "most memory resident, MiB",
    "p99_send_to_commit_ms": "99% committed within, at 100 messages/s, ms after sending",
    "ratio_with_20ms_latency": "rate with 20 ms before each SQS reply, to that without",
    "ratio_two_processes": "rate of two processes, to that of one",
}


def write(everything, short, folder):
    pictures = plots.draw(everything, folder)
    about = everything["about"]
    rounds = f"{about['repeat']} rounds" if about["repeat"] > 1 else "one round"
    parts = [
        "# Measured",
        (
            f"On {about['date'][:10]}, commit {about['commit']}, {about['machine']}; PostgreSQL {about['versions']['postgres']}. "
            "Queue, database and programs share that machine and talk over loopback. "
            f"Medians of {rounds}; in brackets the least and the most. Every run's rows were checked before its rate was taken."
        ),
        f"**{about['note']}**" if about["note"] else "",
        _headline(short),
        _cases(everything),
        _ceilings(everything),
        _peers(everything),
        _latency(everything),
        *(f"## {title}\n\n![{title}]({file})" for title, file in pictures),
    ]
    if everything["failures"]:
        parts.append("## Failed\n\n" + "\n".join(f"- {_one_line(f)}" for f in everything["failures"]))
    (folder / "report.md").write_text("\n\n".join(p for p in parts if p) + "\n")


def _headline(short):
    rows = [(text, _number(short[key])) for key, text in DESCRIPTIONS.items()]
    return "## In short\n\n" + _table(["figure", "measured"], rows)


def _cases(everything):
    rows = []
    for name, entry in everything["cases"].items():
        m, run = entry["median"], entry["runs"][0]
        cpu = run["cpu_seconds"]
        others = " / ".join(f"{cpu[k] / m['messages'] * 1e6:.1f}" for k in ("queue", "postgres"))
        rows.append(
            (
                f"`{name}`",
                entry["what"],
                _number(m["messages"]),
                _rate(entry),
                _number(m["cpu_us_per_message"]),
                others,
                _number(m["requests_per_message"]),
                _number(m["rss_mib"]),
            )
        )
    head = ["case", "what", "messages", "messages/s", "CPU µs a message", "queue / PostgreSQL", "requests a message", "RSS MiB"]
    return "## Cases\n\n" + _table(head, rows) if rows else ""


def _ceilings(everything):
    rows = [(entry["what"], _number(entry["median"]["messages"]), _rate(entry)) for entry in everything["ceilings"].values()]
    return "## What PostgreSQL alone does\n\n" + _table(["plain COPY from files", "rows", "rows/s"], rows) if rows else ""


def _peers(everything):
    rows = [
        (
            name,
            _number(e["median"]["messages"]),
            _rate(e),
            _number(e["median"]["messages_per_s_to_99_percent"]),
            _number(e["median"]["cpu_us_per_message"]),
            _number(e["median"]["requests_per_message"]),
            _number(e["median"]["rss_mib"]),
        )
        for name, e in everything["peers"].items()
    ]
    for case, name in (("as_peers", "sluice, the same work, exactly once"), ("as_peers_20", "sluice, the same, 20 ms away")):
        if rows and (same_work := everything["cases"].get(case)):
            m = same_work["median"]
            rows.append(
                (
                    name,
                    _number(m["messages"]),
                    _rate(same_work),
                    _number(m["messages_per_s_to_99_percent"]),
                    _number(m["cpu_us_per_message"]),
                    _number(m["requests_per_message"]),
                    _number(m["rss_mib"]),
                )
            )
    missing = "\n".join(f"- Not measured: {name}: {why}." for name, why in everything["missing_peers"].items())
    if not rows and not missing:
        return ""
    head = ["program", "messages", "messages/s", "until 99% are deleted", "CPU µs a message", "requests a message", "RSS MiB"]
    return "\n\n".join(p for p in ("## Beside others", _table(head, rows) if rows else "", missing) if p)


def _latency(everything):
    rows = []
    for entry in everything["latency"].values():
        m = entry["median"]
        rows.append((entry["what"], _number(m["messages"]), *(_number(m[k]) for k in ("p50_ms", "p90_ms", "p99_ms", "max_ms"))))
    if not rows:
        return ""
    text = "## From send to commit, ms\n\n" + _table(["case", "messages", "50%", "90%", "99%", "most"], rows)
    burst = everything["latency"].get("burst")
    if burst:
        m = burst["median"]
        text += (
            f"\n\nBurst: sent in {m['sent_in_seconds']:.2f} s after {m['idle_seconds']} s of idleness, in which sluice asked the "
            f"queue {m['idle_receives']:.0f} times; first commit after {m['first_commit_ms']:.0f} ms."
        )
    return text


def _rate(entry):
    low, high = entry["spread"]["messages_per_s"]
    text = _number(entry["median"]["messages_per_s"])
    return text if len(entry["runs"]) == 1 else f"{text} ({_number(low)} to {_number(high)})"


def _number(value):
    if value is None:
        return "not measured"
    if isinstance(value, int) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _one_line(text):
    return " ".join(text.split())
