"""The few numbers that a reader looks for; null where they were not measured."""

from .cases import MAIN

CONNECT = ("Redpanda Connect, as documented", "Redpanda Connect, 8 inputs")


def summarize(results, about):
    def median(group, name, figure="messages_per_s"):
        entry = results[group].get(name)
        return None if entry is None else entry["median"].get(figure)

    def ratio(a, b):
        return None if a is None or not b else round(a / b, 3)

    def best(group, names):
        return max((rate for name in names if (rate := median(group, name)) is not None), default=None)

    rate = median("cases", MAIN)
    # The harder of the two ceilings.
    two_copy = best("ceilings", ("two_copies", "two_copies_two_connections"))
    # In its favour: without the last messages, which it now and then holds until their visibility ends.
    connect = max(
        (
            r
            for name in CONNECT
            for figure in ("messages_per_s", "messages_per_s_to_99_percent")
            if (r := median("peers", name, figure)) is not None
        ),
        default=None,
    )
    rss = [r for name in (MAIN, "backlog") if (r := median("cases", name, "rss_mib")) is not None]
    return {
        "machine": about["machine"],
        "commit": about["commit"],
        "messages_per_s": rate,
        "two_copy_rows_per_s": two_copy,
        "ratio_to_two_copy_ceiling": ratio(rate, two_copy),
        "redpanda_connect_messages_per_s": connect,
        "ratio_to_redpanda_connect": ratio(rate, connect),
        "cpu_us_per_message": median("cases", MAIN, "cpu_us_per_message"),
        "sqs_requests_per_message": median("cases", MAIN, "requests_per_message"),
        "rss_mib": max(rss, default=None),
        "p99_send_to_commit_ms": median("latency", "steady", "p99_ms"),
        "ratio_with_20ms_latency": ratio(median("cases", "latency_20"), rate),
        "ratio_two_processes": ratio(median("cases", "processes_2"), rate),
    }
