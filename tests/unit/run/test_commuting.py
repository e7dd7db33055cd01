"""What people ask is placed between the engine's own events wherever the journal's lock lets it: the engine hears of it
later than its own events, the journal has it before them. Either order must reach the same state (semantics S16).
"""

from collections.abc import Sequence

import pytest

from holdfast.plan.model import Effect, Retry
from holdfast.run import events as ev
from holdfast.run.machine import Run, fold
from tests.unit.run.story import CREATED, FAILED, OWNED, T0, UNCERTAIN, Story, snapshot, step

Told = tuple[ev.Body, str | None, int | None]

PAUSE: Told = (ev.RunPausing(), None, None)
STOP: Told = (ev.RunPausing(stop=True), None, None)
CANCEL: Told = (ev.RunCanceling(), None, None)
SUPERSEDE: Told = (ev.RunCanceling(why="superseded"), None, None)
NOT_HAPPENED: Told = (ev.StepResolved("not-happened"), "doubtful", None)
HAPPENED: Told = (ev.StepResolved("happened"), "doubtful", None)
SKIP: Told = (ev.StepResolved("skip"), "doubtful", None)
STARTED: Told = (ev.AttemptStarted(), "other", 1)


def doubtful() -> Story:
    """A step in doubt, one that can run beside it, one that waits for the first."""
    return Story(
        step("other", retry=Retry(attempts=2)), step("doubtful", effect=Effect.ONCE), step("after", "doubtful")
    ).doubt("doubtful")


@pytest.mark.parametrize(
    ("asked", "own"),
    [
        (PAUSE, [STOP]),
        (PAUSE, [STARTED]),
        (PAUSE, [(ev.RunPaused(), None, None)]),
        (PAUSE, [(ev.RunBlocked(("doubtful",)), None, None)]),
        (CANCEL, [SUPERSEDE]),
        (CANCEL, [(ev.RunPaused(), None, None)]),
        (CANCEL, [STARTED, (ev.AttemptEnded("failed", 1, retry_at=T0 + 5), "other", 1)]),
        (SKIP, [(ev.RunBlocked(("doubtful",)), None, None)]),
        (HAPPENED, [STARTED, (FAILED, "other", 1)]),
        (NOT_HAPPENED, [STARTED, (FAILED, "other", 1)]),
        (NOT_HAPPENED, [STARTED, (ev.AttemptEnded("lost"), "other", 1), (ev.AttemptStarted(), "other", 2)]),
    ],
)
def test_what_people_ask_commutes_with_what_the_engine_does(asked: Told, own: Sequence[Told]) -> None:
    # semantics S16
    ours, theirs = doubtful(), doubtful()
    for told in [*own, asked]:
        ours.tell(*told)
    for told in [asked, *own]:
        theirs.tell(*told)
    assert snapshot(ours.run) == snapshot(theirs.run)


@pytest.mark.parametrize("asked", [PAUSE, CANCEL])
def test_a_request_that_races_with_the_end_changes_nothing_of_the_end(asked: Told) -> None:
    # semantics S16
    before = [(ev.AttemptStarted(), "a", 1), (FAILED, "a", 1)]
    end: Told = (ev.RunFinished("failed"), None, None)
    ours, theirs = Story(step("a"), step("b", "a")), Story(step("a"), step("b", "a"))
    for told in [*before, end, asked]:
        ours.tell(*told)
    for told in [*before, asked, end]:
        theirs.tell(*told)
    assert snapshot(ours.run) == snapshot(theirs.run)
    assert ours.statuses() == {"a": "failed", "b": "canceled"}


def test_of_two_steps_whose_failures_abort_the_run_the_first_in_the_file_is_named_whichever_was_first() -> None:
    one, other = Story(step("a"), step("b")), Story(step("a"), step("b"))
    one.fail("a").fail("b")
    other.fail("b").fail("a")
    assert (one.run.aborting, other.run.aborting) == ("a", "a")


def test_folding_the_same_events_twice_gives_the_same_state() -> None:
    # semantics S16
    story = doubtful().fail("other", retry_s=3).later(3).ok("other", 2).resolve("doubtful", "happened").ok("after")
    story.tell(ev.RunFinished("succeeded"))
    assert snapshot(story.run) == snapshot(story.refolded())


def test_a_second_answer_that_raced_with_the_first_changes_nothing() -> None:
    # semantics G6
    story = doubtful().resolve("doubtful", "happened")
    before = snapshot(story.run)
    story.resolve("doubtful", "skip")
    assert snapshot(story.run) == before | {"seq": story.run.seq}


def test_the_same_events_make_the_same_run_in_one_go_or_one_by_one() -> None:
    # semantics S16
    events = [ev.Event(T0, CREATED), ev.Event(T0, OWNED), ev.Event(T0, ev.AttemptStarted(), "a", 1)]
    plan = Story(step("a", effect=Effect.ONCE)).plan
    whole = fold(Run("r", plan), [*events, ev.Event(T0, UNCERTAIN, "a", 1)])
    piece = fold(fold(Run("r", plan), events), [ev.Event(T0, UNCERTAIN, "a", 1)])
    assert snapshot(whole) == snapshot(piece)
