"""What is asked of the app: how a plan is to be run, and what a person says of an uncertain effect."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from holdfast.run.events import Resolution
    from holdfast.run.planner.request import Request as Asked


class Request(msgspec.Struct, frozen=True):
    """How a plan is to be run: `concurrency` steps at once at the most; `None` leaves it to the plan.

    `wait_s`: how many seconds to stay where only people, preconditions or timers far away can move the run.
    `max_time_s`: nothing starts later than so many seconds after the engine took the runs in hand; they pause then.
    `keep_going`: an abort acts as `skip_dependents`; the run still ends failed. `from_`, `until`, `only`, `exclude` and
    `force` name steps, or layers; `overwrite`: products that somebody edited may be made again.
    """

    concurrency: int | None = None
    wait_s: float = 0.0
    keep_going: bool = False
    max_time_s: float | None = None
    from_: tuple[str, ...] = ()
    until: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force: tuple[str, ...] = ()
    overwrite: bool = False

    @property
    def selects(self) -> bool:
        """Whether it says anything about which steps are to run."""
        return self.overwrite or any(getattr(self, name) for name in SELECTING)

    def asked(self) -> "Asked | None":
        """What of it the planner reads, if it says anything about that."""
        return asked_of(self.recorded()) if self.selects else None

    def recorded(self) -> dict[str, object]:
        """What the journal keeps of it."""
        recorded: dict[str, object] = {} if self.concurrency is None else {"concurrency": self.concurrency}
        recorded |= {"keep_going": True} if self.keep_going else {}
        recorded |= {name.rstrip("_"): list(value) for name in SELECTING if (value := getattr(self, name))}
        return recorded | {"overwrite": True} if self.overwrite else recorded


SELECTING = ("from_", "until", "only", "exclude", "force")
"""What of a request names steps."""


def asked_of(recorded: Mapping[str, object]) -> "Asked | None":
    """What of a recorded request the planner reads, if it says anything about that."""
    if not any(name.rstrip("_") in recorded for name in (*SELECTING, "overwrite")):
        return None
    from holdfast.run.planner.request import Request as Asked

    said = {name: recorded.get(name.rstrip("_")) for name in SELECTING}
    named = {name: tuple(map(str, value)) for name, value in said.items() if isinstance(value, list)}
    return msgspec.structs.replace(Asked(overwrite=recorded.get("overwrite") is True), **named)


PLAIN_REQUEST = Request()


class Answer(msgspec.Struct, frozen=True):
    """A person's word on an uncertain effect: one of happened, not-happened, recheck, skip."""

    choice: "Resolution"
    outputs: Mapping[str, object] = {}
    reason: str | None = None
    by: str | None = None
