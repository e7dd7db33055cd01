"""Who owns a run: taken with a rising fence, renewed, given back (semantics C4)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, cast

import apsw

from holdfast.errors import BusyError
from holdfast.journal.statements import sql
from holdfast.ports import LEASE_S, Lease, Owner

LENGTH_US: Final = int(LEASE_S * 1_000_000)

IsAlive = Callable[[Owner], bool | None]
"""Whether an owner lives; `None` where nobody on this host can tell."""


def lease_of(run: str, row: tuple[object, ...]) -> tuple[Lease, bool]:
    """The run's last lease and whether it is still held, from its row."""
    fence, held, host, boot, pid, start, engine, since, expires = cast(
        "tuple[int, int, str, str, int, str, str, int, int]", row
    )
    return Lease(run, Owner(host, boot, pid, start, engine), fence, since, expires), bool(held)


def next_fence(connection: apsw.Connection, run: str, now: int, is_alive: IsAlive) -> int:
    """The fence that a new owner of the run gets; `BusyError` while another one has to be taken as alive."""
    row = connection.execute(sql("lease_of_run"), (run,)).fetchone()
    if row is None:
        return 1
    lease, held = lease_of(run, row)
    if held and lease.expires > now and is_alive(lease.owner) is not False:
        since = datetime.fromtimestamp(lease.since / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        raise BusyError(
            f"run {run} is owned by pid {lease.owner.pid} on {lease.owner.host} since {since}",
            code="E_BUSY",
            hint=f"watch it with `holdfast watch {run}`, or stop it with `holdfast cancel {run}`",
        )
    return lease.fence + 1


def write_lease(connection: apsw.Connection, n: int, lease: Lease) -> None:
    """Store the lease of run number `n`."""
    values = (n, lease.fence, *lease.owner, lease.since, lease.expires)
    connection.execute(sql("take_lease"), values)
    assert connection.changes() == 1, "a fence never goes down"
