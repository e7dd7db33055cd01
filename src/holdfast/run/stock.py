"""The resources of one run: what there is of each, what running attempts use, and who stands in line for more."""

from collections.abc import Iterator, Mapping

ROUNDING = 1e-9
"""Amounts are floats: 0.1 and 0.2 together fit into 0.3."""


class Stock:
    """`limits.resources`, known by name; steps are known by position.

    Who waits stands in one line, by when it began to wait. Nobody takes of a resource that somebody further ahead asks
    for: a step that asks for much is not passed for ever by steps that ask for little.
    """

    __slots__ = ("_asked", "_held", "_limits", "_line")

    def __init__(self, limits: Mapping[str, float]) -> None:
        self._limits = limits
        self._held: dict[int, Mapping[str, float]] = {}
        self._line: dict[int, Mapping[str, float]] = {}
        self._asked: dict[str, int] = {}  # how many in the line ask for a resource

    def take(self, i: int, needs: Mapping[str, float]) -> None:
        """An attempt of step `i` starts and uses this much."""
        self.leave(i)
        self._held[i] = needs

    def give(self, i: int) -> None:
        """The attempt of step `i` has ended."""
        self._held.pop(i, None)

    def enter(self, i: int, needs: Mapping[str, float]) -> None:
        """Step `i` begins to wait, behind all that wait already."""
        if i not in self._line:
            self._line[i] = needs
            for name in needs:
                self._asked[name] = self._asked.get(name, 0) + 1

    def leave(self, i: int) -> None:
        """Step `i` stands in line no more."""
        for name in self._line.pop(i, ()):
            self._asked[name] -= 1

    def lacks(self, i: int, needs: Mapping[str, float]) -> str | None:
        """The first resource of which step `i` cannot have what it needs now, or `None`."""
        if i in self._line:
            return None if i in self.served() else next(iter(needs))
        for name, amount in needs.items():
            if self._asked.get(name) or not self._fits(name, amount):
                return name
        return None

    def served(self) -> Iterator[int]:
        """Who of the line may start now, all of them together, in its order."""
        short: set[str] = set()
        promised: dict[str, float] = {}
        for i, needs in self._line.items():
            if short.isdisjoint(needs) and all(
                self._fits(name, amount + promised.get(name, 0.0)) for name, amount in needs.items()
            ):
                for name, amount in needs.items():
                    promised[name] = promised.get(name, 0.0) + amount
                yield i
            else:
                short.update(needs)
                if len(short) == len(self._limits):
                    return

    def _fits(self, name: str, amount: float) -> bool:
        used = sum(needs.get(name, 0.0) for needs in self._held.values())
        return used + amount <= self._limits[name] * (1 + ROUNDING)
