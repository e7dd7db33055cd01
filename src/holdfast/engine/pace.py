"""How quick the same work was of late: what says how many commands may be handed out ahead of time."""

QUICK_US = 50_000
"""What is handed out ahead of time waits about this long in the keeper at the most; what takes longer is not."""
DEPTH = 8
"""Nor are more waiting for each slot than this: they have their turn while one commit is made."""
TRUSTED_AT = 3
"""So many quick ends in a row let the same work be handed out ahead."""
FADES = 8
"""One part in so many of what the same work took at most is forgotten with each end."""


NEW = (0, 1, 0)


class Paces:
    """How often in a row the same work was quick, what it took at most of late, and how often it printed nothing."""

    def __init__(self) -> None:
        self._known: dict[object, tuple[int, int, int]] = {}

    def learn(self, work: object, us: int | None, *, silent: bool = False) -> None:
        """Work of this kind has ended, after so many µs where that is known, and was `silent` or not."""
        if work is None or us is None or us >= QUICK_US:
            self._known.pop(work, None)
            return
        ends, most_us, quiet = self._known.get(work, NEW)
        self._known[work] = (ends + 1, max(us, most_us - most_us // FADES), quiet + 1 if silent else 0)

    def depth(self, work: object) -> int:
        """How many of it may wait for each slot."""
        ends, most_us, _ = self._known.get(work, NEW)
        return min(DEPTH, QUICK_US // most_us) if ends >= TRUSTED_AT else 0

    def is_silent(self, work: object) -> bool:
        """Whether it was quick and printed nothing so often in a row that the next one is expected to do the same."""
        return self._known.get(work, NEW)[2] >= TRUSTED_AT
