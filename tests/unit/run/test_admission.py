"""What a step must have before its attempt starts: preconditions, looked at again; resources, taken in line."""

import pytest

from holdfast.plan.model import Effect, OnFailure, Retry, RunLimits
from holdfast.run import events as ev
from holdfast.run.admission import LOOK_US
from holdfast.run.choose import may_leave, wake_at
from holdfast.run.standing import Failed, Waiting
from tests.unit.run.story import FAILED, OWNED, SECOND, T0, Story, snapshot, step

FAR_US = 60 * SECOND
ONLINE = "network.online"


def waiting(cause: ev.WaitCause, on: str, since: int = T0) -> Waiting:
    return Waiting(since, cause, on, on)


def gpus(amount: float = 2, **more: float) -> RunLimits:
    return RunLimits(resources={"gpu": amount, **more})


def tell_waiting(story: Story, facts: dict[str, object] | None = None) -> ev.StepWaiting:
    """The next decision is that a step waits; it is told."""
    body, name = story.next_told(facts)
    assert isinstance(body, ev.StepWaiting), body
    story.tell(body, name)
    return body


# --- requires


def test_a_step_waits_while_a_precondition_is_false_and_others_go_on() -> None:
    # semantics S2, semantics S4
    story = Story(step("a", requires=(ONLINE,), priority=1), step("b"))
    body = tell_waiting(story, {ONLINE: False})
    assert body == ev.StepWaiting("requires", ONLINE, ONLINE, None, T0 + LOOK_US, {ONLINE: False})
    assert story.run.states[0] == waiting("requires", ONLINE)
    assert story.next_start() == ("b", 1)


def test_a_precondition_is_looked_at_again_every_five_seconds_and_only_a_change_is_told() -> None:
    story = Story(step("a", requires=(ONLINE, "disk.free > 5")))
    off: dict[str, object] = {ONLINE: False, "disk.free": 9}
    tell_waiting(story, off)
    assert wake_at(story.run) == T0 + 5 * SECOND
    assert story.later(4.9).next(1, off) is None
    for _ in range(3):
        assert story.later(5).next(1, off) is None
        assert wake_at(story.run) == story.now + 5 * SECOND
    full: dict[str, object] = {ONLINE: True, "disk.free": 1}
    body = tell_waiting(story.later(5), full)
    assert (body.on, body.since, body.facts) == ("disk.free > 5", T0, full)
    assert story.run.states[0] == waiting("requires", "disk.free > 5")
    decision = story.later(5).next(1, {ONLINE: True, "disk.free": 6})
    assert decision == (0, 1, {ONLINE: True, "disk.free": 6})


@pytest.mark.parametrize("text", ["1", "steps.dep.outputs.n > 1", "len(3) == 1"])
def test_a_precondition_that_cannot_be_evaluated_fails_the_step(text: str) -> None:
    # semantics S3
    story = Story(step("dep"), step("a", "dep", requires=(text,))).ok("dep")
    body, name = story.next_told()
    assert isinstance(body, ev.StepFailed)
    assert (name, body.error.code, body.error.message.startswith(f"requires: {text}: ")) == (
        "a",
        "expression.invalid",
        True,
    )
    assert story.tell(body, name).rest() == ev.RunFinished("failed")


def test_a_precondition_that_cannot_be_evaluated_any_more_fails_the_waiting_step_and_the_retried_one() -> None:
    # semantics S3
    story = Story(step("a", requires=(ONLINE,), retry=Retry(attempts=3)))
    tell_waiting(story, {ONLINE: False})
    body, name = story.later(5).next_told({ONLINE: 7})
    story.tell(body, name)
    assert story.status("a") == "failed"
    again = Story(step("a", requires=(ONLINE,), retry=Retry(attempts=3))).fail("a", retry_s=1).later(1)
    body, name = again.next_told({ONLINE: 7})
    assert isinstance(again.tell(body, name).run.states[0], Failed)


def test_when_is_decided_once_and_before_the_preconditions() -> None:
    # semantics S3
    story = Story(step("a", when="disk.free > 5", requires=(ONLINE,)))
    tell_waiting(story, {"disk.free": 9, ONLINE: False})
    assert story.later(5).next(1, {"disk.free": 1, ONLINE: True}) == (0, 1, {ONLINE: True})
    skipped = Story(step("a", when="disk.free > 5", requires=(ONLINE,)))
    assert skipped.next_told({"disk.free": 1, ONLINE: False})[0] == ev.StepSkipped(
        "condition", "when: disk.free > 5", {"disk.free": 1}
    )


def test_a_retry_needs_its_preconditions_too() -> None:
    story = Story(step("a", requires=(ONLINE,), retry=Retry(attempts=2))).fail("a", retry_s=3).later(3)
    tell_waiting(story, {ONLINE: False})
    assert story.status("a") == "waiting"
    assert story.later(5).next(1, {ONLINE: True}) == (0, 2, {ONLINE: True})


def test_who_takes_the_run_looks_at_once() -> None:
    # semantics C8
    story = Story(step("a", requires=(ONLINE,)))
    tell_waiting(story, {ONLINE: False})
    story.later(-3600).tell(OWNED)
    assert story.next(1, {ONLINE: True}) == (0, 1, {ONLINE: True})


def test_a_run_that_waits_for_a_precondition_is_not_blocked_and_need_not_be_stayed_for() -> None:
    story = Story(step("a", requires=(ONLINE,)), step("b", "a"))
    tell_waiting(story, {ONLINE: False})
    assert (story.rest(), may_leave(story.run, story.now, FAR_US)) == (None, True)
    near = Story(step("a", requires=(ONLINE,)), step("b", retry=Retry(attempts=2))).fail("b", retry_s=50)
    tell_waiting(near, {ONLINE: False})
    assert not may_leave(near.run, near.now, FAR_US)
    assert may_leave(near.run, near.now - 20 * SECOND, FAR_US)


@pytest.mark.parametrize("asked", [ev.RunCanceling(), ev.RunPausing()])
def test_a_waiting_step_is_in_nobodys_way(asked: ev.Body) -> None:
    # semantics S8
    story = Story(step("a", requires=(ONLINE,)))
    tell_waiting(story, {ONLINE: False})
    assert story.tell(asked).later(5).next(1, {ONLINE: True}) is None
    rest = story.rest()
    assert rest == (ev.RunFinished("canceled") if isinstance(asked, ev.RunCanceling) else ev.RunPaused())
    story.tell(rest)
    assert story.status("a") == ("canceled" if isinstance(asked, ev.RunCanceling) else "waiting")


# --- resources


def test_no_more_of_a_resource_is_used_than_there_is() -> None:
    story = Story(*(step(name, needs_resources={"gpu": 1}) for name in "abcd"), limits=gpus())
    assert story.next_start() == ("a", 1)
    story.start("a").start("b")
    for name in "cd":
        body = tell_waiting(story)
        assert (body.cause, body.on, body.what, story.status(name)) == (
            "resources",
            "gpu",
            "1 of gpu, of which the run has 2",
            "waiting",
        )
    assert story.next() is None
    story.end("b", ev.AttemptEnded("succeeded", 0))
    assert story.next_start() == ("c", 1)
    assert story.start("c").next() is None


def test_who_asks_for_much_is_not_passed_by_those_who_ask_for_little() -> None:
    story = Story(
        step("small"),
        step("big", needs_resources={"gpu": 2}),
        *(step(f"s{n}", "small", needs_resources={"gpu": 1}, priority=9) for n in range(4)),
        step("first", needs_resources={"gpu": 1}, priority=1),
        limits=gpus(),
    )
    story.start("first")
    assert story.next_start() == ("small", 1)
    story.start("small")
    assert tell_waiting(story).what == "2 of gpu, of which the run has 2"
    story.end("small", ev.AttemptEnded("succeeded", 0))
    for _ in range(4):  # one gpu is there, and all of higher priority; big came first
        assert tell_waiting(story).on == "gpu"
    story.end("first", ev.AttemptEnded("succeeded", 0))
    assert story.next_start() == ("big", 1)
    story.start("big")
    assert story.next() is None
    story.end("big", ev.AttemptEnded("succeeded", 0))
    assert story.next_start() == ("s0", 1)
    story.start("s0")
    assert story.next_start() == ("s1", 1)
    assert story.start("s1").next() is None


def test_who_needs_several_resources_gets_all_or_waits_and_does_not_hold_back_who_needs_others() -> None:
    both = {"gpu": 1.0, "mem": 4.0}
    story = Story(
        step("a", needs_resources={"mem": 3}),
        step("b", needs_resources=both),
        step("c", needs_resources={"gpu": 1}),
        step("d", needs_resources={"disk": 1}),
        limits=gpus(1, mem=4, disk=1),
    )
    story.start("a")
    assert tell_waiting(story).on == "mem"
    assert tell_waiting(story).on == "gpu"  # c would pass b
    assert story.next_start() == ("d", 1)
    story.start("d").end("a", ev.AttemptEnded("succeeded", 0))
    assert story.next_start() == ("b", 1)


def test_who_stood_in_line_when_the_run_ended_does_not_start_among_the_finally_steps() -> None:
    # semantics S15
    story = Story(*(step(name, needs_resources={"gpu": 2}) for name in "abc"), last=(step("z"),), limits=gpus())
    story.start("a")
    assert [tell_waiting(story).on for _ in "bc"] == ["gpu", "gpu"]
    story.end("a", story.judged("a", FAILED))
    assert story.play().outcome == "failed"
    assert story.statuses() == {"a": "failed", "b": "canceled", "c": "canceled", "z": "succeeded"}


def test_amounts_are_added_as_people_add_them() -> None:
    story = Story(
        *(step(name, needs_resources={"gpu": amount}) for name, amount in (("a", 0.1), ("b", 0.2))), limits=gpus(0.3)
    )
    story.start("a")
    assert story.next_start() == ("b", 1)


@pytest.mark.parametrize(
    "ended",
    [
        ev.AttemptEnded("lost", error=ev.Error("lost")),
        ev.AttemptEnded("canceled", error=ev.Error("canceled")),
        ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero"), retry_at=T0 + 9 * SECOND),
        ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero")),
        ev.AttemptEnded("uncertain", error=ev.Error("timeout")),
    ],
)
def test_whatever_ends_an_attempt_gives_its_resources_back(ended: ev.AttemptEnded) -> None:
    story = Story(
        step("a", needs_resources={"gpu": 2}, effect=Effect.ONCE, on_failure=OnFailure.CONTINUE, priority=-1),
        step("b", needs_resources={"gpu": 2}),
        limits=gpus(),
    )
    story.start("a", key="k")
    tell_waiting(story)
    story.end("a", ended)
    assert story.next_start() == ("b", 1)


def test_who_leaves_the_line_lets_the_next_one_through() -> None:
    story = Story(
        step("a", needs_resources={"gpu": 1}),
        step("b", needs_resources={"gpu": 2}, requires=(ONLINE,)),
        step("c", needs_resources={"gpu": 1}),
        limits=gpus(),
    )
    on: dict[str, object] = {ONLINE: True}
    story.start("a")
    assert tell_waiting(story, on).on == tell_waiting(story, on).on == "gpu"
    story.end("a", ev.AttemptEnded("succeeded", 0))
    body = tell_waiting(story, {ONLINE: False})  # b is offered, and its precondition does not hold any more
    assert (body.cause, body.since) == ("requires", None)
    assert story.next(1, {ONLINE: False}) == (2, 1, {})


def test_what_waits_is_folded_again_to_the_same() -> None:
    # semantics S16
    story = Story(step("a", needs_resources={"gpu": 2}), step("b", needs_resources={"gpu": 1}), limits=gpus())
    story.start("a")
    tell_waiting(story)
    again = story.refolded()
    assert snapshot(again) == snapshot(story.run)
    assert list(again.waiting) == [1]
