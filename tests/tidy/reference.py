#!/usr/bin/env python3
"""The table of settings in docs/configuration.md, from the table in src/app/settings.cpp and the flags in src/app/command_line.cpp.

python3 tests/tidy/reference.py puts it where it belongs; a rule tells when that is due.
"""

import re
from pathlib import Path

SOURCE, FLAGS, REFERENCE = "src/app/settings.cpp", "src/app/command_line.cpp", "docs/configuration.md"
START, END = "<!-- settings: made by tests/tidy/reference.py -->", "<!-- end of settings -->"
HEAD = "| setting | variable | flag | exercise's name | default | |\n|---|---|---|---|---|---|"

_STRING = r'"((?:[^"\\]|\\.)*)"'
_ROW = re.compile(rf"\{{(?:{_STRING},\s*)" + rf"{_STRING},\s*" * 3 + rf"((?:{_STRING}\s*)+)(,\s*true)?\}}")


_FLAG = re.compile(rf"add_setting\(\*?\w+, line, {_STRING}, {_STRING}\)")


def table(source, cli):
    """Markdown, a row for each setting."""
    flags = {name: flag.split(",")[-1] for flag, name in _FLAG.findall(cli)}
    rows = [HEAD]
    for match in _ROW.finditer(source):
        name, variable, alias, fallback, text = match.group(1, 2, 3, 4, 5)
        text = "".join(re.findall(_STRING, text)).replace("|", "\\|")
        secret = " (secret)" if match[7] else ""
        rows.append(
            f"| `{name}` | {_code(variable)} | {_code(flags.get(name))} | {_code(alias)} | {_code(fallback)} | {text}{secret} |"
        )
    return "\n".join(rows)


def _code(text):
    return f"`{text}`" if text else ""


def with_table(document, source, cli):
    """The document with its table as it should be; unchanged if it has no place for one."""
    before, start, rest = document.partition(START)
    _, end, after = rest.partition(END)
    return f"{before}{start}\n{table(source, cli)}\n{end}{after}" if end else document


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    path = root / REFERENCE
    sources = [(root / each).read_text("utf-8") for each in (SOURCE, FLAGS)]
    path.write_text(with_table(path.read_text("utf-8"), *sources), "utf-8")
