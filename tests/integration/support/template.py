"""deploy/cloudformation/sluice.yaml, read as CloudFormation would, for given parameters."""

import pathlib
import re

from cfnlint.decode import cfn_yaml

FILE = pathlib.Path(__file__).resolve().parents[3] / "deploy" / "cloudformation" / "sluice.yaml"
NOTHING = object()  # AWS::NoValue


class Template:
    def __init__(self, **parameters):
        self._template = cfn_yaml.load(str(FILE))
        defaults = {name: p["Default"] for name, p in self._template["Parameters"].items() if "Default" in p}
        self._values = defaults | {"AWS::StackName": "sluice", "AWS::NoValue": NOTHING} | parameters

    def resource(self, name):
        return self._resolved(self._template["Resources"][name]["Properties"])

    def container(self):
        return self.resource("Task")["ContainerDefinitions"][0]

    def actions(self, role):
        """IAM actions that a role's own policies allow."""
        policies = self.resource(role)["Policies"]
        return {a for p in policies for s in p["PolicyDocument"]["Statement"] for a in s["Action"]}

    def broken_rules(self):
        """What CloudFormation would say of these parameters, before it makes anything."""
        rules = [r for r in self._template["Rules"].values() if self._test(r["RuleCondition"])]
        return [a["AssertDescription"] for r in rules for a in r["Assertions"] if not self._test(a["Assert"])]

    def metrics(self):
        """Names of our own metrics that alarms and dashboard use."""
        text = FILE.read_text()
        ours = set(re.findall(r"Namespace: !Ref AWS::StackName,?\s+MetricName: (\w+)", text))
        for row in re.findall(r'\["\$\{AWS::StackName\}", "\w+".*', text):
            ours |= set(re.findall(r'\["(?:\$\{AWS::StackName\}|\.)", "(\w+)"', row))
        return ours

    def _condition(self, name):
        return self._test(self._template["Conditions"][name])

    def _test(self, test):
        ((function, arguments),) = test.items()
        if function == "Fn::Not":
            return not self._test(arguments[0])
        a, b = (str(self._resolved(each)) for each in arguments)
        return a == b

    def _resolved(self, node):
        if isinstance(node, list):
            return [r for r in map(self._resolved, node) if r is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                return self._values.get(argument, f"<{argument}>")
            if function == "Fn::GetAtt":
                return f"<{'.'.join(argument) if isinstance(argument, list) else argument}>"
            if function == "Fn::Sub" and isinstance(argument, str):
                return re.sub(r"\$\{([\w:.]+)\}", lambda m: str(self._values.get(m[1], f"<{m[1]}>")), argument)
            if function == "Fn::If":
                name, yes, no = argument
                return self._resolved(yes if self._condition(name) else no)
        return {k: r for k, v in node.items() if (r := self._resolved(v)) is not NOTHING}
