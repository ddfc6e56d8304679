"""The repository as the rules see it: paths and texts, from git or from a test."""

import re
import subprocess
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to mend. `line` is 0 where the file as a whole is meant."""

    path: str
    line: int
    text: str

    def __str__(self):
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.text}"


class Tree:
    """Texts by path. Files that are not UTF-8 text are known by name only."""

    def __init__(self, texts):
        self.texts = {path: text for path, text in texts.items() if text is not None}
        self.names = set(texts)
        self.folders = {str(parent) for name in texts for parent in Path(name).parents}

    @classmethod
    def of_repository(cls, root):
        """What git tracks, and what it would if it were added."""
        command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        return cls({name: cls._read(Path(root, name)) for name in names if Path(root, name).is_file()})

    @staticmethod
    def _read(path):
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return None

    def files(self, *patterns):
        """Paths that match any of the shell patterns, whose `*` crosses folders, in order."""
        return sorted(p for p in self.texts if any(fnmatch(p, pattern) for pattern in patterns))

    def search(self, pattern, *patterns, code_only=False):
        """(path, line number, match) wherever the expression is found, also over lines."""
        expression = re.compile(pattern, re.M)
        for path in self.files(*patterns):
            text = re.sub(r"//.*", "", self.texts[path]) if code_only else self.texts[path]
            for match in expression.finditer(text):
                yield path, text.count("\n", 0, match.start()) + 1, match

    def exists(self, path):
        return path in self.names or path in self.folders
