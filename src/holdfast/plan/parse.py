"""A plan file's bytes to a checked plan, or to all of its problems at once, each with its place."""

import gc
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from holdfast.plan.checks.whole import check
from holdfast.plan.dialects.names import NATIVE, recognised
from holdfast.plan.door import Door
from holdfast.plan.draft import draft
from holdfast.plan.format.kinds import shown
from holdfast.plan.format.runners import LATER, RUNNERS
from holdfast.plan.format.table import PLAN
from holdfast.plan.model import Plan
from holdfast.plan.nearest import did_you_mean
from holdfast.plan.nested import DEPTH_MAX, inline, places, untyped, with_nested
from holdfast.plan.problems import Fault, Found, Path, Problem, Severity, fault_at
from holdfast.plan.source.document import Source, read_source

if TYPE_CHECKING:
    from holdfast.plan.dialects.translation import Translation

MAX_PROBLEMS: Final = 1_000
"""Problems of one file that are shown; one more says how many there are beyond."""

MAX_HINTS: Final = 200
"""Problems for which a near name is looked for."""

LARGE_BYTES: Final = 2**18
"""From this size on, cyclic garbage is not collected while a plan is read."""

KNOWN_RUNNERS: Final = (*RUNNERS, *LATER)

_OWNERS: Final = {
    "steps": "step",
    "finally": "step",
    "inputs": "input",
    "hypotheses": "hypothesis",
    "breakers": "breaker",
    "outputs": "output",
    "exports": "export",
}


@dataclass(frozen=True, slots=True)
class Positions:
    """Where things stand in the file."""

    source: Source
    translation: "Translation | None" = None

    def of(self, path: Path) -> tuple[int, int]:
        """Line and column, from 1, of the value at a path such as `("steps", "build", "timeout")`."""
        place = path if self.translation is None else self.translation.origins.of(path)
        return self.source.line_column(self.source.index(place))


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a plan file holds: the plan, unless a problem is an error, and all problems in the order of the file.

    `native` is the data of the plan in the native format: the file's own, or what it was translated to.
    """

    plan: Plan | None
    problems: tuple[Problem, ...]
    positions: Positions
    dialect: str = NATIVE
    native: object = None


_ANY_DOOR: Final = Door()


def parse_plan(data: bytes, name: str, *, runners: Collection[str] = KNOWN_RUNNERS, door: Door = _ANY_DOOR) -> Parsed:
    """Parse and check a plan file; `name` is what messages call it, `runners` are the names that `uses` may give."""
    if len(data) < LARGE_BYTES or not gc.isenabled():
        return _parsed(data, name, runners, door)
    # A plan's data holds no cycles; looking for some each time it has grown takes as long as reading it.
    gc.disable()
    try:
        return _parsed(data, name, runners, door)
    finally:
        gc.enable()


def _parsed(data: bytes, name: str, runners: Collection[str], door: Door) -> Parsed:
    source = read_source(data, name)
    placed = list(source.faults)
    dialect = door.dialect or recognised(source.value)
    native, translation = source.value, None
    plan: Plan | None = None
    faults: list[Fault] = []
    if source.value is not None or not placed:
        if dialect != NATIVE:
            translation = _translated(source.value, door)
            native, faults = translation.data, translation.faults
        if native is not None or translation is None:
            plan, found = _checked(native, runners)
            faults += found if translation is None else map(translation.origins.place, found)
    placed += [(fault, _index(source, fault)) for fault in faults]
    problems = _problems(source, placed, subject if translation is None else translation.subject)
    valid = plan is not None and all(problem.severity == "warning" for problem in problems)
    return Parsed(plan if valid else None, problems, Positions(source, translation), dialect, native)


def _translated(data: object, door: Door) -> "Translation":
    from holdfast.plan.dialects.orchestrator import translate  # noqa: PLC0415 - start-up time: a native plan needs none

    return translate(data, door.variables)


def _checked(data: object, runners: Collection[str], depth: int = 1) -> tuple[Plan | None, list[Fault]]:
    if not isinstance(data, dict):
        hint = "it begins with a line such as `plan: nightly-report`"
        return None, [Fault("value.type", f"a plan is a map of keys, not {shown(data)}", hint)]
    found: Found = []
    values = PLAN.read(data, found)
    assert isinstance(values, dict)
    faults = [item for item in found if isinstance(item, Fault)]
    if "steps" not in values:
        return None, faults  # without steps, every name would seem unknown
    made = draft(data, values, found)
    plan, inside = _with_inline(made.plan, runners, depth)
    return plan, [*faults, *made.faults, *check(made, runners), *inside]


def _with_inline(plan: Plan, runners: Collection[str], depth: int) -> tuple[Plan, list[Fault]]:
    """The plan with its inline plans, which are checked as plans of their own."""
    found: dict[str, Plan] = {}
    faults: list[Fault] = []
    for place in places(plan):
        data = inline(plan.id, place)
        if data is None:
            continue
        where = (*place.path, "with", "steps")
        if depth == DEPTH_MAX:
            faults.append(fault_at(where, "plan.depth", f"plans may be nested at most {DEPTH_MAX} deep"))
            continue
        inner, inside = _checked(data, runners, depth + 1)
        for fault in inside:
            fault.path += reversed(where[:-1])
        faults += inside
        if inner is not None:
            found[place.step.id] = untyped(inner)
    return with_nested(plan, found), faults


def _index(source: Source, fault: Fault) -> int:
    index = source.index((*reversed(fault.path),), fault.part)
    if fault.excerpt is None or fault.offset is None:
        return index
    # The offset is one in the text's value; where the file writes it on one line as it is, the place is exact.
    inside = source.inside_quotes(index, fault.excerpt, fault.offset)
    if inside is not None:
        return inside
    first_line = fault.excerpt.split("\n", 1)[0]
    start = index + (source.text[index : index + 1] in {'"', "'"})
    if first_line and fault.offset <= len(first_line) and source.text.startswith(first_line, start):
        return start + fault.offset
    return index


def _problems(source: Source, placed: list[tuple[Fault, int]], named: Callable[[Path], str]) -> tuple[Problem, ...]:
    placed.sort(key=lambda it: (it[1], it[0].severity))
    seen: dict[tuple[str, str, int], Problem] = {}
    for fault, index in placed:
        message = _message(fault, named)
        if (fault.code, message, index) in seen:
            continue
        if len(seen) == MAX_PROBLEMS:
            break
        hint = fault.hint
        if fault.near is not None and len(seen) < MAX_HINTS:
            hint = did_you_mean(*fault.near) or hint
        seen[fault.code, message, index] = _problem(source, index, fault, message, hint)
    if len(placed) > MAX_PROBLEMS:
        rest = f"there are more problems, {len(placed):,} in all"
        fault = Fault("problems.more", rest, severity=_worst(placed))
        seen["", "", -1] = _problem(source, placed[-1][1], fault, rest, "mend these first")
    return tuple(seen.values())


def _worst(placed: list[tuple[Fault, int]]) -> Severity:
    return "error" if any(fault.severity == "error" for fault, _ in placed) else "warning"


def _problem(source: Source, index: int, fault: Fault, message: str, hint: str | None) -> Problem:
    line, column = source.line_column(index)
    return Problem(
        code=fault.code,
        severity=fault.severity,
        message=message,
        file=source.name,
        line=line,
        column=column,
        hint=hint,
    )


def _message(fault: Fault, named: Callable[[Path], str]) -> str:
    """The message, behind the name of the thing it is about where it does not name one itself."""
    if not fault.message.startswith((" ", ":")):
        return fault.message
    path = fault.path[1:] if fault.part == "key" else fault.path
    return named((*reversed(path),)) + fault.message


def subject(path: Path) -> str:
    """What the messages call the thing at a path: `step "build": retry.delay`."""
    owner = _OWNERS.get(str(path[0])) if len(path) > 1 else None
    if owner is None:
        return _keys(path) or "the plan"
    keys = _keys(path[2:])
    return f'{owner} "{path[1]}"' + (f": {keys}" if keys else "")


def _keys(path: Path) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
