"""Writes docs/reference/states.md from the tables of legal transitions: `python tools/draw_states.py [--check]`."""

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from holdfast.run.states import ARROWS, AttemptState, BreakerState, EffectState, RunStatus, StepStatus

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "states.md"


class Machine(NamedTuple):
    """One diagram: its heading, what it is about, its states with what each means."""

    name: str
    about: str
    states: type[StrEnum]
    meanings: Mapping[StrEnum, str]


HEAD = """\
# States

Drawn from the tables in `src/holdfast/run/states.py` by `python tools/draw_states.py`; a test holds this page to them.
An arrow is a transition that exactly one journal event causes ([what happens when a plan runs](../design/semantics.md),
S1). What has no arrow cannot happen: an event that would need it is refused, and the run is quarantined.
"""

MACHINES = (
    Machine(
        "run",
        "A run moves when an engine takes it (`owned`), when it comes to rest, and when a person releases it.",
        RunStatus,
        {
            RunStatus.PENDING: "created; no engine has taken it yet",
            RunStatus.RUNNING: "an engine drives it, or drove it when it died; `resume` goes on",
            RunStatus.PAUSED: "somebody asked for a pause, or released it: nothing moves until `resume`",
            RunStatus.BLOCKED: "nothing can move until a person answers; `inbox` says what",
            RunStatus.SUCCEEDED: "every step is ok, or was skipped softly",
            RunStatus.PARTIAL: "every failure was tolerated by its step's policy, and something is missing",
            RunStatus.FAILED: "a step failed whose policy ends the run",
            RunStatus.CANCELED: "somebody ended it before its steps were done",
            RunStatus.QUARANTINED: "the engine does not trust it any more; only `release` frees it",
        },
    ),
    Machine(
        "step",
        "A step waits for its dependencies, runs in one or more attempts, and ends once.",
        StepStatus,
        {
            StepStatus.PENDING: "its dependencies are not finished",
            StepStatus.READY: "its dependencies are finished; it starts, or its condition skips it",
            StepStatus.RUNNING: "an attempt is under way",
            StepStatus.RETRYING: "the last attempt failed; the next has its time",
            StepStatus.WAITING: "what it needs is awaited: a precondition, a resource, a timer; no slot is held",
            StepStatus.UNCERTAIN: "nobody knows whether its effect happened; it is not repeated until somebody says",
            StepStatus.SUCCEEDED: "done",
            StepStatus.REUSED: "proven from an earlier run",
            StepStatus.RECOVERED: "failed, and its fallback succeeded",
            StepStatus.FAILED: "failed for good",
            StepStatus.SKIPPED: "did not run, for a reason that it holds",
            StepStatus.CANCELED: "ended with the run",
        },
    ),
    Machine(
        "attempt",
        "An attempt is one start of a step's work. It ends once.",
        AttemptState,
        {
            AttemptState.RUNNING: "its start is in the journal",
            AttemptState.SUCCEEDED: "it did what the step asks for",
            AttemptState.FAILED: "it ended otherwise, or could not be started",
            AttemptState.TIMED_OUT: "it ran longer than its timeout and was stopped",
            AttemptState.STALLED: "it went silent for longer than allowed and was stopped",
            AttemptState.CANCELED: "it was stopped on request, or never begun; it does not count",
            AttemptState.LOST: "the process that kept it is gone and left no exit code; it does not count",
            AttemptState.UNCERTAIN: "it may have had its effect, and must not have it twice",
        },
    ),
    Machine(
        "effect",
        "Only steps with `effect: once` have one. It is intended before the work starts.",
        EffectState,
        {
            EffectState.INTENDED: "the work is about to start, or under way",
            EffectState.UNCERTAIN: "nobody knows whether it happened",
            EffectState.APPLIED: "it happened",
            EffectState.FAILED: "it did not happen",
            EffectState.SKIPPED: "nobody will know; a person decided to go on without it",
        },
    ),
    Machine(
        "breaker",
        "A circuit breaker is shared by every run of the project; its events are in the project's own stream, run 0.",
        BreakerState,
        {
            BreakerState.CLOSED: "attempts start; it opens after so many failures in a row",
            BreakerState.OPEN: "no attempt starts until its cooldown is over",
            BreakerState.HALF_OPEN: "so many attempts are let through on trial; when they succeed it closes",
        },
    ),
)


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(part for machine in MACHINES for part in _section(machine))])


def _section(machine: Machine) -> Iterator[str]:
    yield f"## {machine.name.capitalize()}\n\n{machine.about}\n"
    yield "\n".join(["```mermaid", "stateDiagram-v2", *_lines(machine), "```", ""])
    yield "\n".join(["| state | meaning |", "|---|---|", *_rows(machine), ""])


def _lines(machine: Machine) -> Iterator[str]:
    arrows = ARROWS[machine.name]
    sources = {source for source, _, _ in arrows}
    yield f"    [*] --> {arrows[0][0]}"
    for source, trigger, target in arrows:
        yield f"    {source} --> {target}: {trigger}" if trigger != target else f"    {source} --> {target}"
    yield from (f"    {state} --> [*]" for state in _reached(machine) if state not in sources)


def _rows(machine: Machine) -> Iterator[str]:
    reached = _reached(machine)
    for state in machine.states:
        later = "" if state.value in reached else " (nothing leads here yet)"
        yield f"| `{state}` | {machine.meanings[state]}{later} |"


def _reached(machine: Machine) -> list[str]:
    """The states that any arrow touches, in the order of their definition."""
    touched = {state for source, _, target in ARROWS[machine.name] for state in (source, target)}
    return [state.value for state in machine.states if state.value in touched]


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is up to date."""
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
