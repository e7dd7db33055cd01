"""The text of a plan file as plain data, with the place of every key and value.

YAML 1.2 (core schema) or JSON, from bytes that may be anything: what is not a plan file gives faults, never an
exception. Plain data is dict, list, str, int, float, bool and None.
"""

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from holdfast.plan.problems import Fault, Part, Path

MAX_YAML_BYTES: Final = 16 * 2**20
"""A longer YAML file is refused unread; a generated plan of that size is better JSON, read ten times faster."""

MAX_JSON_BYTES: Final = 64 * 2**20
"""A longer JSON file is refused unread."""

MAX_EXPANDED: Final = 10 * 2**20
"""What the aliases of a YAML file may expand to, in characters and 8 for each value."""

MAX_DEPTH: Final = 64
"""Nesting of the data."""

MAX_INTEGER: Final = 2**63 - 1
"""The largest whole number; the smallest is its negative, less one."""

Marks = int | list["Marks"]
"""Where a value stands in the text: the index of a scalar; for a list or map its own index, then those of its items
(of a map: of each key, then of its value) in order."""


class SourceError(Exception):
    """The file cannot be read any further; `index` is the place in `text`."""

    def __init__(self, fault: Fault, index: int = 0, text: str = "") -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.index = index
        self.text = text


@dataclass(slots=True)
class Source:
    """What a file holds. `faults` have places in the text already; `value` is None where nothing could be read."""

    name: str
    text: str
    value: object
    faults: list[tuple[Fault, int]]
    marks: Callable[[], Marks]
    _places: dict[int, dict[object, int]] = field(default_factory=dict)
    _breaks: list[int] = field(default_factory=list)

    def index(self, path: Path, part: Part = "value") -> int:
        """The index in the text of what is at `path`, or of the innermost thing on the way there.

        For a list or map, and for a `part` of "key", that is its key, if it has one; else its value.
        """
        value, marks = self.value, self.marks()
        index = 0
        for step in path:
            if not isinstance(marks, list):
                break
            key = value_at = None
            if isinstance(value, dict) and step in value:
                number = self._place(value, step)
                key, value_at, value = marks[1 + 2 * number], marks[2 + 2 * number], value[step]
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                key = value_at = marks[1 + step]
                value = value[step]
            if key is None or value_at is None:
                break
            index, marks = _start(key), value_at
        if part == "key" or (isinstance(marks, list) and index):
            return index
        return _start(marks)

    def inside_quotes(self, index: int, value: str, offset: int) -> int | None:
        """Where the character at `offset` of a value in double quotes stands, however the text escapes it.

        None where the literal at `index` is not that value as JSON writes it.
        """
        literal = _LITERAL.match(self.text, index)
        if literal is None or "\\" not in literal[0] or _decoded_literal(literal[0]) != value:
            return None
        place = index + 1
        for _ in range(offset):
            escape = _ESCAPE.match(self.text, place)
            place = place + 1 if escape is None else escape.end()
        return place

    def line_column(self, index: int) -> tuple[int, int]:
        """Line and column, from 1, of an index in the text."""
        if not self._breaks:
            self._breaks.append(-1)
            self._breaks += [match.start() for match in re.finditer("\n", self.text)]
        line = bisect_left(self._breaks, index)
        return line, index - self._breaks[line - 1]

    def _place(self, held: dict[str, object], key: object) -> int:
        """Which entry of a map a key is; counted once for each map."""
        if id(held) not in self._places:
            self._places[id(held)] = {name: number for number, name in enumerate(held)}
        return self._places[id(held)][key]


def read_source(data: bytes, name: str) -> Source:
    """Read a plan file's bytes; `name` says by `.json` that it must be JSON."""
    try:
        must_be_json = name.lower().endswith(".json")
        looks_like_json = must_be_json or data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
        _check_size(data, MAX_JSON_BYTES if looks_like_json else MAX_YAML_BYTES)
        text = _decoded(data)
        if not text.strip():
            raise SourceError(Fault("file.empty", "the file is empty", "write a plan: `holdfast new hello` makes one"))
        if looks_like_json:
            source = _read_json(text, name, only=must_be_json)
            if source is not None:
                return source
            _check_size(data, MAX_YAML_BYTES)
        return _read_yaml(text, name)
    except SourceError as error:
        return Source(name, error.text, None, [(error.fault, error.index)], lambda: 0)


_LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\.")


def _decoded_literal(literal: str) -> str | None:
    try:
        return msgspec.json.decode(literal, type=str)
    except msgspec.DecodeError:
        return None


def duplicate_key(key: str, first_line: int) -> Fault:
    """A key that stands in its map a second time."""
    return Fault(
        "key.duplicate",
        f'"{_short(key)}" stands here and in line {first_line}; a key stands once',
        "remove one of the two, or rename it",
    )


def too_deep() -> Fault:
    """Data within data within data."""
    return Fault("file.depth", f"the data is nested deeper than {MAX_DEPTH}", "a plan needs a fraction of that")


def out_of_range(text: str) -> Fault:
    """A number that other programs could not read back."""
    return Fault("value.number", f"{_short(text)} is not a number a plan can hold", "put it in quotes to make it text")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _start(marks: Marks) -> int:
    while isinstance(marks, list):
        marks = marks[0]
    return marks


def _check_size(data: bytes, most: int) -> None:
    if len(data) > most:
        message = f"the file has {len(data):,} bytes; a plan file of this kind has at most {most:,}"
        hint = "keep data in files that the plan's steps read; a large generated plan is best written as JSON"
        raise SourceError(Fault("file.too-large", message, hint))


def _decoded(data: bytes) -> str:
    """The text of UTF-8 bytes, without a byte order mark."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or re.match(rb"(?:[^\0]\0){2}|(?:\0[^\0]){2}", data):
        raise SourceError(Fault("file.encoding", "the file is UTF-16 or UTF-32", "save it as UTF-8"))
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        raise SourceError(Fault("file.binary", "the file is binary, not text", "give the plan file, not its product"))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        fault = Fault("file.encoding", f"the file is not UTF-8: byte 0x{data[error.start]:02x}", "save it as UTF-8")
        before = data[: error.start].decode()
        raise SourceError(fault, len(before), before + "\ufffd") from error


def _read_json(text: str, name: str, *, only: bool) -> Source | None:
    """The source of JSON text; None if it is not JSON and may be something else."""
    from holdfast.plan.source import json as json_source  # noqa: PLC0415 - start-up time: a YAML plan needs no JSON reader

    return json_source.read(text, name, only=only)


def _read_yaml(text: str, name: str) -> Source:
    from holdfast.plan.source import yaml as yaml_source  # noqa: PLC0415 - start-up time: importing yaml takes longer than a small plan

    return yaml_source.read(text, name)
