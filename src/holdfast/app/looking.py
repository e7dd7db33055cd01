"""Looking at the journal: while runs go on, for proof that it was not altered, and for what is wrong with it."""

from typing import TYPE_CHECKING

import msgspec

from holdfast.engine.host import is_alive, is_held
from holdfast.journal.audit import Audit, verify
from holdfast.journal.doctor import Difference, Health, differences, examine, rebuild

if TYPE_CHECKING:
    from holdfast.journal.sqlite import SqliteJournal
    from holdfast.run.events import StoredEvent


class Follower:
    """Looks at runs that others drive, over one connection."""

    def __init__(self, journal: "SqliteJournal") -> None:
        self._journal = journal

    def events(self, run: str, after: int) -> "list[StoredEvent]":
        """The run's events behind `after`."""
        return self._journal.events(run, after)

    def is_driven(self, run: str) -> bool:
        """Whether an engine has the run in hand; one on another host is believed until its lease ends."""
        lease = self._journal.lease(run)
        return lease is not None and is_held(lease)


class Checkup(msgspec.Struct, frozen=True):
    """What the doctor found: whether all is well now, the file's health, and rows that are not what the events say."""

    ok: bool
    mended: bool
    health: Health
    differences: tuple[Difference, ...]


def audit(journal: "SqliteJournal", run: str | None, head: str | None) -> Audit:
    """Verify one run's chain, or every run and the store's heads."""
    return verify(journal.reader, run, head)


def checkup(journal: "SqliteJournal", lost: list[str]) -> Checkup:
    """Look without changing anything; `lost` are runs that are known from elsewhere only."""
    proof = verify(journal.reader)
    found = differences(journal.reader, leave=_altered(proof))
    health = _health(journal, proof, lost)
    return Checkup(not health.damages and not found, False, health, tuple(found))


def mend(journal: "SqliteJournal", lost: list[str]) -> Checkup:
    """Fold the events again and put the projections right, except of runs whose events are not what was written."""
    proof = verify(journal.reader)
    found = rebuild(journal, leave=_altered(proof))
    health = _health(journal, proof, lost)
    return Checkup(not health.damages, True, health, tuple(found))


def _altered(proof: Audit) -> set[str]:
    return {damage.run for damage in proof.damages if damage.run is not None}


def _health(journal: "SqliteJournal", proof: Audit, lost: list[str]) -> Health:
    health = examine(journal.reader, is_alive)
    chains = [f"run {each.run}: {each.what}" if each.run else each.what for each in proof.damages]
    gone = [f"run {run} is not in the journal, but its commands ran" for run in lost]
    return msgspec.structs.replace(health, damages=(*health.damages, *chains, *gone))
