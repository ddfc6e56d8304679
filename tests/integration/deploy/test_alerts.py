"""The alert rules, by Prometheus' own tool."""

import pathlib
import re
import subprocess

import yaml

HERE = pathlib.Path(__file__).resolve().parent
RULES = HERE.parents[2] / "deploy" / "alarms" / "prometheus-rules.yaml"
CASES = HERE / "alerts.yaml"


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_rules():
    assert re.search(r"SUCCESS: \d+ rules found", promtool("check", "rules", RULES))


def test_each_alert_fires_in_its_trouble_and_only_there():
    promtool("test", "rules", CASES)


def test_each_alert_has_a_case_that_fires_and_one_that_does_not():
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test["alert_rule_test"]]
    assert {c["alertname"] for c in cases if c["exp_alerts"]} == alerts
    assert {c["alertname"] for c in cases if not c["exp_alerts"]} == alerts
