"""An engine that was frozen past its lease is refused everywhere when it wakes (semantics C4)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.app import Holdfast, Request
from holdfast.app.runs import Session
from holdfast.engine.clock import SystemClock
from holdfast.errors import BusyError
from holdfast.run import events as ev
from tests.crash.awaiting import until

RUNNER = Path(__file__).parents[1] / "unit" / "engine" / "run_plan.py"
PLAN = """\
plan: frozen
limits: {concurrency: 1, grace: 1s}
steps:
  slow: {run: "echo slow-begin >> world; until test -e go; do sleep 0.05; done; echo slow-end >> world"}
  next: {depends_on: [slow], run: "echo next >> world"}
  more: {depends_on: [next], effect: once, run: "echo more >> world"}
"""


class LateClock(SystemClock):
    """A clock of an engine for which every lease taken so far has expired."""

    def now(self) -> int:
        return super().now() + 60_000_000


def test_a_frozen_engine_that_wakes_after_a_takeover_can_neither_write_nor_spawn(tmp_path: Path) -> None:
    # semantics C4
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    world = tmp_path / "world"
    first = subprocess.Popen(
        [sys.executable, str(RUNNER), str(plan)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: world.exists() and "slow-begin" in world.read_text())
    app = Holdfast.find(plan)
    run = next((tmp_path / ".holdfast" / "runs").iterdir()).name
    # Frozen inside a commit it would hold SQLite's own lock, and nobody could write before it is killed.
    until(lambda: any(isinstance(each.event.body, ev.AttemptSpawned) for each in app.events(run)))
    os.kill(first.pid, signal.SIGSTOP)
    with pytest.raises(BusyError, match=f"pid {first.pid}"):
        app.resume(run)

    with Session(app, tmp_path, Request(), None) as session:
        session.engine.world = session.engine.world._replace(clock=LateClock())
        driver = session.reopen(run)
        (tmp_path / "go").touch()
        os.kill(first.pid, signal.SIGCONT)
        _, complaint = first.communicate(timeout=30)
        assert first.returncode == 8, complaint
        session.drive()
    assert driver.run.status == "succeeded"
    assert world.read_text().split() == ["slow-begin", "slow-end", "next", "more"]


def test_a_second_engine_is_told_who_owns_the_run_and_since_when(tmp_path: Path) -> None:
    # semantics C4, planner: an earlier run that is not finished
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    world = tmp_path / "world"
    first = subprocess.Popen([sys.executable, str(RUNNER), str(plan)], cwd=tmp_path)
    try:
        until(world.exists)
        with pytest.raises(BusyError) as caught:
            Holdfast.find(plan).run(plan, {}, Request())
        assert caught.value.code == "E_BUSY"
        assert caught.value.exit_code == 8
        assert str(first.pid) in caught.value.headline
    finally:
        (tmp_path / "go").touch()
        assert first.wait(30) == 0
