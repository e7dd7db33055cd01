"""Without a sub-reaper and /proc the keeper does what can be done, and does not call it proof."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.engine import keeper_client
from holdfast.engine.keeper import darwin
from holdfast.engine.keeper_messages import Stop
from tests.unit.engine.keeper_rig import Rig, lines_of, runs

MakeRig = Callable[..., Rig]


@pytest.fixture
def rig(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(keeper_client, "KEEPER", str(Path(__file__).with_name("keeper_without_proc.py")))
    return make_rig()


def test_a_command_runs_and_its_exit_code_is_reported(rig: Rig) -> None:
    rig.spawn("a", "echo hi; exit 3")
    ended = rig.exited("a")
    assert (ended.code, ended.tree) == (3, "best-effort")
    assert rig.out("a").read_text() == "hi\n"


def test_what_stays_in_the_group_or_the_session_is_stopped_with_the_command(rig: Rig) -> None:  # semantics S11
    rig.spawn("a", "sleep 1000 & echo $!; exit 3", grace_s=2.0)
    assert rig.exited("a").code == 3
    (pid,) = lines_of(rig.out("a"), 1)
    assert not runs(int(pid))


def test_descendants_are_stopped_with_an_attempt_even_in_a_session_of_their_own(rig: Rig) -> None:  # semantics S11
    rig.spawn("a", "setsid sh -c 'echo $$; exec sleep 1000' & wait")
    (pid,) = lines_of(rig.out("a"), 1)
    rig.send(Stop("a", grace_s=2.0))
    ended = rig.exited("a")
    assert (ended.code, ended.why) == (-signal.SIGTERM, "stopped")
    assert not runs(int(pid))


def test_a_worker_stays_warm(rig: Rig) -> None:
    rig.module("import os\ndef f(): return os.getpid()")
    for name in "ab":
        assert rig.call(name, "tasks:f").code == 0
    assert rig.outputs("a") == rig.outputs("b")


def test_ps_tells_parent_group_session_and_start() -> None:
    stat = darwin.stat_of(os.getpid())
    assert stat is not None
    assert stat[1:4] == (os.getppid(), os.getpgrp(), os.getsid(0))
    assert stat == darwin.stat_of(os.getpid())
    assert os.getpid() in darwin.all_pids()
    assert "python" in darwin.command_of(os.getpid())


def test_ps_tells_that_a_process_is_gone() -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    assert darwin.stat_of(pid) is None
