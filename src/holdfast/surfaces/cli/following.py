"""Following a run that another process drives: its new events, until nobody drives it any more."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from holdfast.run.events import StoredEvent

if TYPE_CHECKING:
    from holdfast.app.looking import Follower

LOOK_S: Final = 0.2
"""Between two looks at runs that go on."""


def followed(follower: "Follower", runs: dict[str, int]) -> Iterator[list[StoredEvent]]:
    """New events of the runs, behind the number given for each; ends when none of them is driven any more.

    Whether a run is driven is asked before its events are read, so that its last ones are not missed.
    """
    going = dict(runs)
    while going:
        found: list[StoredEvent] = []
        for run, after in list(going.items()):
            driven = follower.is_driven(run)
            new = follower.events(run, after)
            found += new
            if driven:
                going[run] = new[-1].seq if new else after
            else:
                del going[run]
        yield found
        if going:
            time.sleep(LOOK_S)
