"""The end of a log file, read without reading the rest."""

import os
from pathlib import Path

from holdfast.surfaces.cli.text import clean

LAST_WORDS = 4096
"""Bytes looked at for the last line."""

BLOCK = 65536
REACH = 8 << 20
"""Bytes looked at for the last lines; a longer line is shown without its beginning."""


def last_line(path: Path) -> str:
    """The last line with text on it, clean; empty where there is none or the file cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_WORDS))
            data = file.read(LAST_WORDS)
    except OSError:
        return ""
    for raw in reversed(data.decode(errors="replace").splitlines()):
        text = clean(raw).strip()
        if text:
            return text
    return ""


def last_lines(path: Path, count: int) -> list[str]:
    """The last `count` lines as they are; empty where the file cannot be read."""
    try:
        with path.open("rb") as file:
            return _decoded(_tail(file.fileno(), count), count)
    except OSError:
        return []


def tail_offset(path: Path, count: int) -> int:
    """Where the last `count` lines of a file begin."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        return end - len(_tail(file.fileno(), count))


def _tail(descriptor: int, count: int) -> bytes:
    position = os.lseek(descriptor, 0, os.SEEK_END)
    data = b""
    while position > 0 and len(data) < REACH and data.rstrip(b"\n").count(b"\n") < count:
        step = min(BLOCK, position)
        position -= step
        data = os.pread(descriptor, step, position) + data
    ended = data.endswith(b"\n")
    kept = data.removesuffix(b"\n").split(b"\n")[-count:] if count else []
    return b"\n".join(kept) + (b"\n" if ended and kept else b"")


def _decoded(data: bytes, count: int) -> list[str]:
    return data.decode(errors="replace").removesuffix("\n").split("\n")[-count:] if data else []
