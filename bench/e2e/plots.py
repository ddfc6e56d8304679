"""The plots of the report, as SVG. Without matplotlib there are none, and the report says nothing of them."""

from peers.peers import FAR

try:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
except ImportError:
    plt = None

OURS, OTHERS, LIMIT = "#1f77b4", "#9a9a9a", "#2ca02c"


def draw(everything, folder):
    """Titles and file names of those that there are figures for."""
    if plt is None:
        return []
    # So that the same figures give the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "sluice", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    drawn = []
    for title, file, plot in [
        ("Throughput", "throughput.svg", _throughput),
        ("Throughput with the queue 20 ms away", "throughput_far.svg", _throughput_far),
        ("CPU for each message", "cpu.svg", _cpu),
        ("Processes on one queue", "processes.svg", _processes),
        ("Latency of the queue", "latency.svg", _queue_latency),
        ("Memory", "memory.svg", _memory),
        ("From send to commit", "send_to_commit.svg", _send_to_commit),
    ]:
        figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
        if plot(everything, axes):
            axes.set_title(title, loc="left")
            figure.savefig(folder / file, metadata={"Date": None})
            drawn.append((title, file))
        plt.close(figure)
    return drawn


def _median(everything, group, name, figure="messages_per_s"):
    entry = everything[group].get(name)
    return None if entry is None else entry["median"][figure]


def _bars(axes, bars, label, log):
    bars = [b for b in bars if b[1] is not None]
    if not bars:
        return False
    names, values, colours = zip(*bars, strict=True)
    drawn = axes.barh(names, values, color=colours, log=log)
    axes.bar_label(drawn, labels=[f"{v:,.0f}" if v >= 100 else f"{v:.1f}" for v in values], padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel(label)
    return True


def _throughput(e, axes):
    bars = [
        ("plain COPY, ledger and target", _median(e, "ceilings", "two_copies"), LIMIT),
        ("sluice, at least once", _median(e, "cases", "at_least_once"), OURS),
        ("sluice, exactly once", _median(e, "cases", "exactly_once"), OURS),
    ]
    return _bars(axes, bars + _peer_rates(e, False), "messages/s (logarithmic)", True)


def _throughput_far(e, axes):
    peers = _peer_rates(e, True)
    bars = [("sluice, exactly once", _median(e, "cases", "latency_20"), OURS)]
    return bool(peers) and _bars(axes, bars + peers, "messages/s (logarithmic)", True)


def _peers(e, far):
    return [name for name in e["peers"] if name.endswith(FAR) == far]


def _peer_rates(e, far):
    figure = "messages_per_s_to_99_percent"  # see drain.py
    rates = [(name, _median(e, "peers", name, figure), OTHERS) for name in _peers(e, far)]
    return sorted(rates, key=lambda bar: -bar[1])


def _cpu(e, axes):
    figure = "cpu_us_per_message"
    bars = [("sluice, exactly once", _median(e, "cases", "exactly_once", figure), OURS)]
    peers = [(name, _median(e, "peers", name, figure), OTHERS) for name in _peers(e, False)]
    bars += sorted(peers, key=lambda bar: bar[1])
    return _bars(axes, bars, "CPU of the program, µs a message (logarithmic)", True)


def _line(e, axes, points, x_label):
    points = [(x, e["cases"][name]) for x, name in points if name in e["cases"]]
    if len(points) < 2:
        return False
    x = [at for at, _ in points]
    y = [entry["median"]["messages_per_s"] for _, entry in points]
    low = [v - entry["spread"]["messages_per_s"][0] for v, (_, entry) in zip(y, points, strict=True)]
    high = [entry["spread"]["messages_per_s"][1] - v for v, (_, entry) in zip(y, points, strict=True)]
    axes.errorbar(x, y, yerr=[low, high], marker="o", capsize=3, color=OURS)
    axes.set_xticks(x)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(x_label)
    axes.set_ylabel("messages/s")
    axes.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
    return True


def _processes(e, axes):
    return _line(e, axes, [(1, "exactly_once"), (2, "processes_2"), (4, "processes_4")], "processes")


def _queue_latency(e, axes):
    return _line(e, axes, [(0, "exactly_once"), (20, "latency_20"), (100, "latency_100")], "ms before each reply of the queue")


def _memory(e, axes):
    name = "backlog" if "backlog" in e["cases"] else "exactly_once"
    if name not in e["cases"]:
        return False
    run = e["cases"][name]["runs"][0]
    axes.plot([t for t, _ in run["memory"]], [mib for _, mib in run["memory"]], color=OURS)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"seconds, loading {run['messages']:,} messages")
    axes.set_ylabel("MiB resident")
    return True


def _send_to_commit(e, axes):
    drawn = False
    for name, colour in (("steady", OURS), ("burst", OTHERS)):
        if name in e["latency"]:
            entry = e["latency"][name]
            axes.plot(entry["runs"][0]["distribution_ms"], range(100), color=colour, label=entry["what"])
            drawn = True
    if drawn:
        axes.set_xlim(left=0)
        axes.set_xlabel("ms from send to commit")
        axes.set_ylabel("% of messages committed")
        axes.legend(frameon=False, loc="lower right")
    return drawn
