"""A folder in one canonical document: its files by digest, its links as they are, its empty folders."""

import os
import re
from collections.abc import Iterable
from typing import Final

import msgspec


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    r"""One line of a manifest: a file (digest, executable or not), a symbolic link (its target), or an empty folder.

    Names that are not UTF-8 are `escaped`: in path and link a byte stands as `\xff`, a backslash as two.
    """

    path: str
    digest: str | None = None
    executable: bool = False
    link: str | None = None
    escaped: bool = False
    folder: bool = False


def encode(entries: Iterable[Entry]) -> bytes:
    """The manifest: the same bytes for the same folder, whatever the order in which it was read."""
    named = [_named(entry) for entry in entries]
    return msgspec.json.encode(sorted(named, key=lambda entry: (entry.path, entry.escaped)))


def decode(data: bytes) -> list[Entry]:
    """The entries with their names as the system has them; raises `msgspec.DecodeError`."""
    return [_raw(entry) if entry.escaped else entry for entry in msgspec.json.decode(data, type=list[Entry])]


def encodable(name: str) -> str:
    r"""A file name as text that UTF-8 can hold: itself, or, where its bytes are none, `./` and the bytes as `\xff`.

    No plain path begins with `./`, so two names never become one.
    """
    if name.isascii() or _is_utf8(name):
        return name
    return f"./{_escaped(name)}"


def _named(entry: Entry) -> Entry:
    """The entry as JSON can hold it: a file name is bytes, and need not be UTF-8."""
    if _is_utf8(f"{entry.path}{entry.link or ''}"):
        return entry
    link = None if entry.link is None else _escaped(entry.link)
    return msgspec.structs.replace(entry, path=_escaped(entry.path), link=link, escaped=True)


def _raw(entry: Entry) -> Entry:
    link = None if entry.link is None else _unescaped(entry.link)
    return msgspec.structs.replace(entry, path=_unescaped(entry.path), link=link, escaped=False)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(name: str) -> str:
    return os.fsencode(name).replace(b"\\", rb"\\").decode("utf-8", "backslashreplace")


def _unescaped(name: str) -> str:
    parts = _ESCAPE.sub(lambda found: b"\\" if found[1] is None else bytes([int(found[1], 16)]), name.encode())
    return os.fsdecode(parts)


_ESCAPE: Final = re.compile(rb"\\(?:\\|x([0-9a-f]{2}))")
