"""How long a run has been running: what it spends blocked, paused, or without an engine does not count (semantics S10).

Folded from the run's own events: it starts when an engine owns the run and stops when the run rests. Where an engine
died, it stopped at the last event; what the keeper's commands ran after that counts when their ends are known.
"""


class Stopwatch:
    """Microseconds that a run has run, against the limit that its plan sets."""

    __slots__ = ("_counted", "_ran", "_since", "limit_us", "warned_us")

    def __init__(self, limit_s: float) -> None:
        self.limit_us = round(limit_s * 1e6)
        self._ran = 0  # before the present owner took the run
        self._since: int | None = None  # when it did
        self._counted = 0  # up to when an earlier owner's time is counted
        self.warned_us = 0  # the limit for which it was told that 80 % of it are over

    def start(self, at: int, last: int) -> None:
        """An engine owns the run; `last` is when the event before this one was."""
        if self._since is not None:
            self._ran += max(0, last - self._since)
        self._since, self._counted = at, last

    def stop(self, at: int) -> None:
        """The run rests."""
        self._ran = self.ran_us(at)
        self._since = None

    def adopt(self, at: int) -> None:
        """An attempt ended at `at`, perhaps while no engine drove the run."""
        if self._since is not None and self._counted < at < self._since:
            self._ran += at - self._counted
            self._counted = at

    def allow(self, seconds: float) -> None:
        """A person allows more time."""
        self.limit_us += round(seconds * 1e6)

    def warn(self, limit_s: float) -> None:
        """It was told that 80 % of this limit are over."""
        self.warned_us = max(self.warned_us, round(limit_s * 1e6))

    @property
    def warned(self) -> bool:
        """Whether it was told of the present limit."""
        return self.warned_us >= self.limit_us

    def ran_us(self, now: int) -> int:
        """How long the run has run."""
        return self._ran + (max(0, now - self._since) if self._since is not None else 0)

    def ran_before_us(self, last: int) -> int:
        """How long it had run when the event before the present one happened."""
        return self._ran if self._since is None else self.ran_us(last)

    def left_us(self, now: int) -> int:
        """How long it may still run; negative where it has run too long."""
        return self.limit_us - self.ran_us(now)

    def due(self, part: float = 1.0) -> int | None:
        """When so much of its time is over, if it does not rest before."""
        return None if self._since is None else self._since + round(self.limit_us * part) - self._ran
