"""The matching of a pattern: all ways at once, so that no text makes it slow."""

from collections.abc import Callable
from typing import Final

from holdfast.plan.language.patterns import Anchor, Chain, Chars, Choice, Node, Repeat, parse_pattern
from holdfast.plan.language.work import ExpressionError, Work

MAX_SUBJECT: Final = 65_536
"""Characters a pattern is matched on at most (64 KiB)."""

MAX_CACHED: Final = 1_000
"""States of one match that are remembered; with more, the memory starts afresh."""

_END: Final = ""
_LAST_BREAK: Final = "\n$"  # the symbol of a line break that ends the text
_NONE: Final = Chars(frozenset())
_START, _BREAK, _WORD, _OTHER = range(4)

_ANCHOR_HOLDS: Final[dict[str, Callable[[int, str], bool]]] = {
    "start": lambda before, after: before == _START,
    "end": lambda before, after: after == _END,
    "line start": lambda before, after: before in {_START, _BREAK},
    "line end": lambda before, after: after in {_END, _LAST_BREAK, "\n"},
    "last line end": lambda before, after: after in {_END, _LAST_BREAK},
    "word edge": lambda before, after: (before == _WORD) is not _is_word(after),
    "inside": lambda before, after: (before == _WORD) is _is_word(after),
}


def _is_word(symbol: str) -> bool:
    return symbol.isalnum() or symbol == "_"


class Pattern:
    """A compiled pattern, immutable: states with edges, from `entry` to state 0.

    A match takes time proportional to the text; a rare pattern that would not fails with ExpressionError.
    `search` is True if the pattern is found anywhere in the text, `fullmatch` if it describes the whole text.
    """

    __slots__ = ("_chars", "_edges", "_holds", "cost", "entry", "looks_around", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._chars: list[Chars | None] = []
        self._holds: list[Callable[[int, str], bool] | None] = []
        self._edges: list[list[int]] = []
        accept = self._state([])  # state 0
        self.entry = self._built(parse_pattern(text), accept)
        self.looks_around = any(self._holds)
        # What one state may cost: a set looks at all its ranges.
        self.cost = 2 + max(len(chars.ranges) for chars in [*self._chars, _NONE] if chars is not None) // 4

    def search(self, text: str, work: Work | None = None) -> bool:
        """True if the pattern is found anywhere in `text`."""
        return _Match(self, work or Work(), anywhere=True).run(text)

    def fullmatch(self, text: str, work: Work | None = None) -> bool:
        """True if the pattern describes the whole of `text`."""
        return _Match(self, work or Work(), anywhere=False).run(text)

    def _state(
        self, edges: list[int], *, chars: Chars | None = None, holds: Callable[[int, str], bool] | None = None
    ) -> int:
        self._edges.append(edges)
        self._chars.append(chars)
        self._holds.append(holds)
        return len(self._edges) - 1

    def _built(self, node: Node, follow: int) -> int:
        """The state at which `node` begins, if `follow` is the state after it."""
        match node:
            case Chars():
                return self._state([follow], chars=node)
            case Anchor(kind):
                return self._state([follow], holds=_ANCHOR_HOLDS[kind])
            case Chain(parts):
                for part in reversed(parts):
                    follow = self._built(part, follow)
                return follow
            case Choice(branches):
                return self._state([self._built(branch, follow) for branch in branches])
            case Repeat(body, least, most):
                return self._repeated(body, (least, most), follow)

    def _repeated(self, body: Node, counts: tuple[int, int | None], follow: int) -> int:
        least, most = counts
        if most is None:
            loop = self._state([follow])
            self._edges[loop].append(self._built(body, loop))
            entry = loop
        else:
            entry = follow
            for _ in range(most - least):
                entry = self._state([self._built(body, entry), follow])
        for _ in range(least):
            entry = self._built(body, entry)
        return entry

    def closure(self, states: frozenset[int], before: int, after: str) -> set[int]:
        """All states that `states` reach without a character, between `before` and the symbol `after`."""
        seen, todo = set(states), list(states)
        while todo:
            state = todo.pop()
            if self._chars[state] is not None:
                continue
            holds = self._holds[state]
            if holds is None or holds(before, after):
                fresh = [edge for edge in self._edges[state] if edge not in seen]
                seen.update(fresh)
                todo += fresh
        return seen

    def after(self, states: set[int], char: str) -> frozenset[int]:
        """The states behind those of `states` that take `char`."""
        return frozenset(
            self._edges[state][0] for state in states if (chars := self._chars[state]) is not None and chars.has(char)
        )


class _Place:
    """A set of states at one place in the text, and the places that each symbol leads to."""

    __slots__ = ("before", "moves", "states")

    def __init__(self, states: frozenset[int], before: int) -> None:
        self.states = states
        self.before = before
        self.moves: dict[str, _Place] = {}


_FOUND: Final = _Place(frozenset(), _START)


class _Match:
    """One match: a deterministic automaton that is built as far as the text needs it."""

    __slots__ = ("anywhere", "pattern", "places", "work")

    def __init__(self, pattern: Pattern, work: Work, *, anywhere: bool) -> None:
        self.pattern = pattern
        self.work = work
        self.anywhere = anywhere
        self.places: dict[tuple[frozenset[int], int], _Place] = {}

    def run(self, text: str) -> bool:
        if len(text) > MAX_SUBJECT:
            raise ExpressionError(f"a pattern is matched on at most {MAX_SUBJECT:,} characters")
        self.work.charge_text(text)
        place = self.place(frozenset({self.pattern.entry}), _START)
        broken = text.endswith("\n")
        for char in text[:-1] if broken else text:
            following = place.moves.get(char)
            if following is None:
                following = self.step(place, char)
            if following is _FOUND:
                return True
            place = following
        if broken:
            place = self.step(place, _LAST_BREAK)
        return place is _FOUND or self.step(place, _END) is _FOUND

    def step(self, place: _Place, symbol: str) -> _Place:
        """Where `symbol` leads from `place`; computed once for each."""
        states = self.pattern.closure(place.states, place.before, symbol)
        self.work.charge(self.pattern.cost * len(states))
        if 0 in states and (self.anywhere or symbol == _END):
            following = _FOUND
        else:
            char = symbol[:1]
            reached = self.pattern.after(states, char) if char else frozenset()
            if self.anywhere:
                reached |= {self.pattern.entry}
            following = self.place(reached, self.kind(char))
        place.moves[symbol] = following
        return following

    def kind(self, char: str) -> int:
        if not self.pattern.looks_around:
            return _OTHER
        if char == "\n":
            return _BREAK
        return _WORD if _is_word(char) else _OTHER

    def place(self, states: frozenset[int], before: int) -> _Place:
        found = self.places.get((states, before))
        if found is None:
            if len(self.places) >= MAX_CACHED:
                self.places.clear()
            found = self.places[states, before] = _Place(states, before)
        return found
