"""A thousand trees of processes that do all they can to stay; none does (semantics S11)."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from holdfast.engine.keeper_messages import StopAll
from tests.unit.engine.keeper_rig import Rig, lines_of, rigs, runs


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    yield from rigs(tmp_path)


# One of each kind in every tree, told by its pid; all ignore what they are asked.
HOSTILE = """
trap '' TERM HUP INT
sleep 1000 & echo $!
(setsid env -i sh -c 'trap "" TERM; echo $$; exec /bin/sleep 1000' &)
sh -c 'echo $$; kill -STOP $$; exec sleep 1000' &
restless() { while :; do (setsid sleep 0.5 &); sleep 0.3; done; }
restless >&1 &
wait
"""
TREES = 1000
TREES_AT_ONCE = 50


@pytest.mark.timeout(240)
def test_of_a_thousand_hostile_trees_nothing_survives(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    for first in range(0, TREES, TREES_AT_ONCE):
        names = [f"t{number}" for number in range(first, first + TREES_AT_ONCE)]
        rig.send(*(rig.request(name, HOSTILE) for name in names))
        pids = [int(pid) for name in names for pid in lines_of(rig.out(name), 3)]
        assert len(pids) == 3 * TREES_AT_ONCE
        rig.send(StopAll(grace_s=0.1))
        for name in names:
            ended = rig.exited(name, patience_s=60.0)
            assert (ended.why, ended.tree, ended.by) == ("stopped", "proven", "sub-reaper")
        assert not [pid for pid in pids if runs(pid)]
        assert not [pid for pid in _of_run(rig.run_id) if runs(pid)]


def _of_run(run_id: str) -> list[int]:
    """Every process on the machine that carries the run's mark, the keeper's own left out."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                if f"\0HOLDFAST_RUN={run_id}\0".encode() in b"\0" + (folder / "environ").read_bytes():
                    found.append(int(folder.name))
    return found
