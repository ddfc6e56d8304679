#!/usr/bin/env python3
"""The house rules that no compiler knows: python3 tests/tidy/tidy.py. Silent when all are kept."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import code_rules
import text_rules
from tree import Tree


def findings(tree):
    return sorted({found for rule in code_rules.RULES + text_rules.RULES for found in rule(tree)})


def main():
    found = findings(Tree.of_repository(Path(__file__).resolve().parents[2]))
    for each in found:
        print(each)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
