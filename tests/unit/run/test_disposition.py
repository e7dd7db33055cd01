"""What becomes of a failure: the table of semantics S6, and the order of S5."""

import pytest

from holdfast.plan.model import Depends, Effect, FailureMode, OnFailure, Retry, Step
from holdfast.run import events as ev
from holdfast.run.disposition import POLICIES
from holdfast.run.standing import GivenUp, Retrying
from tests.unit.run.story import FAILED, SECOND, UNCERTAIN, Story, step

CODES = (
    *("exit.nonzero", "signal", "timeout", "stalled", "expect.failed", "output.missing", "output.invalid"),
    *("input.changed", "http.status", "http.connect", "lost", "uncertain"),
)
FATAL = ("spawn.failed", "expression.invalid", "budget.exhausted", "canceled")


def failed(code: str) -> ev.AttemptEnded:
    return ev.AttemptEnded("failed", 1, ev.Error(code, "it failed"))


def mode(name: str, detect: str | None = "true", do: str = "fail", **more: str) -> FailureMode:
    return FailureMode(name=name, detect=detect, do=do, **more)  # type: ignore[arg-type]  # one of the four words


def decision(story: Story, name: str = "a") -> ev.Disposition:
    """What was decided of the step's last failure."""
    bodies = [event.body for event in story.events if event.step == name]
    made = [body.disposed for body in bodies if isinstance(body, ev.AttemptEnded | ev.StepFailed)][-1]
    assert made is not None
    return made


ROWS = [
    # policy, the step ends, its dependents end, what stands aside ends, the run
    ("abort", "failed", "canceled", "canceled", "failed"),
    ("skip_dependents", "failed", "skipped", "succeeded", "partial"),
    ("continue", "failed", "succeeded", "succeeded", "partial"),
    ("skip", "skipped", "skipped", "succeeded", "partial"),
    ("rollback", "failed", "canceled", "canceled", "failed"),
]


@pytest.mark.parametrize(("policy", "ends", "dependents", "aside", "run"), ROWS)
def test_every_policy_does_what_its_row_says(policy: str, ends: str, dependents: str, aside: str, run: str) -> None:
    # semantics S6
    story = Story(step("a", on_failure=OnFailure(policy)), step("b", "a"), step("c", "b"), step("d"), step("e", "d"))
    story.breaks("a")
    story.take()
    rest = story.rest()
    assert isinstance(rest, ev.RunFinished)
    story.tell(rest)
    assert story.statuses() == {"a": ends, "b": dependents, "c": dependents, "d": aside, "e": aside}
    assert rest.outcome == run
    assert decision(story) == ev.Disposition(policy, reason="there is no retry")  # type: ignore[arg-type]  # as above


def test_every_policy_of_the_plan_format_has_a_row() -> None:
    # semantics S6
    assert POLICIES.keys() - {action.value for action in OnFailure} == {"retry", "goto", "next"}
    assert {action.value for action in OnFailure} < POLICIES.keys()


def test_a_step_skipped_by_its_policy_is_a_hard_skip_and_keeps_its_error() -> None:
    # semantics S2, semantics S6
    story = Story(step("a", on_failure=OnFailure.SKIP), step("b", "a"), step("c", "a", depends=Depends.DONE))
    story.breaks("a")
    state = story.run.states[0]
    assert isinstance(state, GivenUp)
    assert (state.why, state.error.code, story.run.attempts_of(0).total) == ("policy", "exit.nonzero", 1)
    assert story.take() == ["c"]
    assert story.statuses() == {"a": "skipped", "b": "skipped", "c": "succeeded"}


@pytest.mark.parametrize("policy", ["abort", "rollback"])
def test_with_keep_going_an_abort_acts_as_skip_dependents_and_the_run_still_fails(policy: str) -> None:
    # cli page, --keep-going
    story = Story(step("a", on_failure=OnFailure(policy)), step("b", "a"), step("c"), owned=False, request=KEEP_GOING)
    story.tell(ev.RunOwned(1, "host", 1, "0.1.0")).breaks("a")
    assert story.take() == ["c"]
    assert story.statuses() == {"a": "failed", "b": "skipped", "c": "succeeded"}
    rest = story.rest()
    assert isinstance(rest, ev.RunFinished)
    assert rest.outcome == "failed"


KEEP_GOING: dict[str, object] = {"keep_going": True}


@pytest.mark.parametrize("policy", [row[0] for row in ROWS])
@pytest.mark.parametrize("code", FATAL)
def test_a_fatal_code_goes_straight_to_the_policy(code: str, policy: str) -> None:
    # semantics S5, semantics S22
    modes = (mode("any", do="retry"),)
    story = Story(step("a", retry=Retry(attempts=9, on=(code,)), modes=modes, on_failure=OnFailure(policy)))
    story.breaks("a", failed(code))
    assert decision(story) == ev.Disposition(policy, reason=f"{code} is never retried")  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("code", CODES)
def test_a_failure_is_tried_again_until_all_attempts_are_spent(code: str) -> None:
    # semantics S9: `attempts` counts all attempts
    story = Story(step("a", retry=Retry(attempts=3, delay_s=0)))
    for attempt in (1, 2):
        story.breaks("a", failed(code), attempt)
        reason = f"attempt {attempt} of 3 failed with {code}"
        assert decision(story) == ev.Disposition("retry", reason=reason)
    story.breaks("a", failed(code), 3)
    assert decision(story) == ev.Disposition("abort", reason="all 3 attempts failed")


def test_retry_on_lists_what_is_tried_again() -> None:
    # semantics S9
    retry = Retry(attempts=2, on=("timeout", "signal"))
    made = {code: decision(Story(step("a", retry=retry)).breaks("a", failed(code))).action for code in CODES}
    assert [code for code, action in made.items() if action == "retry"] == ["signal", "timeout"]
    story = Story(step("a", retry=retry)).breaks("a")
    assert decision(story).reason == "exit.nonzero is not among retry.on"


def test_the_next_attempt_is_due_after_the_delay() -> None:
    # semantics S9
    story = Story(step("a", retry=Retry(attempts=2, delay_s=5, jitter=0))).breaks("a")
    assert story.run.states[0] == Retrying(story.now, story.now + 5 * SECOND, ev.Error("exit.nonzero", "exit code 1"))


@pytest.mark.parametrize("closing", [ev.RunCanceling(), None])
def test_after_an_abort_or_a_cancel_nothing_is_retried(closing: ev.Body | None) -> None:
    # semantics S8
    story = Story(step("a", retry=Retry(attempts=3)), step("bad")).start("a")
    if closing is None:
        story.breaks("bad")
    else:
        story.tell(closing)
    story.end("a", story.judged("a", FAILED))
    assert story.status("a") == "failed"
    assert decision(story).reason == "the run is ending"


@pytest.mark.parametrize("code", ["expect.failed", "output.missing"])
def test_a_once_effect_that_is_applied_is_never_repeated(code: str) -> None:
    # semantics S20
    ended = ev.AttemptEnded("failed", 0, ev.Error(code))
    modes = (mode("any", do="retry"),)
    story = Story(step("a", effect=Effect.ONCE, retry=Retry(attempts=3), modes=modes)).breaks("a", ended)
    assert decision(story) == ev.Disposition(
        "abort", mode="any", reason="the effect is applied all the same, and never repeated"
    )


def test_a_rollback_names_the_completed_steps_that_have_none() -> None:
    # semantics S6
    story = Story(step("a"), step("b"), step("c", on_failure=OnFailure.ROLLBACK)).ok("a").ok("b").breaks("c")
    said = 'these completed steps have no rollback and stay as they are: "a", "b"'
    assert story.rest() == ev.RunFinished("failed", warnings=(f'step "c" failed under on_failure: rollback; {said}',))


# Failure modes.


def with_modes(*modes: FailureMode, attempts: int = 3, **more: object) -> Step:
    return step("a", modes=modes, retry=Retry(attempts=attempts, **more))  # type: ignore[arg-type]  # keys of Retry


def test_the_first_failure_mode_that_matches_decides() -> None:
    # semantics S5
    story = Story(with_modes(mode("no", "exit_code == 9"), mode("yes", "exit_code == 1"), mode("also", do="retry")))
    story.breaks("a")
    assert decision(story) == ev.Disposition("abort", mode="yes", reason='failure mode "yes" says fail')


@pytest.mark.parametrize(
    "detect",
    [
        "exit_code == 1",
        'error.code == "exit.nonzero"',
        'contains(error.message, "exit code")',
        'outputs.kind == "flaky"',
        'artifacts.log.path == "log.txt"',
        'contains(stdout, "half done")',
        'matches(stderr, "(?s).*disk full.*")',
        "duration_s == 7",
        'inputs == {} and run.id == "r"',
    ],
)
def test_a_failure_mode_sees_what_the_attempt_left(detect: str) -> None:
    # semantics S5, plan-format, Context
    artifacts = {"log": ev.ArtifactRef("log.txt", "sha256:0", 3)}
    ended = ev.AttemptEnded(
        "failed", 1, ev.Error("exit.nonzero", "exit code 1"), outputs={"kind": "flaky"}, artifacts=artifacts
    )
    story = Story(with_modes(mode("it", detect))).start("a").later(7)
    story.end("a", story.judged("a", ended, stdout="it is half done", stderr="No space: disk full\n"))
    assert decision(story).mode == "it"


def test_a_mode_that_says_retry_retries_whatever_retry_on_says_but_only_while_attempts_are_left() -> None:
    # semantics S5
    story = Story(with_modes(mode("flaky", do="retry"), attempts=2, on=("timeout",), delay_s=0.0))
    story.breaks("a")
    assert (decision(story).action, decision(story).mode) == ("retry", "flaky")
    story.breaks("a", attempt=2)
    assert decision(story) == ev.Disposition("abort", mode="flaky", reason="all 2 attempts failed")


def test_prose_never_matches_and_is_shown_as_advice() -> None:
    # semantics S5
    told = mode("cable", None, prose="somebody pulled the plug", advice="look under the desk")
    story = Story(with_modes(told, mode("it", "exit_code == 1", advice="run ${{ run.id }} broke"), attempts=1))
    story.breaks("a")
    made = decision(story)
    assert made.mode == "it"
    assert made.advice == ("cable: somebody pulled the plug → look under the desk", "it: run r broke")
    only = Story(with_modes(told, attempts=1)).breaks("a")
    assert decision(only).mode is None


def test_an_expression_that_cannot_be_evaluated_fails_the_step_for_good() -> None:
    # semantics S5, semantics S3: never taken as true or as false
    story = Story(with_modes(mode("it", "outputs.nothing == 1", do="retry"), mode("other", do="retry"))).breaks("a")
    assert decision(story).reason == "expression.invalid is never retried"
    said = story.run.states[0].error  # type: ignore[attr-defined]  # it failed
    assert said.code == "expression.invalid"
    assert 'failure mode "it": outputs.nothing == 1: ' in said.message
    assert "exit.nonzero: exit code 1" in said.message


def test_the_failure_mode_of_an_effect_in_doubt_holds_when_it_did_not_happen() -> None:
    # semantics S5, semantics E4
    modes = (mode("late", 'error.code == "timeout"', do="fail"),)
    story = Story(step("a", effect=Effect.ONCE, modes=modes, retry=Retry(attempts=5))).breaks("a", UNCERTAIN)
    assert (decision(story).action, decision(story).mode) == ("doubt", "late")
    story.resolve("a", "not-happened").take()
    assert decision(story) == ev.Disposition("abort", mode="late", reason='failure mode "late" says fail')


def test_a_condition_that_cannot_be_evaluated_is_disposed_of_too() -> None:
    # semantics S3, semantics S6
    story = Story(step("a", when="1 / 0", on_failure=OnFailure.SKIP), step("b", "a"))
    story.take()
    assert story.statuses() == {"a": "skipped", "b": "skipped"}
    assert decision(story) == ev.Disposition("skip", reason="expression.invalid is never retried")


def test_the_decision_is_in_the_event_and_the_fold_only_reads_it() -> None:
    # semantics S16
    story = Story(with_modes(mode("flaky", 'contains(stdout, "reset")', do="retry"), on=("timeout",)))
    story.breaks("a", stdout="connection reset")
    assert story.refolded().states == story.run.states


def test_an_end_without_a_decision_takes_the_policy_of_the_step() -> None:
    story = Story(step("a", on_failure=OnFailure.CONTINUE), step("b", "a")).start("a").end("a", FAILED)
    assert story.take() == ["b"]
