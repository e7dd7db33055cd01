"""A run's attempts as bars on a line of time: what `timeline` and `report` draw."""

import time
from typing import TYPE_CHECKING, NamedTuple

from holdfast.surfaces.cli.moments import micros_of

if TYPE_CHECKING:
    from holdfast.app.documents import Span, Timeline


class Bar(NamedTuple):
    """One attempt: from when to when (microseconds); one that runs ends now."""

    step: str
    number: int
    status: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """`build`, `build #2`."""
        return self.step if self.number == 1 else f"{self.step} #{self.number}"


def bars_of(timeline: "Timeline") -> list[Bar]:
    """Every attempt that has started, in the order of their starts."""
    now = time.time_ns() // 1000
    return [_bar(one, now) for one in timeline.attempts]


def span(bars: list[Bar]) -> tuple[int, int]:
    """The first start and the last end."""
    return min(bar.start for bar in bars), max(bar.end for bar in bars)


def _bar(one: "Span", now: int) -> Bar:
    end = micros_of(one.finished_at) if one.finished_at else now
    return Bar(one.step, one.number, one.status, micros_of(one.started_at), end)
