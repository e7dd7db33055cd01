"""Circuit breakers under real engines: shared by runs and processes, and a trial is given back whatever happens."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.app import Request
from holdfast.ports import Append
from holdfast.run import events as ev
from holdfast.run.breakers import Breaker
from holdfast.run.project import PROJECT, BreakerTrial
from holdfast.run.states import BreakerState
from tests.crash.awaiting import until
from tests.unit.engine.workshop import Workshop

RUNNER = Path(__file__).parent / "run_plan.py"
OPENS = "breakers: {api: {failures: 1, cooldown: 100ms}}"


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def breaker(shop: Workshop) -> Breaker:
    with closing(shop.app.open_journal("read")) as journal:
        return journal.breakers().by_name["api"]


def kinds(shop: Workshop) -> list[str]:
    return [stored.event.body.kind for stored in shop.app.events(PROJECT)]


def start(shop: Workshop, text: str) -> "subprocess.Popen[bytes]":
    shop.write(text)
    return subprocess.Popen([sys.executable, str(RUNNER), str(shop.plan)], cwd=shop.folder, start_new_session=True)


def opened(shop: Workshop) -> None:
    """One failed run opens the breaker."""
    assert shop.run(f"{OPENS}\nsteps: {{s: {{run: exit 1, breaker: api}}}}").status == "failed"
    assert breaker(shop).state is BreakerState.OPEN


def only_unfinished(shop: Workshop) -> str:
    with shop.app.reading() as reading:
        [run] = [line.run for line in reading.runs().runs if line.finished_at is None]
    return run


def test_an_open_breaker_burns_no_retries(shop: Workshop) -> None:
    # semantics S12, S9
    end = shop.run("""
        breakers: {api: {failures: 2, cooldown: 400ms}}
        steps:
          a: {run: 'echo x >> tries; test $(wc -l < tries) -ge 4', breaker: api, retry: {attempts: 4, delay: 0s}}
        """)
    assert end.status == "succeeded"
    assert shop.starts(end) == {"a": 4}
    waits = [event.body for event in shop.events(end) if isinstance(event.body, ev.StepWaiting)]
    assert {(body.cause, body.what.partition(" is ")[0]) for body in waits} == {("breaker", "api")}
    assert kinds(shop) == [
        *("breaker.failed", "breaker.failed"),  # opens
        *("breaker.trial", "breaker.failed"),  # opens again
        *("breaker.trial", "breaker.succeeded"),
    ]
    assert breaker(shop).state is BreakerState.CLOSED


def test_a_waiting_step_holds_no_slot(shop: Workshop) -> None:
    # semantics S4, S12
    slow = "breakers: {api: {failures: 1, cooldown: 3s}}"
    shop.run(f"{slow}\nsteps: {{s: {{run: exit 1, breaker: api}}}}")
    end = shop.run(f"""
        {OPENS}
        limits: {{concurrency: 1}}
        steps:
          a: {{run: "echo a >> order", breaker: api, priority: 9}}
          b: {{run: "echo b >> order"}}
        """)
    assert end.status == "succeeded"
    assert shop.text("order") == "b\na\n"


def test_a_new_process_finds_the_breaker_open(shop: Workshop) -> None:
    # semantics S12
    opened(shop)
    end = shop.run("steps: {s: {run: 'true', breaker: api}}")
    assert end.status == "succeeded"
    assert kinds(shop) == ["breaker.failed", "breaker.trial", "breaker.succeeded"]


@pytest.mark.parametrize(
    ("work", "counts"),
    [
        ("run: exit 1", True),
        ("run: kill -9 $$", True),
        ("run: exec sleep 60, timeout: 100ms", True),
        ("run: 'true', expect: [1 == 2]", True),
        ("run: 'true', produces: {p: missing}", True),
        ("run: exit 1, effect: once", True),
        ("command: [no-such-program]", False),
        ("run: 'true', env: {A: '${{ steps.z.outputs.n }}'}, depends_on: [z]", False),
    ],
)
def test_what_counts_as_a_failure(shop: Workshop, work: str, counts: bool) -> None:  # noqa: FBT001 - a column
    # semantics S12
    shop.run(f"{OPENS}\nsteps: {{z: {{run: 'true'}}, s: {{{work}, breaker: api, on_failure: continue}}}}")
    assert (kinds(shop) == ["breaker.failed"]) is counts


def test_a_trial_that_is_canceled_is_given_back(shop: Workshop) -> None:
    # semantics S12
    opened(shop)
    process = start(shop, f"{OPENS}\nsteps: {{s: {{run: 'touch begun; exec sleep 60', breaker: api}}}}")
    until((shop.folder / "begun").exists)
    shop.app.cancel(only_unfinished(shop))
    process.wait(30)
    assert kinds(shop)[-1] == "breaker.released"
    assert breaker(shop).trials == ()
    assert shop.run("steps: {s: {run: 'true', breaker: api}}").status == "succeeded"


def test_a_trial_whose_engine_was_killed_is_taken_by_who_waits(shop: Workshop) -> None:
    # semantics S12, C2
    opened(shop)
    wait = f"{OPENS}\nsteps: {{s: {{run: 'touch begun; until test -e go; do sleep 0.02; done', breaker: api}}}}"
    process = start(shop, wait)
    until((shop.folder / "begun").exists)
    process.kill()
    process.wait(30)
    run = only_unfinished(shop)
    shop.plan = shop.folder / "other.yaml"
    shop.plan.write_text("plan: other\nsteps: {s: {run: 'true', breaker: api}}")
    assert shop.app.run(shop.plan, {}, Request()).status == "succeeded"
    assert kinds(shop) == ["breaker.failed", "breaker.trial", "breaker.released", "breaker.trial", "breaker.succeeded"]
    (shop.folder / "go").touch()
    assert shop.resume(run).status == "succeeded"  # it was adopted; its trial had been given back
    assert breaker(shop).state is BreakerState.CLOSED


def test_a_trial_goes_on_when_its_run_is_resumed(shop: Workshop) -> None:
    # semantics S12, C2
    opened(shop)
    wait = f"{OPENS}\nsteps: {{s: {{run: 'touch begun; until test -e go; do sleep 0.02; done', breaker: api}}}}"
    process = start(shop, wait)
    until((shop.folder / "begun").exists)
    process.kill()
    process.wait(30)
    (shop.folder / "go").touch()
    assert shop.resume(only_unfinished(shop)).status == "succeeded"
    assert kinds(shop) == ["breaker.failed", "breaker.trial", "breaker.succeeded"]


def test_a_trial_that_was_lost_is_given_back_and_taken_again(shop: Workshop) -> None:
    # semantics S12, C3
    opened(shop)
    process = start(shop, f"{OPENS}\nsteps: {{s: {{run: 'echo $PPID > keeper; sleep 1.5', breaker: api}}}}")
    until((shop.folder / "keeper").exists)
    until(lambda: shop.text("keeper").strip() != "")
    process.kill()
    process.wait(30)
    os.kill(int(shop.text("keeper")), signal.SIGKILL)
    end = shop.resume(only_unfinished(shop))
    assert end.status == "succeeded"
    assert kinds(shop)[1:] == ["breaker.trial", "breaker.released", "breaker.trial", "breaker.succeeded"]


def test_a_trial_that_was_given_and_never_started_is_given_back(shop: Workshop) -> None:
    # semantics S12, C1: the engine died between the trial and the attempt's start
    opened(shop)
    end = shop.run("limits: {calls: {web: 0}}\nsteps: {s: {run: 'true', breaker: api, capabilities: [web]}}")
    assert end.status == "blocked"
    with closing(shop.app.open_journal()) as journal:
        at = breaker(shop).due
        journal.append(Append(PROJECT, [ev.Event(at, BreakerTrial("api", end.run, "s", 1))]))
    assert shop.resume(end.run).status == "blocked"
    assert kinds(shop)[-2:] == ["breaker.trial", "breaker.released"]
    assert breaker(shop).trials == ()


def test_runs_of_one_engine_share_a_breaker(shop: Workshop) -> None:
    # semantics S12
    (shop.folder / "bad.yaml").write_text(f"plan: bad\n{OPENS}\nsteps: {{s: {{run: exit 1, breaker: api}}}}")
    (shop.folder / "good.yaml").write_text("""
plan: good
steps:
  w: {run: until grep -q api opened; do sleep 0.02; done}
  s: {run: "true", breaker: api, depends_on: [w]}
""")
    (shop.folder / "tell.yaml").write_text("plan: tell\nsteps: {t: {run: sleep 0.5; echo api > opened}}")
    shop.plan = shop.folder / "bad.yaml"
    with shop.app.session(Request()) as session:
        ends = session.run_together([(shop.folder / f"{name}.yaml", {}) for name in ("bad", "good", "tell")])
    assert [end.status for end in ends] == ["failed", "succeeded", "succeeded"]
    assert kinds(shop) == ["breaker.failed", "breaker.trial", "breaker.succeeded"]


def test_plans_without_breakers_leave_the_projects_stream_alone(shop: Workshop) -> None:
    shop.run("steps: {s: {run: exit 1}}")
    assert kinds(shop) == []
