"""A crash between any two writes leaves a state from which resume reaches the same outcome (semantics C1 to C5)."""

from pathlib import Path

import pytest

from tests.crash.scene import Scene

SHARES = 8
"""The points are shared out over this many tests, which run beside each other."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(SHARES))
def test_a_run_killed_at_any_write_ends_as_if_nothing_had_happened(share: int, tmp_path: Path) -> None:
    # semantics C1, C2, C3, C5; E3 without reconcile
    whole = Scene(_folder(tmp_path / "whole"))
    assert whole.child("run", 0) == 0
    whole.check()
    for point in range(1 + share, whole.points() + 1, SHARES):
        scene = Scene(_folder(tmp_path / str(point)))
        scene.child("run", point)
        if point % 3 == 0:
            scene.kill_keeper()  # as if the power had failed
        again = point % 2 and 1 + point * 7 % 60
        scene.settle(crash_again_at=again)
        scene.check()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(2))
def test_a_keeper_killed_at_any_write_or_spawn_costs_no_finished_step(share: int, tmp_path: Path) -> None:
    # semantics C3, E3
    for point in range(1 + share, 40, 2):
        scene = Scene(_folder(tmp_path / str(point)))
        code = scene.child("run", 0, str(point))
        if code != 0:
            scene.settle()
        scene.check()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
