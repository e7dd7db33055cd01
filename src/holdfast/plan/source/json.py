"""JSON as a plan's source: decoded at once; places are looked for only when something has to be shown."""

import json
import re
from functools import lru_cache

import msgspec

from holdfast.plan.problems import Fault
from holdfast.plan.source.document import (
    MAX_DEPTH,
    MAX_INTEGER,
    Marks,
    Source,
    SourceError,
    duplicate_key,
    out_of_range,
    too_deep,
)

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|[^\s{}\[\],:"]+', re.DOTALL)
_MAX_DIGITS = len(str(MAX_INTEGER))


def read(text: str, name: str, *, only: bool) -> Source | None:
    """The source of JSON text. None if it is no JSON, unless it must be (`only`): then SourceError says why."""
    repeated = False

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        data = dict(items)
        repeated = repeated or len(data) != len(items)
        return data

    try:
        value = json.loads(
            text, object_pairs_hook=pairs, parse_int=_whole, parse_float=_decimal, parse_constant=_decimal
        )
    except json.JSONDecodeError as error:
        if not only:
            return None
        raise SourceError(Fault("json.syntax", f"this is not JSON: {error.msg}"), error.pos, text) from error
    except RecursionError as error:
        raise SourceError(too_deep(), _deep_index(text), text) from error
    except _NumberError as error:
        raise SourceError(out_of_range(error.text), max(0, _number_index(text, error.text)), text) from error
    _check_depth(value, text)
    _check_characters(value, text)
    found = lru_cache(maxsize=1)(lambda: _Scan(text))
    faults = found().duplicates if repeated else []
    return Source(name, text, value, faults, lambda: found().marks)


class _NumberError(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def _whole(text: str) -> int:
    if len(text) <= _MAX_DIGITS + 1:
        number = int(text)
        if -MAX_INTEGER - 1 <= number <= MAX_INTEGER:
            return number
    raise _NumberError(text)


def _decimal(text: str) -> float:
    number = float(text)
    if number - number != 0:  # infinite, or no number at all
        raise _NumberError(text)
    return number


def _number_index(text: str, number: str) -> int:
    return next((match.start() for match in _TOKEN.finditer(text) if match[0] == number), 0)


def _check_depth(value: object, text: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for held in level
            for item in (held.values() if isinstance(held, dict) else held if isinstance(held, list) else ())
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise SourceError(too_deep(), _deep_index(text), text)


def _deep_index(text: str) -> int:
    depth = 0
    for match in _TOKEN.finditer(text):
        if match[0] in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                return match.start()
        elif match[0] in "}]":
            depth -= 1
    return 0


def _check_characters(value: object, text: str) -> None:
    """Refuse what JSON can write and a text cannot hold: half of a surrogate pair, and the character 0."""
    if "\\u" not in text:
        return
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        fault = Fault("value.character", "half of a surrogate pair is not a character", "write the character itself")
        raise SourceError(fault, max(0, text.lower().find("\\ud")), text) from error
    if b"\\u0000" in encoded.replace(b"\\\\", b""):
        fault = Fault("value.character", "a text cannot hold the character 0", "take it out")
        raise SourceError(fault, text.find("\\u0000"), text)


class _Scan:
    """The places of everything in valid JSON text, and the keys that stand twice."""

    def __init__(self, text: str) -> None:
        self.duplicates: list[tuple[Fault, int]] = []
        root = _Open([0], None)
        self._stack = [root]
        self._text = text
        for match in _TOKEN.finditer(text):
            self._take(match[0], match.start())
        self.marks: Marks = root.marks[1]

    def _take(self, token: str, index: int) -> None:
        here = self._stack[-1]
        if token in "}]":
            self._stack.pop()
        elif here.keys is not None and here.key is None:
            self._key(here, token, index)
        elif token in "{[":
            inner = _Open([index], {} if token == "{" else None)
            here.add(inner.marks)
            self._stack.append(inner)
        else:
            here.add(index)

    def _key(self, here: "_Open", token: str, index: int) -> None:
        assert here.keys is not None
        name = json.loads(token)
        here.key = index
        if name in here.keys:
            first_line = self._text.count("\n", 0, here.keys[name]) + 1
            self.duplicates.append((duplicate_key(name, first_line), index))
            here.key = -1
        here.keys.setdefault(name, index)


class _Open:
    """A map or list that is being scanned; `key` is the place of the key whose value comes next, −1 for a double."""

    __slots__ = ("key", "keys", "marks")

    def __init__(self, marks: list[Marks], keys: dict[str, int] | None) -> None:
        self.marks = marks
        self.keys = keys
        self.key: int | None = None

    def add(self, marks: Marks) -> None:
        if self.keys is None:
            self.marks.append(marks)
        else:
            assert self.key is not None
            if self.key >= 0:
                self.marks += [self.key, marks]
            self.key = None
