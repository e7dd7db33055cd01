"""Patterns: a part of Python's regular expressions that can be matched in time proportional to the text.

Left out are back-references, look-around, atomic and conditional groups, and nested quantifiers: what is repeated
without an end may hold no quantifier that varies, and what is repeated may hold no repetition without an end.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from holdfast.plan.language.work import MAX_DEPTH, MAX_TEXT, ExpressionError

MAX_REPEAT: Final = 1_000
MAX_STATES: Final = 2_500

_CLASSES: Final[dict[str, Callable[[str], bool]]] = {
    "d": str.isdecimal,
    "s": str.isspace,
    "w": lambda char: char.isalnum() or char == "_",
}
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
_ANCHORS: Final = {"b": "word edge", "B": "inside", "A": "start", "Z": "end"}
_HEX: Final = {"x": 2, "u": 4, "U": 8}
_COUNTS = re.compile(r"\{([0-9]*)(,?)([0-9]*)\}")
_GROUP = re.compile(r"\((?:\?:|\?P<[A-Za-z_][A-Za-z0-9_]*>|(?!\?))")
_FLAGS = re.compile(r"\(\?([ims]+)\)")


class Chars(NamedTuple):
    """One character out of a set."""

    singles: frozenset[str]
    ranges: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] = ()
    negated: bool = False
    any_case: bool = False

    def has(self, char: str) -> bool:
        """True if the set has `char`."""
        forms = (char, char.lower(), char.upper()) if self.any_case else (char,)
        return any(self._lists(form) for form in forms) is not self.negated

    def _lists(self, char: str) -> bool:
        if char in self.singles:
            return True
        if any(low <= char <= high for low, high in self.ranges):
            return True
        return any(_CLASSES[name.lower()](char) is name.islower() for name in self.classes)


class Anchor(NamedTuple):
    """A condition on the place: start, end, line start, line end, last line end, word edge, inside."""

    kind: str


class Chain(NamedTuple):
    """One after the other."""

    parts: "tuple[Node, ...]"


class Choice(NamedTuple):
    """One or the other."""

    branches: "tuple[Node, ...]"


class Repeat(NamedTuple):
    """`least` to `most` times; `most` None is without an end."""

    body: "Node"
    least: int
    most: int | None

    @property
    def varies(self) -> bool:
        """True if it may repeat in more than one way."""
        return self.least != self.most


Node = Chars | Anchor | Chain | Choice | Repeat


def parse_pattern(text: str) -> Node:
    """The tree of a pattern; raises ExpressionError, whose offset is in `text`."""
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"the pattern is longer than {MAX_TEXT:,} characters")
    node = _Parser(text).whole()
    if _size(node) > MAX_STATES:
        raise ExpressionError(f"the pattern with its counts written out has more than {MAX_STATES:,} parts")
    return node


def _size(node: Node) -> int:
    match node:
        case Chain(parts) | Choice(parts):
            return 1 + sum(map(_size, parts))
        case Repeat(body, least, most):
            return 1 + (_size(body) + 1) * (least + 1 if most is None else most)
        case _:
            return 1


def _quantifiers(node: Node) -> tuple[bool, bool]:
    """Whether `node` holds a quantifier that varies, and whether it holds one without an end."""
    match node:
        case Chain(parts) | Choice(parts):
            found = [_quantifiers(part) for part in parts]
            return any(varies for varies, _ in found), any(endless for _, endless in found)
        case Repeat(body, _, most):
            varies, endless = _quantifiers(body)
            return varies or node.varies, endless or most is None
        case _:
            return False, False


class _Parser:
    """A reader of one pattern by recursive descent."""

    __slots__ = ("any_case", "at", "depth", "dot_all", "lines", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        flags = _FLAGS.match(text)
        letters = flags[1] if flags else ""
        self.at = flags.end() if flags else 0
        self.any_case, self.lines, self.dot_all = "i" in letters, "m" in letters, "s" in letters
        self.depth = 0

    def whole(self) -> Node:
        node = self.choice()
        if self.at < len(self.text):
            raise self.wrong("this ) closes nothing")
        return node

    def wrong(self, message: str, *, at: int | None = None, hint: str | None = None) -> ExpressionError:
        return ExpressionError(f"pattern: {message}", offset=self.at if at is None else at, hint=hint)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def choice(self) -> Node:
        branches = [self.chain()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.chain())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def chain(self) -> Node:
        parts: list[Node] = []
        while self.peek() not in {"", "|", ")"}:
            parts.append(self.quantified())
        return parts[0] if len(parts) == 1 else Chain(tuple(parts))

    def quantified(self) -> Node:
        start = self.at
        node = self.atom()
        quantifier_at = self.at
        counts = self.counts()
        if counts is None:
            return node
        if isinstance(node, Anchor):
            raise self.wrong("there is nothing to repeat", at=quantifier_at)
        least, most = counts
        varies, endless = _quantifiers(node)
        if (most is None and varies) or (most != 1 and endless):
            raise self.wrong(
                "nested quantifiers: what is repeated repeats itself in more than one way",
                at=start,
                hint="quantify only the inner or only the outer part",
            )
        if self.peek() == "?":
            self.at += 1  # lazy: which match is found first does not matter here
        after = self.at
        if self.peek() == "+" or self.counts() is not None:
            raise self.wrong("a quantifier after a quantifier", at=after)
        return Repeat(node, least, most)

    def counts(self) -> tuple[int, int | None] | None:
        """The quantifier at this place, read, or None."""
        char = self.peek()
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if char in simple:
            self.at += 1
            return simple[char]
        match = _COUNTS.match(self.text, self.at)
        if match is None or match[0] == "{}":
            return None
        numbers = [match[1], match[3] if match[2] else match[1]]
        if any(len(number) > 4 or (number and int(number) > MAX_REPEAT) for number in numbers):
            raise self.wrong(f"a count is at most {MAX_REPEAT:,}")
        least, most = int(match[1] or 0), int(numbers[1]) if numbers[1] else None
        if most is not None and most < least:
            raise self.wrong("the first count is above the second")
        self.at = match.end()
        return least, most

    def atom(self) -> Node:
        char, start = self.peek(), self.at
        if char in {"*", "+", "?"} or (char == "{" and self.counts() is not None):
            raise self.wrong("there is nothing to repeat", at=start)
        if char == "(":
            return self.group()
        if char == "[":
            return self.char_set()
        self.at += 1
        if char == ".":
            return Chars(frozenset() if self.dot_all else frozenset("\n"), negated=True)
        if char == "^":
            return Anchor("line start" if self.lines else "start")
        if char == "$":
            return Anchor("line end" if self.lines else "last line end")
        if char == "\\":
            if anchor := _ANCHORS.get(self.peek()):
                self.at += 1
                return Anchor(anchor)
            singles, classes = self.escape(start)
            return Chars(singles, classes=classes, any_case=self.any_case)
        return Chars(frozenset(char), any_case=self.any_case)

    def group(self) -> Node:
        start = self.at
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.wrong(f"groups are nested deeper than {MAX_DEPTH}")
        head = _GROUP.match(self.text, start)
        if head is None:
            raise self.wrong(
                "look-around, back-references and special groups are not part of patterns",
                hint="flags such as (?i) stand at the very start; a plain group is ( ) or (?: )",
            )
        self.at = head.end()
        node = self.choice()
        if self.peek() != ")":
            raise self.wrong("this ( is never closed", at=start)
        self.at += 1
        self.depth -= 1
        return Chain((node,)) if isinstance(node, Anchor) else node

    def escape(self, start: int) -> tuple[frozenset[str], tuple[str, ...]]:
        """What follows a backslash: one character, or a class."""
        char = self.peek()
        self.at += 1
        if char.lower() in _CLASSES:
            return frozenset(), (char,)
        if char in _HEX:
            digits = self.text[self.at : self.at + _HEX[char]]
            if not re.fullmatch(f"[0-9a-fA-F]{{{_HEX[char]}}}", digits) or int(digits, 16) > 0x10FFFF:
                raise self.wrong(f"\\{char} needs {_HEX[char]} hexadecimal digits of a character", at=start)
            self.at += len(digits)
            return frozenset(chr(int(digits, 16))), ()
        if char in _CONTROLS and not (char == "0" and self.peek() in set("01234567")):
            return frozenset(_CONTROLS[char]), ()
        if char == "" or (char.isascii() and char.isalnum()):
            what = "back-references are not part of patterns" if char.isdigit() else f"\\{char} is not an escape"
            raise self.wrong(what, at=start)
        return frozenset(char), ()

    def char_set(self) -> Node:
        start = self.at
        self.at += 1
        negated = self.peek() == "^"
        self.at += negated
        singles: set[str] = set()
        ranges: list[tuple[str, str]] = []
        classes: list[str] = []
        first = True
        while first or self.peek() != "]":
            first = False
            low, kinds = self.set_item(start)
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in {"]", ""}:
                self.at += 1
                high, _ = self.set_item(start)
                if not low or not high or min(low) > max(high):
                    raise self.wrong("this range is not from a lower to a higher character", at=start)
                ranges.append((min(low), max(high)))
                continue
            singles |= low
            classes += kinds
        self.at += 1
        return Chars(frozenset(singles), tuple(ranges), tuple(classes), negated, self.any_case)

    def set_item(self, start: int) -> tuple[frozenset[str], tuple[str, ...]]:
        char = self.peek()
        if char == "":
            raise self.wrong("this [ is never closed", at=start)
        self.at += 1
        if char != "\\":
            return frozenset(char), ()
        if self.peek() == "b":
            self.at += 1
            return frozenset("\b"), ()
        return self.escape(self.at - 1)
