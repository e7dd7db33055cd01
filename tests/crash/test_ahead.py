"""Commands that are handed out ahead of time, to wait in the keeper, whoever dies when (semantics C1 to C3)."""

from collections import Counter
from pathlib import Path

import pytest

from holdfast.engine.pace import DEPTH
from holdfast.run import events as ev
from tests.crash.scene import Scene

STEPS = 14
SHARES = 2
POINTS_APART = 11
STEP = '  s{n}: {{run: "echo $HOLDFAST_STEP >> world"}}\n'
PLAN = "plan: ahead\nlimits: {concurrency: 2, grace: 1s}\nsteps:\n" + "".join(STEP.format(n=n) for n in range(STEPS))


def _scene(folder: Path) -> Scene:
    folder.mkdir()
    scene = Scene(folder)
    scene.plan.write_text(PLAN)
    return scene


def _events(scene: Scene) -> list[ev.Event]:
    return [stored.event for stored in scene.app.events(scene.runs()[-1])]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(SHARES))
def test_what_waits_in_the_keeper_is_neither_lost_nor_run_twice(share: int, tmp_path: Path) -> None:
    whole = _scene(tmp_path / "whole")
    assert whole.child("run", 0) == 0
    assert _check(whole) > 2
    for point in range(1 + share * POINTS_APART, whole.points() + 1, POINTS_APART * SHARES):
        scene = _scene(tmp_path / str(point))
        scene.child("run", point)
        if point % 3 == 0:
            scene.kill_keeper()
        scene.settle()
        _check(scene)


def test_a_keeper_that_dies_with_attempts_waiting_costs_no_finished_step(tmp_path: Path) -> None:
    for point in (14, 23, 36):
        scene = _scene(tmp_path / str(point))
        if scene.child("run", 0, str(point)) != 0:
            scene.settle()
        _check(scene)


def _check(scene: Scene) -> int:
    """What must hold; gives how many were under way at a time."""
    most = 0
    started: Counter[str | None] = Counter()
    succeeded: Counter[str | None] = Counter()
    under_way: set[str | None] = set()
    for event in _events(scene):
        if isinstance(event.body, ev.AttemptStarted):
            started[event.step] += 1
            under_way.add(event.step)
            most = max(most, len(under_way))
        elif isinstance(event.body, ev.AttemptEnded):
            under_way.discard(event.step)
            assert not succeeded[event.step]
            succeeded[event.step] += event.body.status == "succeeded"
    assert set(succeeded.values()) == {1}
    assert len(succeeded) == STEPS
    world = scene.world()
    for step in succeeded:
        assert 1 <= world[str(step)] <= started[step]
    assert most <= 2 + 2 * DEPTH
    return most
