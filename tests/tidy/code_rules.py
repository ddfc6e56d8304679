"""Rules for sources and their build."""

import re
from posixpath import dirname, join, normpath

from tree import Finding

LINES_MAX = 600
TEST_LINES_MAX = 800

# A folder of src/ includes only those before it. (`asio.cpp` is in none.)
ROOMS = ["core", "http", "aws", "sqs", "mask", "copy", "record", "pg", "observe", "pipeline", "app"]
# What decides and computes: no I/O, no clock, no environment, so that tests need none either.
PURE = ["src/core/*", "src/mask/*", "src/copy/*", "src/record/*", "src/sqs/codec*", "src/aws/sigv4*"]
IMPURE_INCLUDES = r'#include [<"](boost/asio(?!/error\.hpp|/ssl/error\.hpp)|boost/beast|libpq|postgres)[^>"]*'
IMPURE_CALLS = r"\b(getenv|secure_getenv|\w*clock::now|std::time|gettimeofday)\s*\("

# g++ 12 destroys the temporaries of a co_await in a conditional expression twice.
CONDITIONAL_AWAIT = r"\?\s*co_await\b|\?[^?;{}]*[^:]:\s*co_await\b"
SLEEPS = r"\bsleep_(for|until)\b|\b(u|nano)?sleep\s*\("


def sizes(tree):
    """A file that has grown over the limit wants to be two."""
    for path in tree.files("*.cpp", "*.hpp", "*.py", "*.sh", "*.js", "*.mjs", "*.cmake", "*CMakeLists.txt"):
        lines_max = TEST_LINES_MAX if path.startswith("tests/") else LINES_MAX
        lines = tree.texts[path].count("\n")
        if lines > lines_max:
            yield Finding(path, 0, f"{lines} lines, over {lines_max}: split it")


def layers(tree):
    """A folder of src/ includes only those in front of it in ROOMS."""
    for path, line, match in tree.search(r'^[ \t]*#include "([^"\n]+)"', "src/*/*"):
        room, other = path.split("/")[1], match[1].split("/")[0]
        if "/" not in match[1]:
            yield Finding(path, line, f'"{match[1]}": write the folder too, as in "{room}/{match[1]}"')
        elif room not in ROOMS:
            yield Finding(path, line, f"{room} is not in ROOMS of tests/tidy/code_rules.py")
        elif other not in ROOMS or ROOMS.index(other) > ROOMS.index(room):
            yield Finding(path, line, f"{room} may not include {other}: a message meets it later")


def purity(tree):
    """Pure folders do no I/O and read neither clock nor environment. Error codes of Asio are only numbers."""
    for path, line, match in tree.search(IMPURE_INCLUDES, *PURE):
        yield Finding(path, line, f"{match[0]}: this folder is pure")
    for path, line, match in tree.search(IMPURE_CALLS, *PURE, code_only=True):
        yield Finding(path, line, f"{match[1]}: this folder is pure; the caller brings time and environment")


def forbidden_code(tree):
    """Constructs that have bitten, or would."""
    rules = [
        (r"\bdetached\b", ["src/*"], "detached: its failures vanish; give co_spawn a handler"),
        (CONDITIONAL_AWAIT, ["*.cpp", "*.hpp"], "co_await in ?: frees its temporaries twice with g++ 12"),
        (SLEEPS, ["tests/unit/*", "tests/sim/*"], "a test that sleeps: inject the clock"),
    ]
    for pattern, where, text in rules:
        for path, line, _ in tree.search(pattern, *where, code_only=True):
            yield Finding(path, line, text)
    for path in tree.files("src/*.hpp", "tests/*.hpp", "bench/*.hpp"):
        if not re.search(r"^#pragma once$", tree.texts[path], re.M):
            yield Finding(path, 0, "no #pragma once")


def build_files(tree):
    """Sources are listed, each of them, and never globbed."""
    cmake = ["*CMakeLists.txt", "*.cmake"]
    for path, line, _ in tree.search(r"(?i)^[^#\n]*\b(file\s*\(\s*GLOB|aux_source_directory)", *cmake):
        yield Finding(path, line, "globbing: list the sources, so that a build sees a new one")
    listed = {_goal(path, match[0]) for path, _, match in tree.search(r"[\w./${}-]+\.cpp\b", *cmake)}
    for path in tree.files("src/*.cpp", "tests/*.cpp", "bench/*.cpp"):
        if path not in listed:
            yield Finding(path, 0, "in no CMakeLists.txt: it is never compiled")


def _goal(build_file, name):
    """The path that a name in a build file means: from its folder, or from the top."""
    top = re.sub(r"^\$\{(PROJECT|CMAKE)_SOURCE_DIR\}/", "", name)
    return normpath(top if top != name else join(dirname(build_file), name))


RULES = [sizes, layers, purity, forbidden_code, build_files]
