"""failures.py tells of a log what failed, why, and how to run it alone."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "failures.py"
LINE = "-" * 79
CTEST = f"""Test project {pathlib.Path.cwd()}/build/none
 1/2 Test  #1: unit_core ........................***Failed    0.10 sec
{LINE}
one, or
two
  and a section
{LINE}
/x/core_test.cpp:12
{"." * 79}

/x/core_test.cpp:15: FAILED:
  CHECK( 1 == 2 )
with expansion:
  1 == 2

{"=" * 79}
 2/2 Test  #2: unit_record ......................***Timeout  60.04 sec
seed: SLUICE_SEED=7

0% tests passed, 2 tests failed out of 2

The following tests FAILED:
\t  1 - unit_core (Failed)
"""
PYTEST = """...F [ 50%]
FAILED tests/integration/e2e/test_x.py::test_y[a b] - AssertionError: no
ERROR tests/chaos/test_x.py::test_z - failed on setup
"""


def told(log):
    with tempfile.NamedTemporaryFile("w", suffix=".log") as file:
        file.write(log)
        file.flush()
        done = subprocess.run([sys.executable, PROGRAM, file.name], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, [line.strip() for line in done.stdout.splitlines()]


class Failures(unittest.TestCase):
    def test_a_case_of_catch2_and_a_program_that_ran_out_of_time(self):
        code, lines = told(CTEST)
        self.assertEqual(code, 0)
        self.assertEqual(lines[0], "unit_core: one, or two")
        self.assertIn("/x/core_test.cpp:15: FAILED:", lines)
        self.assertEqual(lines[6:9], ["unit_record", "Timeout", "seed: SLUICE_SEED=7"])
        self.assertEqual(lines[9], "alone: ctest --test-dir build/none -R ^unit_record$ --output-on-failure")
        self.assertEqual(len(lines), 10)

    def test_pytest(self):
        code, lines = told(PYTEST)
        self.assertEqual(code, 0)
        self.assertEqual(
            lines[:3],
            [
                "tests/integration/e2e/test_x.py::test_y[a b]",
                "AssertionError: no",
                "alone: scripts/test.sh pytest 'tests/integration/e2e/test_x.py::test_y[a b]'",
            ],
        )
        self.assertEqual(lines[3:5], ["tests/chaos/test_x.py::test_z", "failed on setup"])

    def test_a_compiler(self):
        code, lines = told("[3/4] Building\nFAILED: x.o\n/a/b.cpp:3:4: error: no such thing\n")
        self.assertEqual((code, lines[1]), (0, "/a/b.cpp:3:4: error: no such thing"))

    def test_anything_else_is_left_to_the_reader(self):
        self.assertEqual(told("nothing\n"), (1, []))


if __name__ == "__main__":
    unittest.main()
