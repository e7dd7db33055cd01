"""What is recorded and on disk, read at one position of the journal: all that a decision may look at (planner 3)."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from holdfast.run.planner.record import Record

NO_RECORDS: Final[tuple[Record, ...]] = ()


class History(msgspec.Struct, frozen=True):
    """What earlier runs left of one step.

    `records`: its successes that were not undone, the one that stands last. `latest`: how its latest finished attempt
    with the same plan inputs ended. `begun`: an attempt after the last record did not succeed, whatever it has left
    in its files; `abandoned`: it did not even end (planner 59).
    """

    records: tuple[Record, ...] = NO_RECORDS
    latest: Literal["succeeded", "failed"] | None = None
    latest_run: str = ""
    begun: bool = False
    abandoned: bool = False

    @property
    def current(self) -> Record | None:
        """The result that stands now."""
        return self.records[-1] if self.records else None


NO_HISTORY: Final = History()


class Pin(msgspec.Struct, frozen=True):
    """A wish that a step's or an artifact's bytes stay: by name, as of a run where one is given."""

    name: str
    run: str | None = None
    stored: bool = True  # with the plan, not only for this run

    def __str__(self) -> str:
        return self.name if self.run is None else f"{self.name}@{self.run}"


class Snapshot(msgspec.Struct, frozen=True):
    """All that is known before a run: by step id its history and the files it reads (path to digest).

    `trouble`: what of its files cannot be read. `working`: products' files by path, `None` where there is none; a path
    that is not in it was not looked at. `missing` and `damaged`: digests that the store should hold.
    """

    position: int = 0
    inputs: Mapping[str, object] = {}
    environment: Mapping[str, str] = {}
    history: Mapping[str, History] = {}
    files: Mapping[str, Mapping[str, str]] = {}
    trouble: Mapping[str, str] = {}
    working: Mapping[str, str | None] = {}
    missing: frozenset[str] = frozenset()
    damaged: frozenset[str] = frozenset()
    pins: tuple[Pin, ...] = ()
    in_doubt: Mapping[str, str] = {}


EMPTY: Final = Snapshot()
"""Of a plan that never ran."""
