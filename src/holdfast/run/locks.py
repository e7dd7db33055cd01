"""Named locks as values: who asks for them, who holds them, and how that is said (semantics G9).

The journal gives them, since runs share them; nothing here is folded.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

THE_RUN: Final = ""
"""In place of a step: the run itself holds the lock, or waits for it."""
NAMED_MAX: Final = 3


class Token(NamedTuple):
    """What a lock is released by: the attempt that it was given to; attempt 0 of no step is the run."""

    step: str
    attempt: int


RUN_TOKEN: Final = Token(THE_RUN, 0)


class Holder(NamedTuple):
    """Who holds a lock since when, or (`name` of a lock that is free or held by another) stands before us in line."""

    name: str
    run: str
    step: str
    host: str
    pid: int
    since: int | None
    status: str
    waits_for_us: bool = False  # it cannot end before who asks does: neither ever would


def in_words(names: Sequence[str], holders: Sequence[Holder]) -> str:
    """`the lock db, held by run R, step "s" (host h, pid 1) since T`."""
    said = f"the lock{'s' if len(names) > 1 else ''} {', '.join(names)}"
    mark = ";" if len(names) > 1 else ","
    for holder in holders[:NAMED_MAX]:
        name = f"{holder.name} is " if len(names) > 1 else ""
        who = f"run {holder.run}" + (f', step "{holder.step}"' if holder.step else "")
        where = f"host {holder.host}, pid {holder.pid}"
        if holder.since is None:
            said += f"{mark} {name}next for {who} ({where})"
            continue
        since = datetime.fromtimestamp(holder.since / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        rests = f", which is {holder.status}," if holder.status in {"blocked", "paused", "quarantined"} else ""
        said += f"{mark} {name}held by {who}{rests} ({where}) since {since}"
    said += f" and {len(holders) - NAMED_MAX} more" if len(holders) > NAMED_MAX else ""
    circle = [holder.run for holder in holders if holder.waits_for_us]
    if circle:
        said += f"; run {circle[0]} waits for a lock of this run: cancel one of the two, then resume the other"
    return said
