"""What documents, dashboard and alarms say about metrics and events is what the program has."""

import json
import re
import subprocess
import urllib.request

import pytest

METRIC = re.compile(r"\b(?:sluice|process)_[a-z][a-z_]*[a-z]\b")
OWN_EVENT = re.compile(r"format_event\(\w+, \"(\w+)\"")  # of the log itself: a warning
EVENT_CALL = re.compile(r"log_?\.(debug|info|warning|error)\(\s*\"(\w+)\"")


@pytest.fixture
def exported(play):
    """Names and types of all that /metrics gives."""
    base, _ = play()

    def scrape():
        with urllib.request.urlopen(base + "/metrics", timeout=5) as answer:
            return dict(re.findall(r"^# TYPE (\S+) (\S+)$", answer.read().decode(), re.M))

    while "sluice_set_aside_reasons_total" not in scrape():
        pass
    return scrape()


def series(exported):
    """A histogram is seen as three series."""
    parts = ("_bucket", "_sum", "_count")
    return {name + part for name, kind in exported.items() for part in (parts if kind == "histogram" else ("",))}


def expressions(repository):
    """(where, PromQL) of each panel and each rule."""
    dashboard = json.loads((repository / "deploy/grafana/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    rules = (repository / "deploy/alarms/prometheus-rules.yaml").read_text()
    yield from re.findall(r"- alert: (\w+)\n\s+expr: (.+)", rules)


def test_promtool_accepts_the_metrics(play):
    base, _ = play()
    with urllib.request.urlopen(base + "/metrics", timeout=5) as answer:
        text = answer.read()
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr.decode()


def test_every_metric_is_in_the_reference_and_every_one_there_is_exported(exported, repository):
    documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", (repository / "docs/metrics.md").read_text(), re.M))
    assert documented == exported


def test_the_reference_says_of_each_figure_what_the_program_says(programs, repository):
    made = subprocess.run([programs / "status_demo", "--metrics"], capture_output=True, text=True, check=True).stdout
    assert made in (repository / "docs/metrics.md").read_text()


def test_dashboard_and_alarms_ask_only_for_what_is_exported(exported, repository):
    asked = list(expressions(repository))
    assert len(asked) > 15
    for where, expression in asked:
        names = set(METRIC.findall(expression))
        assert names, (where, expression)
        assert names <= series(exported), (where, names - series(exported))


def test_the_list_of_events_is_the_one_of_the_program(programs, repository):
    made = subprocess.run([programs / "status_demo", "--events"], capture_output=True, text=True, check=True).stdout
    assert made in (repository / "docs/events.md").read_text()


def test_every_event_that_a_source_logs_is_listed_with_its_level(repository):
    listed = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", (repository / "docs/events.md").read_text(), re.M))
    logged = {}
    for source in (repository / "src").rglob("*.cpp"):
        logged |= {name: level for level, name in EVENT_CALL.findall(source.read_text())}
        logged |= dict.fromkeys(OWN_EVENT.findall(source.read_text()), "warning")
    assert logged == listed
