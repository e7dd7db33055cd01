"""Plans that were read and accepted before, by what was read and what read it: a second start need not parse again.

A cache and nothing more: what is missing, torn or from another program is read from the plan file as if it had never
been here. Plans with problems are not kept, so that each start tells them.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from holdfast import __version__
from holdfast.plan import __file__ as package
from holdfast.plan.door import Door
from holdfast.plan.model import Plan

FOLDER = "plans"
KEPT_MAX = 64
PREFIX = "sha256:"
HEAD = len(PREFIX) + 64


class Remembered:
    """The plans kept in a state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "cache" / FOLDER

    def key(self, file: Path, source: bytes, door: Door) -> str:
        """The name under which the plan in `file`, with these bytes and read like this, is kept."""
        sha = hashlib.sha256(f"{__version__}\n{file.suffix}\n{door.mark}\n".encode(errors="surrogateescape"))
        for entry in _sources(Path(package).parent):
            # One who works on Holdfast does not change its version every time.
            found = entry.stat()
            sha.update(f"{entry.name} {found.st_mtime_ns} {found.st_size}\n".encode())
        sha.update(source)
        return sha.hexdigest()

    def find(self, key: str) -> tuple[Plan, bytes, str] | None:
        """The plan with its stored form and that one's digest, or `None`."""
        try:
            kept = (self._folder / key).read_bytes()
            digest, data = kept[:HEAD].decode(), kept[HEAD:]
            if PREFIX + hashlib.sha256(data).hexdigest() != digest:
                return None
            return msgspec.json.decode(data, type=Plan), data, digest
        except (OSError, ValueError, msgspec.DecodeError):
            return None

    def keep(self, key: str, data: bytes, digest: str) -> None:
        """Keep an accepted plan; where that cannot be, the next start reads it again."""
        staged = self._folder / f"{key}.{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._forget_oldest()
            staged.write_bytes(digest.encode() + data)
            staged.rename(self._folder / key)
        except OSError:
            return

    def _forget_oldest(self) -> None:
        kept = sorted(os.scandir(self._folder), key=lambda entry: entry.stat().st_mtime)
        for entry in kept[: -(KEPT_MAX - 1)]:
            Path(entry).unlink()


def _sources(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """The files that decide what a plan means."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield entry
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _sources(entry.path)
