"""What is decided of one step, with its reasons; and what its dependents see of it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from holdfast.run.particulars import Keyed
from holdfast.run.planner.record import NO_REFS, Record


class Verdict(StrEnum):
    """What becomes of a step, highest precedence first (planner, Verdicts)."""

    INACTIVE = "inactive"
    OUT = "out"
    PINNED = "pinned"
    EXCLUDED = "excluded"
    HELD = "held"
    RUN = "run"
    RESTORE = "restore"
    MAYBE = "maybe"
    REUSE = "reuse"
    NOT_NEEDED = "not-needed"


MAY_EXECUTE: Final = frozenset((Verdict.RUN, Verdict.MAYBE))
"""Nothing outside it ever executes (planner 19)."""

REASONS: Final = (
    *("never-run", "no-record", "definition-changed", "environment-changed", "ports-changed", "input-changed"),
    *("upstream-changed", "output-missing", "output-damaged", "output-edited", "latest-failed", "forced", "from"),
    *("pin-regenerated", "condition-unknown", "action"),
    *("proven", "pin", "effect-held", "restored", "out-of-scope", "excluded", "condition-false", "nobody-needs"),
)
"""Every code, in the order in which the reasons of one step stand (planner 9, 11)."""


class Change(NamedTuple):
    """A port, or a name of the environment, whose content was `old` and is `new`; `None`: was or is not there."""

    port: str
    old: str | None
    new: str | None


class Reason(NamedTuple):
    """One reason: its code, a line for people, the steps or ports behind it, the values that differ."""

    code: str
    detail: str = ""
    because: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


class Fault(NamedTuple):
    """One error of a plan or request: the thing and what is wrong with it; those of one code are told together."""

    code: str
    thing: str
    cause: str


class Sight(NamedTuple):
    """What dependents see of a step.

    `record` has what it leaves behind; without it, nothing is there. `pinned` holds artifacts whose bytes are fixed
    whatever the step does. `changing`: what it leaves behind may still change.
    """

    record: Record | None = None
    changing: bool = False
    certain: bool = False  # that it executes
    active: bool = True
    left_out: bool = False  # its files are there as they were, but nothing of it is in the run
    stale: bool = False  # it is left as it is although something before it changed
    pinned: Mapping[str, str] = NO_REFS


Sights = Sequence[Sight | None] | Mapping[int, Sight]
"""By position; of steps that are not asked for, nothing need be there."""


class Decision(NamedTuple):
    """What is decided of a step, once: `proof` is the record that stands in for an execution."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    sight: Sight
    keyed: Keyed | None = None
    proof: Record | None = None
    notes: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    faults: tuple[Fault, ...] = ()
