"""The tables of legal transitions, said a second time: every pair of state and trigger is either here or refused."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import get_args

import pytest

from holdfast.run import states
from holdfast.run.events import AttemptStatus, RunOutcome
from holdfast.run.states import (
    ATTEMPT_TABLE,
    EFFECT_TABLE,
    FINAL_RUN,
    FINAL_STEP,
    OK_STEP,
    RUN_TABLE,
    SOFT_SKIPS,
    STEP_TABLE,
    AttemptState,
    EffectState,
    IllegalTransitionError,
    RunStatus,
    StepStatus,
    effect_after,
    run_after,
    step_after,
)

Expected = Mapping[str, Mapping[str, str]]

RUN: Expected = {
    "pending": {"owned": "running", "canceled": "canceled"},
    "running": {
        "owned": "running",
        "paused": "paused",
        "blocked": "blocked",
        "quarantined": "quarantined",
        "succeeded": "succeeded",
        "partial": "partial",
        "failed": "failed",
        "canceled": "canceled",
    },
    "paused": {"owned": "running", "quarantined": "quarantined", "canceled": "canceled"},
    "blocked": {"owned": "running", "quarantined": "quarantined", "canceled": "canceled"},
    "quarantined": {"released": "paused"},
}
STEP: Expected = {
    "pending": {"dependencies finished": "ready", "run ended": "canceled", "group failed": "canceled"},
    "ready": {
        "started": "running",
        "expanded": "running",
        "waits": "waiting",
        "skipped": "skipped",
        "reused": "reused",
        "cannot start": "failed",
        "cannot start, to be skipped": "skipped",
        "cannot start, to be recovered": "waiting",
        "run ended": "canceled",
        "group failed": "canceled",
    },
    "running": {
        "succeeded": "succeeded",
        "failed": "failed",
        "failed, to be retried": "retrying",
        "instances succeeded": "succeeded",
        "failed, to be skipped": "skipped",
        "failed, to be recovered": "waiting",
        "an instance failed": "failed",
        "an instance failed, to be skipped": "skipped",
        "an instance failed, to be recovered": "waiting",
        "an instance was given up": "skipped",
        "run ended before all instances": "canceled",
        "begins to wait": "waiting",
        "succeeded, to be reviewed": "waiting",
        "uncertain": "uncertain",
        "lost": "ready",
        "stopped": "ready",
    },
    "retrying": {
        "started": "running",
        "waits": "waiting",
        "cannot start": "failed",
        "cannot start, to be skipped": "skipped",
        "cannot start, to be recovered": "waiting",
        "run ended": "canceled",
        "group failed": "canceled",
    },
    "waiting": {
        "recovered": "recovered",
        "reused": "reused",
        "started": "running",
        "expanded": "running",
        "waits": "waiting",
        "cannot start": "failed",
        "cannot start, to be skipped": "skipped",
        "cannot start, to be recovered": "waiting",
        "run ended": "canceled",
        "group failed": "canceled",
        "succeeded": "succeeded",
        "succeeded, to be reviewed": "waiting",
        "failed": "failed",
        "failed, to be skipped": "skipped",
        "failed, to be recovered": "waiting",
        "failed, to be retried": "retrying",
        "stopped": "ready",
    },
    "uncertain": {
        "happened": "succeeded",
        "not happened": "ready",
        "given up": "skipped",
    },
}
EFFECT: Expected = {
    "intended": {"success": "applied", "definite failure": "failed", "anything else": "uncertain"},
    "uncertain": {"happened": "applied", "not happened": "failed", "skipped": "skipped"},
    "failed": {"started again": "intended"},
}

TABLES = [
    pytest.param(RunStatus, run_after, RUN_TABLE, RUN, id="run"),
    pytest.param(StepStatus, step_after, STEP_TABLE, STEP, id="step"),
    pytest.param(EffectState, effect_after, EFFECT_TABLE, EFFECT, id="effect"),
]


@pytest.mark.parametrize(("statuses", "after", "table", "expected"), TABLES)
def test_every_pair_of_state_and_trigger_is_in_the_table_or_refused(
    statuses: type[StrEnum], after: Callable[[object, str], object], table: Mapping[object, object], expected: Expected
) -> None:
    # semantics S1
    triggers = {trigger for row in expected.values() for trigger in row} | {"", "no such thing", *statuses}
    for status in statuses:
        for trigger in sorted(triggers):
            wanted = expected.get(status, {}).get(trigger)
            if wanted is None:
                with pytest.raises(IllegalTransitionError) as refused:
                    after(status, trigger)
                assert (refused.value.code, status in refused.value.headline) == ("E_BUG", True)
            else:
                assert after(status, trigger) == wanted
    assert len(table) == sum(map(len, expected.values()))


@pytest.mark.parametrize(
    ("table", "first", "unreached"),
    [
        pytest.param(RUN_TABLE, RunStatus.PENDING, set[StrEnum](), id="run"),
        pytest.param(STEP_TABLE, StepStatus.PENDING, set[StrEnum](), id="step"),
        pytest.param(ATTEMPT_TABLE, AttemptState.RUNNING, set[StrEnum](), id="attempt"),
        pytest.param(EFFECT_TABLE, EffectState.INTENDED, set[StrEnum](), id="effect"),
    ],
)
def test_every_state_is_reached(
    table: Mapping[tuple[StrEnum, str], StrEnum], first: StrEnum, unreached: set[StrEnum]
) -> None:
    reached = {first}
    while new := {after for (before, _), after in table.items() if before in reached} - reached:
        reached |= new
    assert reached == set(type(first)) - unreached


def test_a_final_state_has_no_way_out() -> None:
    assert not [pair for pair in RUN_TABLE if pair[0] in FINAL_RUN]
    assert not [pair for pair in STEP_TABLE if pair[0] in FINAL_STEP]


def test_every_state_that_is_not_final_has_a_way_out() -> None:
    assert {before for before, _ in RUN_TABLE} == set(RunStatus) - FINAL_RUN
    assert {before for before, _ in STEP_TABLE} == set(StepStatus) - FINAL_STEP


def test_what_is_ok_is_final_and_soft_skips_are_reasons_of_skips() -> None:
    # semantics S2
    assert OK_STEP < FINAL_STEP
    assert {"condition", "branch", "not-selected"} == SOFT_SKIPS


def test_events_and_tables_use_the_same_words() -> None:
    # semantics S1
    assert {state.value for state in AttemptState} - {"running"} == set(get_args(AttemptStatus))
    assert {status.value for status in FINAL_RUN} == set(get_args(RunOutcome))


def test_an_attempt_ends_once_in_any_of_the_ways_an_end_can_have() -> None:
    assert {before for before, _ in ATTEMPT_TABLE} == {AttemptState.RUNNING}
    assert set(ATTEMPT_TABLE.values()) == set(AttemptState) - {AttemptState.RUNNING}


def test_the_arrows_of_the_diagrams_are_the_tables() -> None:
    assert set(states.ARROWS["step"]) == {(a, trigger, b) for a, row in STEP.items() for trigger, b in row.items()}
    assert set(states.ARROWS["run"]) == {(a, trigger, b) for a, row in RUN.items() for trigger, b in row.items()}
    assert set(states.ARROWS) == {"run", "step", "attempt", "effect", "breaker"}
