"""Runs of real plans: what is proven is not run again, what is needed is, and each says why."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from holdfast.app import Answer, Request
from holdfast.app.runs import RunEnd
from holdfast.errors import RequestError
from holdfast.journal.doctor import differences
from holdfast.journal.documents import Shown
from tests.unit.engine.workshop import Workshop

CHAIN = """
    steps:
      a: {run: "cat x > out_a", reads: [x], produces: {a: out_a}}
      b: {run: "head -c 2 out_a > out_b", depends_on: [a], produces: {b: out_b}}
      c: {run: "cat out_b out_b > out_c", depends_on: [b], produces: {c: out_c}}
    """


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    (tmp_path / "x").write_text("hello")
    return Workshop(tmp_path)


def shown(shop: Workshop, end: RunEnd) -> Shown:
    with shop.app.reading() as reading:
        return reading.show(end.run)


def ran(shop: Workshop, end: RunEnd) -> list[str]:
    """The steps that were started, by name."""
    return sorted(str(step) for step in shop.starts(end))


def verdicts(shop: Workshop, request: Request | None = None) -> dict[str, str]:
    document = shop.app.plan(shop.plan, request or Request())
    return {step["step"]: step["verdict"] for step in msgspec.convert(document["steps"], list[dict[str, object]])}  # type: ignore[misc] # of JSON


def lose(shop: Workshop, content: str) -> None:
    """Delete what the store has of a content."""
    name = hashlib.sha256(content.encode()).hexdigest()
    (shop.folder / ".holdfast" / "objects" / name[:2] / name[2:]).unlink()


def test_a_second_run_reuses_and_says_from_which_run(shop: Workshop) -> None:
    # planner 48, 65, 70; planner, Statuses of steps that did not execute
    first = shop.run(CHAIN)
    assert ran(shop, first) == ["a", "b", "c"]
    again = shop.run(CHAIN)
    assert (again.status, ran(shop, again)) == ("succeeded", [])
    step = shown(shop, again).steps[1]
    assert (step.verdict, step.status, step.from_run, step.attempts) == ("reuse", "reused", first.run, ())
    assert [reason.code for reason in step.reasons] == ["proven"]
    assert step.artifacts == shown(shop, first).steps[1].artifacts
    third = shop.run(CHAIN)
    assert shown(shop, third).steps[1].from_run == first.run  # who made it, not who reused it last


def test_a_change_runs_its_reader_and_stops_where_the_bytes_are_the_same(shop: Workshop) -> None:
    # planner 10, 17, 18, 19
    shop.run(CHAIN)
    (shop.folder / "x").write_text("help")
    assert verdicts(shop) == {"a": "run", "b": "maybe", "c": "maybe"}
    end = shop.run(CHAIN)
    assert ran(shop, end) == ["a", "b"]
    steps = {step.step: step for step in shown(shop, end).steps}
    assert [reason.code for reason in steps["a"].reasons] == ["input-changed"]
    assert steps["c"].verdict == "reuse"
    (shop.folder / "x").touch()  # planner 10: content decides, never mtime
    assert verdicts(shop) == dict.fromkeys("abc", "reuse")


def test_a_revert_puts_back_what_it_had(shop: Workshop) -> None:
    # planner, Verdicts: restore; planner 69
    shop.run(CHAIN)
    (shop.folder / "x").write_text("other")
    shop.run(CHAIN)
    (shop.folder / "x").write_text("hello")
    assert verdicts(shop) == dict.fromkeys("abc", "restore")
    assert shop.app.plan(shop.plan, Request())["to_do"] is True
    end = shop.run(CHAIN)
    assert (ran(shop, end), shop.text("out_a"), shop.text("out_c")) == ([], "hello", "hehe")
    assert verdicts(shop) == dict.fromkeys("abc", "reuse")
    assert shop.app.plan(shop.plan, Request())["to_do"] is False


def test_a_deleted_file_is_put_back_and_lost_bytes_are_made_again(shop: Workshop) -> None:
    # planner 44, 46; planner, Working files and stored bytes
    shop.run(CHAIN)
    (shop.folder / "out_b").unlink()
    assert ran(shop, shop.run(CHAIN)) == []
    assert shop.text("out_b") == "he"
    lose(shop, "he")
    assert verdicts(shop) == {"a": "reuse", "b": "run", "c": "maybe"}
    end = shop.run(CHAIN)
    assert ran(shop, end) == ["b"]
    assert [reason.code for reason in shown(shop, end).steps[1].reasons] == ["output-missing"]
    assert verdicts(shop) == dict.fromkeys("abc", "reuse")


def test_a_file_that_was_edited_is_not_overwritten_unless_that_is_asked(shop: Workshop) -> None:
    # planner 31
    shop.run(CHAIN)
    (shop.folder / "out_b").write_text("mine")
    with pytest.raises(RequestError, match="out_b") as refused:
        shop.run(CHAIN)
    assert (refused.value.code, refused.value.exit_code) == ("E_OUTPUT_EDITED", 3)
    assert shop.text("out_b") == "mine"
    end = shop.app.run(shop.plan, {}, Request(overwrite=True))
    assert (ran(shop, end), shop.text("out_b")) == (["b"], "he")


def test_a_failure_is_no_proof_and_an_older_success_is_none_either(shop: Workshop) -> None:
    # planner, Terms: proof; planner 62
    plan = """
        steps:
          a: {run: "test ! -e bad; cat x > out", reads: [x], produces: {a: out}}
          b: {run: "true", depends_on: [a], reads: [x], produces: {b: out}}
        """.replace("produces: {b: out}", "effect: none")
    shop.run(plan)
    (shop.folder / "bad").touch()
    assert shop.app.run(shop.plan, {}, Request(force=("a",))).status == "failed"
    (shop.folder / "bad").unlink()
    assert verdicts(shop) == {"a": "run", "b": "maybe"}
    end = shop.run(plan)
    assert ran(shop, end) == ["a"]
    assert [reason.code for reason in shown(shop, end).steps[0].reasons] == ["latest-failed"]


def test_actions_run_every_time_and_outputs_are_reused(shop: Workshop) -> None:
    # planner, What can be reused; planner 12, 14
    plan = """
        inputs: {day: {default: mon}}
        env_pass: [TRIAL_COLOUR]
        steps:
          value: {run: "echo n=$DAY >> $HOLDFAST_OUTPUT", env: {DAY: "${{ inputs.day }}"}, outputs: {n: {}}}
          pure: {run: "true", effect: none, depends_on: [value], env: {N: "${{ steps.value.outputs.n }}"}}
          act: {run: "true", depends_on: [value]}
          never: {run: "true", reuse: never, outputs: {}}
        """
    shop.run(plan)
    end = shop.run(plan)
    assert ran(shop, end) == ["act", "never"]
    assert shown(shop, end).steps[0].outputs == {"n": "mon"}
    assert ran(shop, shop.run(plan, day="tue")) == ["act", "never", "pure", "value"]
    end = shop.run(plan)
    assert ran(shop, end) == ["act", "never"]
    assert shown(shop, end).steps[0].verdict == "restore"


def test_declared_environment_counts_and_no_other(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    # planner 14
    plan = "env_pass: [TRIAL_COLOUR]\nsteps: {a: {run: 'cat x > o', produces: {o: o}}}"
    shop.run(plan)
    monkeypatch.setenv("TRIAL_SHADE", "dark")
    assert verdicts(shop) == {"a": "reuse"}
    monkeypatch.setenv("TRIAL_COLOUR", "vermilion")
    assert verdicts(shop) == {"a": "run"}
    end = shop.run(plan)
    assert [reason.code for reason in shown(shop, end).steps[0].reasons] == ["environment-changed"]
    assert "vermilion" not in str([event.body for event in shop.events(end) if "keyed" in str(event.body)])


def test_the_modules_behind_a_call_are_read(shop: Workshop) -> None:
    # planner, Terms: a script is an implicit read
    plan = "steps: {a: {uses: python, with: {call: 'acts:go', inline: true}, outputs: {n: {}}}}"
    shop.module("from tools_of_mine import N\n\ndef go():\n    return {'n': N}\n")
    shop.module("N = 1\n", "tools_of_mine")
    shop.module("M = 1\n", "unrelated")
    shop.run(plan)
    shop.module("M = 2\n", "unrelated")
    assert verdicts(shop) == {"a": "reuse"}
    shop.module("N = 2\n", "tools_of_mine")
    assert verdicts(shop) == {"a": "run"}


def test_the_schema_of_a_document_is_read(shop: Workshop) -> None:
    # semantics S20; planner, Terms: an implicit read
    (shop.folder / "s.json").write_text('{"type": "integer"}')
    shop.run("steps: {a: {run: echo 1 > d.json, produces: {d: d.json}, expect: [{valid: d, schema: s.json}]}}")
    assert verdicts(shop) == {"a": "reuse"}
    (shop.folder / "s.json").write_text('{"type": "string"}')
    assert verdicts(shop) == {"a": "run"}


def test_an_effect_that_happened_is_held_whatever_became_of_its_run(shop: Workshop) -> None:
    # planner, Verdicts: held; semantics S20
    plan = """
        steps:
          pay: {run: "echo paid >> bill", effect: once, definite_failures: [1], expect: ["exit_code == 7"]}
        """
    end = shop.run(plan)
    assert shop.error(end, "pay").code == "expect.failed"
    end = shop.run(plan)
    assert (end.status, shop.statuses(end), shop.text("bill")) == ("succeeded", {"pay": "reused"}, "paid\n")
    assert shown(shop, end).steps[0].verdict == "held"
    shop.app.run(shop.plan, {}, Request(force=("pay",)))
    assert shop.text("bill") == "paid\npaid\n"


def test_scope_and_force_hold_in_a_run(shop: Workshop) -> None:
    # planner 33, 35, 36, 37, 38
    shop.run(CHAIN)
    end = shop.app.run(shop.plan, {}, Request(from_=("b",), until=("layer:1",)))
    assert (ran(shop, end), shop.statuses(end)) == (["b"], {"a": "reused", "b": "succeeded", "c": "skipped"})
    assert shown(shop, end).steps[2].why == "not-selected"
    assert ran(shop, shop.app.run(shop.plan, {}, Request(force=("c",), only=("c",)))) == ["c"]
    (shop.folder / "x").write_text("new")
    end = shop.app.run(shop.plan, {}, Request(exclude=("b",)))
    assert (ran(shop, end), shop.statuses(end)["b"]) == (["a"], "skipped")
    assert verdicts(shop) == {"a": "reuse", "b": "run", "c": "maybe"}  # planner 39
    with pytest.raises(RequestError, match="no step or artifact") as refused:
        shop.app.run(shop.plan, {}, Request(force=("out_a",), until=("bb",)))
    assert refused.value.code == "E_UNKNOWN_ID"


def test_a_step_left_out_gives_its_files_but_no_outputs(shop: Workshop) -> None:
    # planner 40
    plan = """
        steps:
          a: {run: "echo n=1 >> $HOLDFAST_OUTPUT", reads: [x], outputs: {n: {}}}
          b: {run: "true", env: {N: "${{ steps.a.outputs.n }}"}, effect: none}
        """
    shop.run(plan)
    with pytest.raises(RequestError, match="only files") as refused:
        shop.app.run(shop.plan, {}, Request(only=("b",), force=("b",)))
    assert refused.value.code == "E_INPUT_UNAVAILABLE"


def test_a_run_that_is_resumed_goes_by_its_own_request_and_by_proof(shop: Workshop) -> None:
    # planner 61
    plan = """
        steps:
          a: {run: "cat x > out_a", reads: [x], produces: {a: out_a}}
          pay: {run: "test -e ok || kill -9 $$", effect: once, depends_on: [a]}
          c: {run: "cat out_a > out_c", depends_on: [pay, a], produces: {c: out_c}}
          d: {run: "true", depends_on: [c]}
        """
    (shop.folder / "ok").touch()
    shop.run(plan)
    (shop.folder / "ok").unlink()
    end = shop.app.run(shop.plan, {}, Request(force=("c", "pay"), exclude=("d",)))
    assert end.status == "blocked"
    shop.app.resolve(end.run, "pay", Answer("happened"))
    end = shop.resume(end.run)
    assert (end.status, ran(shop, end)) == ("succeeded", ["c", "pay"])
    assert shop.statuses(end) == {"a": "reused", "pay": "succeeded", "c": "succeeded", "d": "skipped"}
    assert verdicts(shop)["pay"] == "held"  # a person said that it happened


def test_the_records_are_what_the_events_say(shop: Workshop) -> None:
    # planner 4
    shop.run(CHAIN)
    (shop.folder / "x").write_text("other")
    shop.run(CHAIN)
    (shop.folder / "x").write_text("hello")
    shop.run(CHAIN)
    journal = shop.app.open_journal("read")
    try:
        assert journal.reader.rows("counts")
        assert differences(journal.reader) == []
    finally:
        journal.close()
