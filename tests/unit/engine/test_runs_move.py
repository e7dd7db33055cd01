import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.app import Answer, Request
from holdfast.app.people import NotPossibleError
from holdfast.errors import IntegrityError, RequestError, WaitingError
from holdfast.run import events as ev
from tests.crash.awaiting import until
from tests.unit.engine.keeper_rig import runs
from tests.unit.engine.workshop import Workshop

RUNNER = Path(__file__).parent / "run_plan.py"
WAITING = "touch begun; until test -e go; do sleep 0.02; done"


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def start(shop: Workshop, text: str) -> "subprocess.Popen[bytes]":
    shop.write(text)
    process = subprocess.Popen([sys.executable, str(RUNNER), str(shop.plan)], cwd=shop.folder)
    until((shop.folder / "begun").exists)
    return process


def only_run(shop: Workshop) -> str:
    [path] = (shop.folder / ".holdfast" / "runs").iterdir()
    return path.name


def test_a_failure_stops_what_runs_and_nothing_new_starts(shop: Workshop) -> None:
    # semantics S8
    end = shop.run(f"""
        limits: {{concurrency: 2, grace: 1s}}
        steps:
          bad: {{run: "until test -e begun; do sleep 0.02; done; exit 1"}}
          long: {{run: "{WAITING}"}}
          after: {{depends_on: [long], run: "true"}}
        """)
    assert (end.status, end.exit_code) == ("failed", 1)
    assert shop.statuses(end) == {"bad": "failed", "long": "canceled", "after": "canceled"}
    assert shop.starts(end) == {"bad": 1, "long": 1}


def test_a_retry_waits_and_counts_all_attempts(shop: Workshop) -> None:
    # semantics S9
    end = shop.run("""
        steps:
          a: {run: "echo x >> tries; exit 7", retry: {attempts: 3, delay: 10ms, on: [exit.nonzero]}}
        """)
    assert shop.text("tries") == "x\n" * 3
    ends = [event.body for event in shop.events(end) if isinstance(event.body, ev.AttemptEnded)]
    assert [body.retry_at is not None for body in ends] == [True, True, False]
    assert [body.exit_code for body in ends] == [7, 7, 7]


def test_a_code_that_retry_on_does_not_list_is_not_tried_again(shop: Workshop) -> None:
    # semantics S9
    end = shop.run("steps: {a: {run: exit 7, retry: {attempts: 3, delay: 0, on: [timeout]}}}")
    assert shop.starts(end) == {"a": 1}


def test_a_timeout_ends_the_attempt_and_what_it_started(shop: Workshop) -> None:
    # semantics S10, S11
    end = shop.run("""
        limits: {grace: 200ms}
        steps: {a: {run: "sleep 60 & echo $! > pid; wait", timeout: 200ms}}
        """)
    assert shop.error(end, "a").code == "timeout"
    assert not Path(f"/proc/{shop.text('pid').strip()}").exists()


def test_silence_of_the_heartbeat_or_of_the_output_stalls_the_attempt(shop: Workshop) -> None:
    # semantics S10
    end = shop.run("""
        limits: {grace: 100ms}
        steps: {a: {run: "sleep 60", quiet: 200ms}}
        """)
    assert shop.error(end, "a").code == "stalled"
    end = shop.run("""
        limits: {grace: 100ms}
        steps: {a: {run: "touch $HOLDFAST_HEARTBEAT; sleep 60", heartbeat: 200ms}}
        """)
    assert shop.error(end, "a").code == "stalled"


def test_a_retry_further_away_than_a_minute_is_not_waited_for(shop: Workshop) -> None:
    # cli page, Waiting
    end = shop.run("steps: {a: {run: exit 1, retry: {attempts: 2, delay: 1h, max_delay: 2h, jitter: 0}}}")
    assert end.exit_code == 4
    assert [wait["kind"] for wait in end.waits] == ["retry"]
    again = shop.resume(end.run)
    assert again.exit_code == 4
    assert shop.starts(end) == {"a": 1}  # semantics S9: the due time survives a restart


def test_conditions_skip_softly_and_are_recorded(shop: Workshop) -> None:
    # semantics S2, S3
    end = shop.run("""
        inputs: {go: {type: bool, default: false}}
        steps:
          a: {when: inputs.go, run: "false"}
          b: {skip_if: ["not inputs.go"], run: "false"}
          c: {depends_on: [a, b], run: "true"}
        """)
    assert shop.statuses(end) == {"a": "skipped", "b": "skipped", "c": "succeeded"}
    details = [event.body.detail for event in shop.events(end) if isinstance(event.body, ev.StepSkipped)]
    assert details == ["when: inputs.go", "skip_if: not inputs.go"]


def test_a_once_step_that_fails_blocks_the_run_until_a_person_answers(shop: Workshop) -> None:
    # semantics E2, E3, E4, E5
    end = shop.run("""
        steps:
          pay: {effect: once, run: "echo paid >> world; exit 1"}
          after: {depends_on: [pay], run: "echo after >> world"}
          aside: {run: "echo aside >> world"}
        """)
    assert (end.status, end.exit_code) == ("blocked", 4)
    assert sorted(shop.text("world").split()) == ["aside", "paid"]
    with pytest.raises(WaitingError, match="pay") as caught:
        shop.app.run(shop.plan, {}, Request())
    assert caught.value.code == "E_IN_DOUBT"
    with pytest.raises(NotPossibleError, match="aside"):
        shop.app.resolve(end.run, "aside", Answer("happened"))
    shop.app.resolve(end.run, "pay", Answer("happened", {"id": "7"}, "saw it", "ada"))
    with pytest.raises(NotPossibleError, match="settled already: happened") as second:  # semantics G6: one answer only
        shop.app.resolve(end.run, "pay", Answer("not-happened"))
    assert "ada" in second.value.facts[0]
    assert "saw it" in second.value.facts[0]
    again = shop.resume(end.run)
    assert (again.status, again.exit_code) == ("succeeded", 0)
    assert sorted(shop.text("world").split()) == ["after", "aside", "paid"]
    assert shop.outputs(again, "pay") == {"id": "7"}
    [answer] = [event.body for event in shop.events(end) if isinstance(event.body, ev.StepResolved)]
    assert (answer.reason, answer.who.by) == ("saw it", "ada")
    assert answer.who.user


def test_a_person_may_say_that_it_did_not_happen_or_leave_it_out(shop: Workshop) -> None:
    # semantics E4
    plan = """
        steps:
          pay: {effect: once, retry: 2, run: "test -e ok"}
          after: {depends_on: [pay], run: "true"}
        """
    end = shop.run(plan)
    (shop.folder / "ok").touch()
    shop.app.resolve(end.run, "pay", Answer("not-happened"))
    assert shop.resume(end.run).status == "succeeded"
    (shop.folder / "ok").unlink()
    end = shop.app.run(shop.plan, {}, Request(force=("pay",)))
    shop.app.resolve(end.run, "pay", Answer("skip"))
    again = shop.resume(end.run)
    assert (again.status, again.exit_code) == ("partial", 5)
    assert shop.statuses(again) == {"pay": "skipped", "after": "skipped"}


def test_a_definite_failure_of_a_once_step_is_a_failure(shop: Workshop) -> None:
    # semantics E2
    end = shop.run("steps: {pay: {effect: once, definite_failures: [9], run: exit 9}}")
    assert (end.status, shop.error(end, "pay").code) == ("failed", "exit.nonzero")


def test_a_once_step_whose_criterion_fails_is_applied_and_not_repeated(shop: Workshop) -> None:
    # semantics S20
    end = shop.run("steps: {pay: {effect: once, retry: 3, run: 'true', expect: ['exit_code == 1']}}")
    assert shop.error(end, "pay").code == "expect.failed"
    assert shop.starts(end) == {"pay": 1}


def test_pausing_from_another_process_awaits_what_runs(shop: Workshop) -> None:
    process = start(
        shop,
        f"""
        limits: {{concurrency: 1}}
        steps:
          a: {{run: "{WAITING}"}}
          b: {{depends_on: [a], run: "true"}}
        """,
    )
    run = only_run(shop)
    shop.app.pause(run, "ada", "lunch")
    until(lambda: shop.state(run).pausing is not None)
    (shop.folder / "go").touch()
    assert process.wait(30) == 130
    state = shop.state(run)
    assert state.status == "paused"
    assert [each.status for each in state.states] == ["succeeded", "ready"]
    assert shop.resume(run).status == "succeeded"


def test_canceling_from_another_process_stops_what_runs(shop: Workshop) -> None:
    process = start(
        shop,
        f"""
        limits: {{grace: 1s}}
        steps:
          a: {{run: "{WAITING}"}}
          b: {{depends_on: [a], run: "true"}}
        """,
    )
    run = only_run(shop)
    assert shop.app.cancel(run).status == "canceled"
    assert process.wait(30) == 6
    assert [each.status for each in shop.state(run).states] == ["canceled", "canceled"]
    with pytest.raises(NotPossibleError, match="canceled"):
        shop.app.cancel(run)


def test_canceling_a_run_that_nobody_drives_ends_it_and_its_commands(shop: Workshop) -> None:
    process = start(
        shop,
        f"""
        limits: {{grace: 1s}}
        steps: {{a: {{run: "echo $$ > pid; {WAITING}"}}}}
        """,
    )
    until(lambda: (shop.folder / "pid").exists() and shop.text("pid").strip())
    process.kill()
    process.wait()
    assert shop.app.cancel(only_run(shop)).status == "canceled"
    assert not Path(f"/proc/{shop.text('pid').strip()}").exists()


@pytest.mark.parametrize(("presses", "left"), [(1, "succeeded"), (2, "ready")])
def test_ctrl_c_pauses_and_twice_stops(shop: Workshop, presses: int, left: str) -> None:
    # cli page, Waiting
    process = start(
        shop,
        f"""
        limits: {{concurrency: 1, grace: 1s}}
        steps:
          a: {{run: "{WAITING}"}}
          b: {{depends_on: [a], run: "true"}}
        """,
    )
    run = only_run(shop)
    os.kill(process.pid, signal.SIGINT)
    until(lambda: shop.state(run).pausing is not None)
    if presses == 2:
        os.kill(process.pid, signal.SIGINT)
    else:
        (shop.folder / "go").touch()
    assert process.wait(30) == 130
    assert shop.state(run).states[0].status == left
    (shop.folder / "go").touch()
    again = shop.resume(run)
    assert again.status == "succeeded"


def test_an_adopted_command_keeps_its_exit_code_outputs_and_logs(shop: Workshop) -> None:
    # semantics C2
    process = start(
        shop,
        f"""
        steps:
          a: {{run: "echo out; echo x=1 >> $HOLDFAST_OUTPUT; {WAITING}; echo done"}}
          b: {{depends_on: [a], run: "true"}}
        """,
    )
    run = only_run(shop)
    process.kill()
    process.wait()
    (shop.folder / "go").touch()
    again = shop.resume(run)
    assert again.status == "succeeded"
    assert shop.outputs(again, "a") == {"x": "1"}
    assert shop.log(again, "a.1.out") == b"out\ndone\n"
    assert shop.starts(again) == {"a": 1, "b": 1}
    assert [event.step for event in shop.events(again) if isinstance(event.body, ev.AttemptAdopted)] == ["a"]


def test_a_run_of_the_same_inputs_supersedes_an_interrupted_one(shop: Workshop) -> None:
    # planner, An earlier run that is not finished
    process = start(
        shop,
        f"""
        limits: {{grace: 1s}}
        steps: {{a: {{run: "echo $$ > pid; {WAITING}"}}}}
        """,
    )
    until(lambda: (shop.folder / "pid").exists() and shop.text("pid").strip())
    old, pid = only_run(shop), shop.text("pid").strip()
    process.kill()
    process.wait()
    (shop.folder / "go").touch()
    end = shop.app.run(shop.plan, {}, Request())
    assert end.status == "succeeded"
    state = shop.state(old)
    assert state.status in {"canceled", "succeeded"}
    assert state.canceling == "superseded"
    assert not Path(f"/proc/{pid}").exists()


def test_three_lost_attempts_quarantine_the_run_until_a_person_releases_it(shop: Workshop) -> None:
    # semantics C3, G9
    end = shop.run("steps: {a: {run: 'test -e ok || kill -KILL $PPID; echo fine'}}")
    assert (end.status, end.exit_code) == ("quarantined", 7)
    assert shop.starts(end) == {"a": 3}
    with pytest.raises(IntegrityError, match="quarantined"):
        shop.app.resume(end.run)
    (shop.folder / "ok").touch()
    shop.app.release(end.run, "the machine was mended")
    assert shop.resume(end.run).status == "succeeded"


def test_a_command_that_stops_its_keeper_is_ended_by_its_timeout_all_the_same(shop: Workshop) -> None:
    # semantics S10
    end = shop.run("""
        limits: {grace: 100ms}
        steps: {a: {run: kill -STOP $PPID; sleep 1000, timeout: 500ms}}
    """)
    assert (end.status, shop.error(end, "a").code) == ("failed", "timeout")


def test_a_keeper_that_is_stopped_again_and_again_is_ended_with_what_stops_it(shop: Workshop) -> None:
    # semantics C3, S11
    end = shop.run("""
        limits: {grace: 100ms}
        steps:
          a: {run: 'if test -e pid; then exit 0; fi; echo $$ > pid; while kill -STOP $PPID; do :; done', timeout: 60s}
    """)
    assert (end.status, shop.starts(end)) == ("succeeded", {"a": 2})
    assert not runs(int(shop.text("pid")))


def test_a_run_that_has_ended_is_not_resumed(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: exit 1}}")
    with pytest.raises(RequestError, match="failed"):
        shop.app.resume(end.run)
    with pytest.raises(RequestError, match="no run"):
        shop.app.resume("nonsense")


def test_two_runs_of_two_plans_share_a_store(shop: Workshop, tmp_path: Path) -> None:
    first = shop.run("steps: {a: {run: 'true'}}")
    other = tmp_path / "other.yaml"
    other.write_text("plan: other\nsteps: {a: {run: 'true'}}")
    second = shop.app.run(other, {}, Request())
    assert {first.plan, second.plan} == {"trial", "other"}
    assert len(list((tmp_path / ".holdfast" / "runs").iterdir())) == 2
