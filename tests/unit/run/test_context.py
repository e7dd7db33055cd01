"""What expressions see of a run."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from holdfast.plan.expr import compile_expression
from holdfast.plan.model import Effect, Plan, PlanShown, Retry
from holdfast.run import events as ev
from holdfast.run.context import FACT_NAMES, context_for, facts_context, step_view
from holdfast.run.machine import Run
from tests.unit.run.story import OWNED, SECOND, Story, step

ARTIFACT = ev.ArtifactRef("out/page.html", "sha256:ab", 12)
NOTHING: dict[str, object] = {"outputs": {}, "artifacts": {}}


class Seen(NamedTuple):
    """What one expression is given."""

    story: Story
    facts: Mapping[str, object] = MappingProxyType({})

    def by(self, text: str) -> dict[str, object]:
        return context_for(self.story.run, compile_expression(text).references, self.facts)


def view(story: Story, name: str) -> dict[str, object]:
    return step_view(story.run, story.run.index[name])


def test_an_expression_gets_only_the_names_it_asks_for() -> None:
    seen = Seen(Story(step("a"), step("b")))
    assert seen.by("1 + 1") == {}
    assert list(seen.by("inputs.day")) == ["inputs"]
    assert list(seen.by("steps.a.ok and run.id")) == ["run", "steps"]


def test_only_the_steps_that_are_named_are_shown() -> None:
    seen = Seen(Story(step("a"), step("b"), step("c")))
    assert list(seen.by('steps.a.ok or steps["c"].ok')["steps"]) == ["a", "c"]  # type: ignore[call-overload]  # a dict


def test_steps_named_by_a_value_are_all_shown() -> None:
    seen = Seen(Story(step("a"), step("b")))
    assert list(seen.by("len(steps) == 2")["steps"]) == ["a", "b"]  # type: ignore[call-overload]  # a dict


def test_a_step_that_the_plan_lacks_is_not_shown() -> None:
    assert Seen(Story(step("a"))).by("steps.nope.ok") == {"steps": {}}


def test_the_environment_is_what_was_recorded_and_what_the_plan_sets() -> None:
    plan = Plan(id="p", steps=(step("a"),), env={"TOKEN": "of the plan", "GONE": None})
    run = Run("r", plan)
    run.apply(ev.Event(0, ev.RunCreated("p", "d", "f", "/")))
    run.apply(ev.Event(0, ev.RunOwned(1, "host", 1, "0.1.0", environment={"CI": "true", "TOKEN": "***", "KEY": "***"})))
    expected = {"CI": "true", "TOKEN": "of the plan", "KEY": "***"}
    assert context_for(run, compile_expression("env.CI").references, {})["env"] == expected


def test_inputs_plan_and_run_are_shown() -> None:
    plan = Plan(id="p", steps=(step("a"),), env={"A": "1", "B": None}, shown=PlanShown(title="T", version="2"))
    run = Run("r", plan)
    run.apply(ev.Event(0, ev.RunCreated("p", "d", "f", "/", inputs={"day": 3})))
    asked = compile_expression("[inputs, plan, run, env]").references
    assert context_for(run, asked, {}) == {
        "inputs": {"day": 3},
        "plan": {"id": "p", "title": "T", "version": "2"},
        "run": {"id": "r", "started_at": None, "outcome": None},
        "env": {"A": "1"},
    }
    run.apply(ev.Event(1_000_000, OWNED))
    run.apply(ev.Event(2, ev.RunFinished("canceled")))
    expected = {"id": "r", "started_at": "1970-01-01T00:00:01Z", "outcome": "canceled"}
    assert context_for(run, asked, {})["run"] == expected


def test_facts_with_dots_are_nested() -> None:
    facts: dict[str, object] = {"now_utc": "t", "disk.free": 1, "disk.store_free": 2, "network.online": True}
    nested = {"now_utc": "t", "disk": {"free": 1, "store_free": 2}, "network": {"online": True}}
    assert facts_context(facts) == nested
    assert set(facts) == set(FACT_NAMES)
    assert Seen(Story(), facts).by("disk.free > 1") == nested


def test_a_step_that_has_not_run_has_a_status_and_nothing_else() -> None:
    story = Story(step("a"), step("b", "a"))
    assert view(story, "a") == {"status": "ready", "ok": False, "attempts": 0} | NOTHING
    assert view(story, "b") == {"status": "pending", "ok": False, "attempts": 0} | NOTHING


def test_a_running_step_says_since_when() -> None:
    story = Story(step("a")).start("a")
    started = {"started_at": "2023-11-14T22:13:20Z"}
    assert view(story, "a") == {"status": "running", "ok": False, "attempts": 1} | started | NOTHING


def test_a_step_that_succeeded_shows_what_it_left() -> None:
    ended = ev.AttemptEnded("succeeded", 0, outputs={"n": 3}, artifacts={"page": ARTIFACT})
    story = Story(step("a")).start("a").later(1.5).end("a", ended)
    assert view(story, "a") == {
        "status": "succeeded",
        "ok": True,
        "attempts": 1,
        "exit_code": 0,
        "outputs": {"n": 3},
        "duration_s": 1.5,
        "artifacts": {"page": {"path": "out/page.html", "digest": "sha256:ab", "size": 12}},
    }


def test_a_failed_step_shows_its_error_and_what_its_last_attempt_left() -> None:
    story = Story(step("a", retry=Retry(attempts=2))).fail("a", retry_s=0)
    assert view(story, "a")["error"] == {"code": "exit.nonzero", "message": "it failed"}
    assert (view(story, "a")["status"], view(story, "a")["attempts"]) == ("retrying", 1)
    story.fail("a", 2, code="timeout")
    shown = view(story, "a")
    assert (shown["error"], shown["exit_code"], shown["attempts"]) == (
        {"code": "timeout", "message": "it failed"},
        1,
        2,
    )


def test_a_step_that_failed_before_any_attempt_has_an_error_and_no_exit_code() -> None:
    story = Story(step("a")).tell(ev.StepFailed(ev.Error("expression.invalid", "no")), "a")
    error = {"error": {"code": "expression.invalid", "message": "no"}}
    assert view(story, "a") == {"status": "failed", "ok": False, "attempts": 0} | error | NOTHING


def test_a_skipped_step_says_why() -> None:
    story = Story(step("a")).tell(ev.StepSkipped("condition"), "a")
    assert view(story, "a") == {"status": "skipped", "ok": False, "attempts": 0, "why": "condition"} | NOTHING


def test_an_uncertain_step_shows_what_is_known() -> None:
    ended = ev.AttemptEnded("uncertain", 1, ev.Error("exit.nonzero", "1"), outputs={"ref": "x"})
    story = Story(step("a", effect=Effect.ONCE)).start("a").later(2).end("a", ended)
    shown = view(story, "a")
    assert (shown["status"], shown["ok"], shown["outputs"], shown["duration_s"]) == (
        "uncertain",
        False,
        {"ref": "x"},
        2,
    )


def test_a_canceled_step_has_its_status() -> None:
    story = Story(step("a")).tell(ev.RunFinished("canceled"))
    assert view(story, "a") == {"status": "canceled", "ok": False, "attempts": 0} | NOTHING


def test_large_outputs_are_fetched_when_they_are_asked_for() -> None:
    run = Run("r", Plan(id="p", steps=(step("a"),)), lambda digest: {"from": digest})
    run.apply(ev.Event(0, OWNED))
    run.apply(ev.Event(0, ev.AttemptStarted(), "a", 1))
    run.apply(ev.Event(SECOND, ev.AttemptEnded("succeeded", outputs_digest="sha256:7"), "a", 1))
    assert step_view(run, 0)["outputs"] == {"from": "sha256:7"}
