"""Where the tree is, and what a finding is."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place that breaks one rule."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def tracked(*suffixes: str) -> Iterator[tuple[str, str]]:
    """Path and text of every file of the project with one of the suffixes; what git ignores is not of the project."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in sorted(set(names)):
        path = ROOT / name
        if name.endswith(suffixes) and path.is_file():
            yield name, path.read_text(encoding="utf-8")
