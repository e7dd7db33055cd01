"""What runs that have not ended leave behind: effects in doubt, and owners that still live."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import BusyError, WaitingError
from holdfast.journal.unfinished import effects_in_doubt, status_of, unfinished
from holdfast.run.states import RunStatus

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.journal.sqlite import SqliteJournal
    from holdfast.ports import Lease


def owner_of(journal: "SqliteJournal", run: str) -> "Lease | None":
    """The lease of a run whose owner lives, or must be taken as alive."""
    from holdfast.engine.host import is_held

    lease = journal.lease(run)
    return lease if lease is not None and is_held(lease) else None


def busy(plan: str, run: str, lease: "Lease") -> BusyError:
    """The refusal to run a plan that is being run (semantics C4)."""
    since = datetime.fromtimestamp(lease.since / 1e6, UTC).astimezone()
    where = f"pid {lease.owner.pid} on {lease.owner.host}"
    return BusyError(
        f"plan {plan} is being run: run {run} is owned by {where} since {since:%Y-%m-%d %H:%M:%S}",
        code="E_BUSY",
        hint=f"holdfast watch {run}, or holdfast cancel {run}",
    )


def in_doubt(plan: str, run: str, steps: list[str]) -> WaitingError:
    """The refusal to plan beside an effect whose outcome nobody knows."""
    return WaitingError(
        f"run {run} of plan {plan} has effects whose outcome is not known: {', '.join(steps)}",
        code="E_IN_DOUBT",
        hint=f"holdfast resume {run} finds out what can be found out; "
        f"holdfast resolve {run} {steps[0]} happened|not-happened|skip settles it",
    )


def still_active(run: str, status: str) -> str:
    """The warning about a run that is left alone."""
    return f"W_RUN_ACTIVE: run {run} of this plan is {status} and was left alone"


def look_for_earlier(app: "Holdfast", plan: str) -> list[str]:
    """Warnings about unfinished runs of the plan, reading only; raises `WaitingError` for an effect in doubt."""
    if not app.database.exists():
        return []
    warnings: list[str] = []
    with closing(app.open_journal("read")) as journal:
        for run, _, status, _ in unfinished(journal.reader, plan):
            if status != RunStatus.RUNNING or owner_of(journal, run) is None:
                doubtful = effects_in_doubt(journal.reader, run)
                if doubtful:
                    raise in_doubt(plan, run, doubtful)
            warnings.append(still_active(run, status))
    return warnings


def settle_all_crashed(app: "Holdfast") -> None:
    """`settle_crashed` for every run that needs it; opens the journal for writing only where one does."""
    if not app.database.exists():
        return
    with closing(app.open_journal("read")) as journal:
        crashed = [each.run for each in unfinished(journal.reader) if _is_crashed(app, journal, each.run)]
    for run in crashed:
        settle_crashed(app, run)


def settle_crashed(app: "Holdfast", run: str) -> None:
    """Record what a crash left: an effect that began, without an outcome and without a living keeper, is uncertain."""
    from holdfast.app import Request
    from holdfast.app.runs import Session

    with closing(app.open_journal("read")) as journal:
        if not _is_crashed(app, journal, run):
            return
    with Session(app, Path.cwd(), Request(), None) as session:
        driver = session.reopen(run)
        driver.leave()
        session.drive()


def _is_crashed(app: "Holdfast", journal: "SqliteJournal", run: str) -> bool:
    """Whether an effect of the run is in doubt that neither its owner nor its keeper can tell of any more."""
    reader = journal.reader
    if status_of(reader, run) != RunStatus.RUNNING or not effects_in_doubt(reader, run):
        return False
    from holdfast.engine.keeper_client import has_keeper

    return owner_of(journal, run) is None and not has_keeper(app.logs_folder(run))
