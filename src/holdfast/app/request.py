"""What is asked of the app: how a plan is to be run, and what a person says of an uncertain effect."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from holdfast.run.events import Resolution


class Request(msgspec.Struct, frozen=True):
    """How a plan is to be run: `concurrency` steps at once at the most; `None` leaves it to the plan.

    `wait_s`: how many seconds to stay where only people, preconditions or timers far away can move the run.
    `max_time_s`: nothing starts later than so many seconds after the engine took the runs in hand; they pause then.
    `keep_going`: an abort acts as `skip_dependents`; the run still ends failed.
    """

    concurrency: int | None = None
    wait_s: float = 0.0
    keep_going: bool = False
    max_time_s: float | None = None

    def recorded(self) -> dict[str, object]:
        """What the journal keeps of it."""
        recorded: dict[str, object] = {} if self.concurrency is None else {"concurrency": self.concurrency}
        return recorded | {"keep_going": True} if self.keep_going else recorded


PLAIN_REQUEST = Request()


class Answer(msgspec.Struct, frozen=True):
    """A person's word on an uncertain effect: one of happened, not-happened, recheck, skip."""

    choice: "Resolution"
    outputs: Mapping[str, object] = {}
    reason: str | None = None
    by: str | None = None
