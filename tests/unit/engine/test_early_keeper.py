"""A keeper that is started before its run: it touches nothing until the run is named, and goes with the engine."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.engine.early import EarlyKeeper, early_keeper
from holdfast.engine.keeper_facts import read_facts
from holdfast.plan.model import Step
from holdfast.plan.parse import parse_plan
from tests.unit.engine.keeper_rig import Rig


@pytest.fixture
def early() -> Iterator[EarlyKeeper]:
    keeper = EarlyKeeper()
    yield keeper
    keeper.close()


def pid_of(keeper: EarlyKeeper) -> int:
    assert keeper._pid is not None
    return keeper._pid


def test_it_keeps_the_run_that_is_named(early: EarlyKeeper, tmp_path: Path) -> None:
    # semantics C2
    pid = pid_of(early)
    folder = tmp_path / "a run, ü"
    folder.mkdir()
    rig = Rig(folder, "early-1", 7, early)
    rig.spawn("a", "echo hello; exit 3")
    assert rig.exited("a").code == 3
    keeper = read_facts(folder).keeper
    assert keeper is not None
    assert (keeper.pid, keeper.fence, keeper.run) == (pid, 7, "early-1")
    assert (folder / "keeper.log").exists()
    rig.client.finish()
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_it_keeps_one_run_only(early: EarlyKeeper, tmp_path: Path) -> None:
    pid = pid_of(early)
    rigs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        rigs.append(Rig(tmp_path / name, f"early-{name}", 1, early))
    for rig in rigs:
        rig.spawn("a", "exit 0")
        assert rig.exited("a").code == 0
    pids = [keeper.pid for rig in rigs if (keeper := read_facts(rig.run_dir).keeper) is not None]
    assert pids[0] == pid
    assert pids[1] != pid
    for rig in rigs:
        rig.client.finish()


def test_one_that_has_died_is_replaced(early: EarlyKeeper, tmp_path: Path) -> None:
    os.kill(pid_of(early), signal.SIGKILL)
    os.waitid(os.P_PID, pid_of(early), os.WEXITED | os.WNOWAIT)
    rig = Rig(tmp_path, "early-2", 1, early)
    rig.spawn("a", "exit 0")
    assert rig.exited("a").code == 0
    rig.client.finish()


def test_it_goes_when_the_engine_goes_and_leaves_nothing(early: EarlyKeeper) -> None:
    early._end.close()  # as the death of the engine's process does
    _, status = os.waitpid(pid_of(early), 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_it_is_ended_where_no_run_comes_of_it() -> None:
    with early_keeper(steps("run: 'true'")) as keeper:
        assert keeper is not None
        pid = pid_of(keeper)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


@pytest.mark.parametrize(
    "work", ["uses: noop", "uses: python\n    with: {call: 'a:b', inline: true}", "uses: wait\n    with: {for: 1s}"]
)
def test_steps_without_a_process_need_none(work: str) -> None:
    with early_keeper(steps(work)) as keeper:
        assert keeper is None


def steps(work: str) -> tuple[Step, ...]:
    plan = parse_plan(f"plan: p\nsteps:\n  a:\n    {work}\n".encode(), "plan.yaml").plan
    assert plan is not None
    return plan.steps
