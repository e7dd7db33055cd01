"""An effect in doubt after a crash: every verb that must see it does, and those that only look write nothing."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from holdfast.engine.keeper_facts import read_facts
from holdfast.engine.processes import Identity, is_alive
from tests.e2e.cli.program import Program, Running, wait_until

PLAN = """\
plan: pay
inputs: {n: {type: int, default: 1}}
steps:
  pay: {run: 'touch started; while [ ! -e go ]; do sleep 0.05; done', effect: once}
"""


@pytest.fixture(autouse=True)
def started(folder: Path) -> Iterator[Running]:
    """A run whose step with an effect is under way; the step is let go afterwards."""
    (folder / "pay.yaml").write_text(PLAN)
    running = Running("run", "pay.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    yield running
    (folder / "go").touch()
    running.wait()


def kill(folder: Path, running: Running) -> None:
    """As a power cut does: the engine dies, and then its keeper."""
    running.send_signal(signal.SIGKILL)
    running.wait()
    for path in (folder / ".holdfast" / "runs").glob("*"):
        keeper = read_facts(path).keeper
        assert keeper is not None
        os.kill(keeper.pid, signal.SIGKILL)
        identity = Identity(keeper.boot, keeper.pid, keeper.start)
        wait_until(partial(is_gone, identity))


def is_gone(identity: Identity) -> bool:
    return not is_alive(identity)


def events(program: Program) -> int:
    return len(program("events", "last", "--json").document["events"])


def test_the_inbox_asks_about_an_effect_that_a_crash_left_without_an_outcome(
    program: Program, folder: Path, started: Running
) -> None:
    kill(folder, started)
    (asked,) = program("inbox", "--json").document["requests"]
    assert asked["step"] == "pay"
    assert program("resolve", "last", "pay", "happened").code == 0
    assert program("resume").code == 0


# planner 2: planning writes nothing
def test_a_plan_with_an_effect_in_doubt_is_not_planned_and_nothing_is_written(
    program: Program, folder: Path, started: Running
) -> None:
    kill(folder, started)
    before = events(program)
    planned, ran = program("plan", "pay.yaml"), program("run", "pay.yaml")
    assert (planned.code, ran.code) == (4, 4)
    assert "pay" in planned.err
    assert program("plan", "pay.yaml", "--json").document["error"]["code"] == "E_IN_DOUBT"
    assert events(program) == before


def test_a_plan_whose_run_is_blocked_by_an_effect_is_not_planned(
    program: Program, folder: Path, started: Running
) -> None:
    kill(folder, started)
    assert program("resume").code == 4
    assert program("plan", "pay.yaml").code == 4
    program("resolve", "last", "pay", "not-happened")
    outcome = program("plan", "pay.yaml", "--json")
    assert (outcome.code, sum("W_RUN_ACTIVE" in text for text in outcome.document["warnings"])) == (0, 1)


def test_an_effect_under_way_is_not_in_doubt(program: Program, folder: Path, started: Running) -> None:
    outcome = program("plan", "pay.yaml", "--json")
    assert (outcome.code, outcome.document["warnings"][-1].split(":")[0]) == (0, "W_RUN_ACTIVE")
    assert program("inbox", "--json").document["requests"] == []
    started.send_signal(signal.SIGKILL)
    started.wait()
    before = events(program)
    assert program("inbox", "--json").document["requests"] == []  # its keeper lives and will know
    assert program("resolve", "last", "pay", "happened").code == 3
    assert events(program) == before
    (folder / "go").touch()
    assert program("resume").code == 0


# semantics C4
def test_a_second_run_says_since_when_the_first_is_owned(program: Program, started: Running) -> None:
    outcome = program("run", "pay.yaml")
    assert outcome.code == 8
    assert f"is owned by pid {started.pid} on {os.uname().nodename} since 20" in outcome.err


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_wrong_inputs_are_refused_by_plan_as_by_run(program: Program, verb: str) -> None:
    wrong, unknown = program(verb, "pay.yaml", "-i", "n=x"), program(verb, "pay.yaml", "-i", "m=1")
    assert (wrong.code, unknown.code) == (3, 3)
    assert '"n"' in wrong.err
    assert '"m"' in unknown.err
