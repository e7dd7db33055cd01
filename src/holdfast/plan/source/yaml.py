"""YAML 1.2 as a plan's source: from the parser's events only, so that nothing recurses and nothing is constructed.

PyYAML's loaders follow YAML 1.1 (`NO` is false there), let the last of two equal keys win, and end the process on deep
nesting; its event parser does none of this.
"""

import re
from collections.abc import Callable
from typing import Any, Final, Protocol

import yaml

from holdfast.plan.problems import Fault
from holdfast.plan.source.document import (
    MAX_DEPTH,
    MAX_EXPANDED,
    MAX_INTEGER,
    Marks,
    Source,
    SourceError,
    duplicate_key,
    out_of_range,
    too_deep,
)


class _Mark(Protocol):
    index: int


class _Node(Protocol):
    """What all events of values have."""

    start_mark: _Mark
    anchor: str | None
    tag: str | None


class _Scalar(_Node, Protocol):
    value: str
    style: str | None


class _Alias(Protocol):
    start_mark: _Mark
    anchor: str


class _Start(Protocol):
    start_mark: _Mark


class _PureEvents(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)


NextEvent = Callable[[], Any]


def _pure_events(text: str) -> NextEvent:
    return _PureEvents(text).get_event


def _c_events(text: str) -> NextEvent:
    return yaml.CLoader(text.encode()).get_event


open_events: Callable[[str], NextEvent] = _c_events if yaml.__with_libyaml__ else _pure_events
"""Gives the function that returns the next event of a text."""

_COST: Final = 8
_CORE: Final = "tag:yaml.org,2002:"
_WORDS: Final[dict[str, object]] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBER_START: Final = frozenset("0123456789-+.")
_KINDS: Final[dict[str, type | tuple[type, ...]]] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "null": type(None),
}


def read(text: str, name: str) -> Source:
    """The source of YAML text; raises SourceError where it cannot be read any further."""
    builder = _Builder(text)
    try:
        value, marks = builder.build(open_events(text))
    except yaml.MarkedYAMLError as error:
        raise SourceError(*_syntax(error, text), text) from error
    except yaml.reader.ReaderError as error:
        shown = f"U+{error.character:04X}" if isinstance(error.character, int) else "this character"
        fault = Fault("value.character", f"{shown} cannot stand in a plan file", "write it with an escape, or leave it")
        raise SourceError(fault, max(0, text.find(chr(error.character))), text) from error
    return Source(name, text, value, builder.faults, lambda: marks)


def _syntax(error: yaml.MarkedYAMLError, text: str) -> tuple[Fault, int]:
    mark = error.problem_mark or error.context_mark
    index = 0 if mark is None else min(mark.index, len(text))
    problem = error.problem or "the text ends too early"
    if text[index : index + 1] == "\t" or "tab" in problem:
        return Fault("yaml.tab", "a tab cannot indent", "indent with spaces"), index
    if error.context:
        problem = f"{problem} ({error.context})"
    hint = None
    if "mapping values are not allowed" in problem:
        hint = 'put a text that holds ": " in quotes'
    elif "cannot start any token" in problem:
        hint = "put a text that begins with this character in quotes"
    return Fault("yaml.syntax", f"this is not YAML: {problem}", hint), index


class _Open:
    """A map or list that is being read."""

    __slots__ = ("anchor", "deepest", "key", "marks", "size_before", "value")

    def __init__(self, value: dict[str, object] | list[object], index: int, anchor: str | None, size: int) -> None:
        self.value = value
        self.marks: list[Marks] = [index]
        self.anchor = anchor
        self.size_before = size
        self.deepest = 1
        self.key: str | None = None


class _Anchored:
    """A value that aliases may repeat; `size` and `depth` are what each repetition costs."""

    __slots__ = ("depth", "marks", "size", "value")

    def __init__(self, value: object, marks: Marks, size: int, depth: int) -> None:
        self.value = value
        self.marks = marks
        self.size = size
        self.depth = depth


class _Builder:
    """Makes plain data and its marks of events; `faults` are those after which reading can go on."""

    def __init__(self, text: str) -> None:
        self.faults: list[tuple[Fault, int]] = []
        self._text = text
        self._root = _Open([], 0, None, 0)
        self._stack = [self._root]
        self._anchors: dict[str, _Anchored] = {}
        self._size = 0

    def build(self, next_event: NextEvent) -> tuple[object, Marks]:
        """The one document of the stream."""
        take: dict[type, Callable[[Any], None]] = {
            yaml.MappingStartEvent: lambda event: self._open({}, event),
            yaml.SequenceStartEvent: lambda event: self._open([], event),
            yaml.MappingEndEvent: lambda _: self._close(),
            yaml.SequenceEndEvent: lambda _: self._close(),
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        scalar, add = yaml.ScalarEvent, self._scalar
        while True:
            event = next_event()
            kind = type(event)
            if kind is scalar:
                add(event)
            elif kind in take:
                take[kind](event)
            elif kind is yaml.StreamEndEvent:
                break
        if not self._root.value:
            raise SourceError(Fault("file.empty", "the file holds no data, only comments", None), 0, self._text)
        assert isinstance(self._root.value, list)
        return self._root.value[0], self._root.marks[1]

    def _fail(self, index: int, code: str, message: str, hint: str | None = None) -> SourceError:
        return SourceError(Fault(code, message, hint), index, self._text)

    def _document(self, event: _Start) -> None:
        if self._root.value:
            hint = "put each plan into a file of its own"
            raise self._fail(event.start_mark.index, "yaml.documents", "a second document begins here", hint)

    def _open(self, value: dict[str, object] | list[object], event: _Node) -> None:
        index = event.start_mark.index
        if len(self._stack) > MAX_DEPTH:
            raise SourceError(too_deep(), index, self._text)
        own = f"{_CORE}{'map' if isinstance(value, dict) else 'seq'}"
        if event.tag not in {None, "!", own}:
            raise self._tag(event.tag, index)
        inner = _Open(value, index, event.anchor, self._size)
        self._size += _COST
        self._add(value, inner.marks, index)
        self._stack.append(inner)

    def _close(self) -> None:
        done = self._stack.pop()
        parent = self._stack[-1]
        parent.deepest = max(parent.deepest, done.deepest + 1)
        if done.anchor:
            size = self._size - done.size_before
            self._anchors[done.anchor] = _Anchored(done.value, done.marks, size, done.deepest)

    def _alias(self, event: _Alias) -> None:
        index = event.start_mark.index
        known = self._anchors.get(event.anchor)
        if known is None:
            inside = any(frame.anchor == event.anchor for frame in self._stack)
            why = "stands inside of what it repeats" if inside else "repeats an anchor that does not stand before it"
            raise self._fail(index, "yaml.alias", f"*{event.anchor} {why}", f"define &{event.anchor} earlier")
        here = self._stack[-1]
        if isinstance(here.value, dict) and here.key is None:
            raise self._fail(index, "yaml.key", "an alias cannot be a key", "write the key itself")
        self._size += known.size
        if self._size > MAX_EXPANDED and known.size > _COST:
            message = f"the aliases expand to more than {MAX_EXPANDED // 2**20} MiB"
            raise self._fail(index, "yaml.expansion", message, "write less with aliases, or generate the plan as JSON")
        if len(self._stack) - 1 + known.depth > MAX_DEPTH:
            raise SourceError(too_deep(), index, self._text)
        here.deepest = max(here.deepest, known.depth + 1)
        self._add(known.value, known.marks, index)

    def _scalar(self, event: _Scalar) -> None:
        text: str = event.value
        index: int = event.start_mark.index
        here = self._stack[-1]
        self._size += _COST + len(text)
        if here.key is None and type(here.value) is dict:
            self._key(here, event)
            return
        value: object = text
        if event.tag is not None:
            value = self._tagged(event, event.tag)
        elif not event.style:
            value = self._plain(text, index)
        elif "\0" in text:
            raise self._fail(index, "value.character", "a text cannot hold the character 0", "take it out")
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(value, index, _COST + len(text), 0)
        self._add(value, index, index)

    def _key(self, here: _Open, event: _Scalar) -> None:
        """Keys are always text, as in JSON: `on`, `yes` and `1` are keys like others."""
        key, index = event.value, event.start_mark.index
        if event.tag not in {None, "!", f"{_CORE}str"}:
            raise self._tag(event.tag, index)
        if key == "<<" and not event.style:
            hint = "YAML 1.2 has none; repeat the keys, or put what steps share into `defaults`"
            raise self._fail(index, "yaml.merge", "merge keys (<<) are not supported", hint)
        if "\0" in key:
            raise self._fail(index, "value.character", "a key cannot hold the character 0", "take it out")
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(key, index, _COST + len(key), 0)
        here.key = key
        here.marks.append(index)

    def _add(self, value: object, marks: Marks, index: int) -> None:
        here = self._stack[-1]
        held = here.value
        if isinstance(held, list):
            held.append(value)
            here.marks.append(marks)
            return
        key = here.key
        if key is None:
            raise self._fail(index, "yaml.key", "a list or map cannot be a key", "a key is text")
        here.key = None
        if key in held:
            second = here.marks.pop()
            first = here.marks[1 + 2 * list(held).index(key)]
            assert isinstance(first, int)
            assert isinstance(second, int)
            self.faults.append((duplicate_key(key, self._text.count("\n", 0, first) + 1), second))
            return
        held[key] = value
        here.marks.append(marks)

    def _plain(self, text: str, index: int) -> object:
        """The value of a plain scalar in the core schema of YAML 1.2."""
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in _NUMBER_START:
            return text
        if _INTEGER.fullmatch(text):
            number = int(text[2:], 8 if text[1] == "o" else 16) if text[1:2] in {"o", "x"} else _small(text)
            if number is None or not -MAX_INTEGER - 1 <= number <= MAX_INTEGER:
                self.faults.append((out_of_range(text), index))
                return 0
            return number
        if _FLOAT.fullmatch(text):
            decimal = float(text)
            if decimal - decimal == 0:
                return decimal
            self.faults.append((out_of_range(text), index))
        elif _NOT_FINITE.fullmatch(text):
            self.faults.append((out_of_range(text), index))
        return text

    def _tagged(self, event: _Scalar, tag: str) -> object:
        index = event.start_mark.index
        if tag == "!":
            return event.value
        kind = _KINDS.get(tag.removeprefix(_CORE)) if tag.startswith(_CORE) else None
        if kind is None:
            raise self._tag(tag, index)
        value = event.value if kind is str else self._plain(event.value, index)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            name = tag.removeprefix(_CORE)
            raise self._fail(index, "yaml.tag", f'"{event.value[:60]}" is no !!{name}', "leave the tag out")
        return value

    def _tag(self, tag: str, index: int) -> SourceError:
        shown = tag.replace(_CORE, "!!")[:60]
        hint = "leave the tag out; plans hold plain data"
        return self._fail(index, "yaml.tag", f"the tag {shown} is not supported", hint)


def _small(text: str) -> int | None:
    """The number, or None if its text is too long for one that fits."""
    digits = text.lstrip("+-").lstrip("0")
    return int(text) if len(digits) <= 19 else None
