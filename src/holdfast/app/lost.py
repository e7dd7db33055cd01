"""Runs whose commands ran, but of which the journal knows nothing: a part of it was lost, such as its -wal file."""

from typing import TYPE_CHECKING, Final

from holdfast.app.place import DATABASE
from holdfast.errors import IntegrityError

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.journal.sqlite import SqliteJournal

NAMED_MAX: Final = 8
"""How many lost runs an error lists."""
HINT: Final = "put back journal.db together with its -wal file, or, to do without these runs, move their folders away"


def lost_runs(app: "Holdfast", journal: "SqliteJournal | None") -> list[str]:
    """Runs with a command that was started, which the journal does not know; all where there is no journal.

    A keeper starts nothing before the journal has it, so its word is enough. A journal elsewhere is not judged by it.
    """
    return strangers(app, journal) if app.database == app.state / DATABASE else []


def strangers(app: "Holdfast", journal: "SqliteJournal | None") -> list[str]:
    """Runs of the state folder, with a command that was started, which the journal does not know."""
    from holdfast.engine.keeper_facts import read_facts

    folder = app.state / "runs"
    if not folder.is_dir():
        return []
    known = _known(journal)
    unknown = [path for path in folder.iterdir() if path.is_dir() and path.name not in known]
    ran = [path.name for path in unknown if read_facts(path).attempts]
    return sorted(set(ran) - _known(journal)) if ran else []  # one that has begun since is no lost one


def lost_error(app: "Holdfast", lost: list[str], *facts: str) -> IntegrityError:
    """The error that names lost runs."""
    more = f" and {len(lost) - NAMED_MAX} more" if len(lost) > NAMED_MAX else ""
    return IntegrityError(
        f"the journal {app.database} has lost runs: {', '.join(lost[:NAMED_MAX])}{more}",
        code="E_JOURNAL_DAMAGED",
        facts=[*facts, f"their commands ran, as {app.state / 'runs'} shows"],
        hint=HINT,
    )


def _known(journal: "SqliteJournal | None") -> set[str]:
    return {str(run) for (run,) in journal.reader.rows("latest_runs", (-1,))} if journal is not None else set()
