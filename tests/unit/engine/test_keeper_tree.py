"""Nothing an attempt started outlives it, wherever it hides."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.engine.keeper_messages import Spawned, Stop, StopAll
from tests.unit.engine.keeper_rig import Rig, eventually, lines_of, runs

MakeRig = Callable[..., Rig]

# Each writes the pid of a process that wants to stay, and then a line "ready".
HIDING = {
    "a background child": "sleep 1000 & echo $!",
    "a background child that holds the output": "sleep 1000 >&1 2>&1 & echo $!",
    "a background child that ignores the request": "sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' &",
    "a session of its own": "setsid sh -c 'echo $$; exec sleep 1000' &",
    "a session of its own that ignores the request": "setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' &",
    "a double fork": "(sh -c 'echo $$; exec sleep 1000' &)",
    "a double fork into a session of its own": "(setsid sh -c 'echo $$; exec sleep 1000' &)",
    "an emptied environment": "env -i sh -c 'echo $$; exec /bin/sleep 1000' &",
    "an emptied environment, a new session, orphaned": "(setsid env -i sh -c 'echo $$; exec /bin/sleep 1000' &)",
    "a grandchild of a session of its own": "setsid sh -c 'sh -c \"echo \\$\\$; exec sleep 1000\"; true' &",
    "a stopped process": "sh -c 'echo $$; kill -STOP $$; sleep 1000' &",
}

# Two forks, a session of its own, no environment, no open file: nothing tells whose it is.
UNTAG = "import resource; resource.setrlimit(resource.RLIMIT_RTTIME, (resource.RLIM_INFINITY,) * 2)"
DAEMON = """
import os, sys
if os.fork():
    while not os.path.exists(sys.argv[1]):
        pass
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
UNTAG
os.closerange(0, 64)
script = 'trap "" TERM; echo $$ > "$1.new"; mv "$1.new" "$1"; exec /bin/sleep 1000'
os.execve("/bin/sh", ["sh", "-c", script, "sh", sys.argv[1]], {"PATH": "/bin"})
"""


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()


@pytest.mark.parametrize("hiding", HIDING.values(), ids=HIDING.keys())
def test_what_a_command_leaves_running_is_stopped_when_it_ends(rig: Rig, hiding: str) -> None:  # semantics S11
    rig.spawn("a", f"({hiding}) >> pids; while [ ! -s pids ]; do :; done; exit 5", grace_s=0.3)
    ended = rig.exited("a")
    assert (ended.code, ended.why, ended.tree) == (5, None, "proven")
    pid = int(lines_of(rig.run_dir / "pids", 1)[0])
    assert not runs(pid)


@pytest.mark.parametrize("hiding", HIDING.values(), ids=HIDING.keys())
def test_stopping_an_attempt_stops_all_that_it_started(rig: Rig, hiding: str) -> None:  # semantics S11
    rig.spawn("a", f"({hiding}) >> pids; while :; do sleep 0.05; done")
    pid = int(lines_of(rig.run_dir / "pids", 1)[0])
    assert runs(pid)
    rig.send(Stop("a", grace_s=0.3))
    ended = rig.exited("a")
    assert (ended.why, ended.tree) == ("stopped", "proven")
    assert not runs(pid)


@pytest.mark.parametrize("untag", ["", UNTAG])
def test_a_daemon_that_leaves_no_trace_is_stopped(rig: Rig, untag: str) -> None:  # semantics S11
    rig.spawn("a", [sys.executable, "-c", DAEMON.replace("UNTAG", untag), "pids"], grace_s=0.2)
    ended = rig.exited("a")
    assert ended.tree == "proven"
    (pid,) = lines_of(rig.run_dir / "pids", 1)
    assert not runs(int(pid))


def test_a_daemon_is_told_apart_from_those_of_other_attempts(rig: Rig) -> None:  # semantics S11
    os.mkfifo(rig.run_dir / "pipe")
    rig.spawn("other", "echo ready; read line < pipe; exit 6")
    lines_of(rig.out("other"), 1)
    rig.spawn("a", [sys.executable, "-c", DAEMON.replace("UNTAG", ""), "pids"], grace_s=0.2)
    (pid,) = lines_of(rig.run_dir / "pids", 1)
    ended = rig.exited("a")
    assert (ended.tree, ended.by, ended.left) == ("proven", "sub-reaper", True)
    assert not runs(int(pid))
    (rig.run_dir / "pipe").write_text("go\n")
    assert rig.exited("other").code == 6


def test_a_daemon_that_may_be_of_either_of_two_attempts_goes_with_the_last_of_them(rig: Rig) -> None:
    os.mkfifo(rig.run_dir / "pipe")
    rig.spawn("other", "echo ready; read line < pipe")
    lines_of(rig.out("other"), 1)
    rig.spawn("a", [sys.executable, "-c", DAEMON.replace("UNTAG", UNTAG), "pids"], grace_s=0.2)
    (pid,) = lines_of(rig.run_dir / "pids", 1)
    assert rig.exited("a").tree == "best-effort"
    assert runs(int(pid))
    rig.send(Stop("other", grace_s=0.2))
    assert rig.exited("other").tree == "proven"
    assert not runs(int(pid))


def test_other_attempts_are_left_alone(rig: Rig) -> None:
    rig.spawn("other", "sleep 1000 & echo $!; wait")
    (other,) = lines_of(rig.out("other"), 1)
    rig.spawn("a", "(setsid sleep 1000 &); sleep 1000 & exit 0", grace_s=1.0)
    assert rig.exited("a").tree == "proven"
    assert runs(int(other))


def test_what_may_be_left_running_is_left_running(rig: Rig) -> None:  # semantics S11
    rig.spawn("a", "setsid sleep 1000 & echo $!", leave_running=True)
    assert rig.exited("a").code == 0
    (pid,) = lines_of(rig.out("a"), 1)
    assert runs(int(pid))
    rig.spawn("b", "sleep 1000 & exit 3", grace_s=1.0)
    assert rig.exited("b").code == 3
    assert runs(int(pid))


def test_leave_running_does_not_spare_a_stopped_attempt(rig: Rig) -> None:
    rig.spawn("a", "setsid sleep 1000 & echo $!; wait", leave_running=True)
    (pid,) = lines_of(rig.out("a"), 1)
    rig.send(Stop("a", grace_s=1.0))
    assert rig.exited("a").tree == "proven"
    assert not runs(int(pid))


def test_a_process_that_keeps_forking_into_new_sessions_is_ended(rig: Rig) -> None:
    restless = "trap '' TERM; echo x >> beats; (setsid sh restless &) ; sleep 0.02"
    (rig.run_dir / "restless").write_text(restless)
    rig.spawn("a", "sh restless; while :; do sleep 0.05; done", timeout_s=30.0)
    lines_of(rig.run_dir / "beats", 5)
    rig.send(Stop("a", grace_s=0.1))
    ended = rig.exited("a")
    assert ended.tree == "proven"
    count = len((rig.run_dir / "beats").read_text().splitlines())
    rig.spawn("b", "sleep 0.1")
    rig.exited("b")
    assert len((rig.run_dir / "beats").read_text().splitlines()) == count


def test_the_exit_code_is_that_of_the_command_not_of_what_it_left(rig: Rig) -> None:
    rig.spawn("a", "(trap 'exit 77' TERM; while :; do sleep 0.01; done) & exit 4", grace_s=2.0)
    ended = rig.exited("a")
    assert (ended.code, ended.why) == (4, None)


def test_nothing_is_reported_while_a_part_of_it_lives(rig: Rig) -> None:
    slow_to_go = "trap 'sleep 0.3; echo x >> gone; exit' TERM; echo ready; while :; do sleep 0.01; done"
    (rig.run_dir / "slow").write_text(slow_to_go)
    rig.spawn("a", "sh slow & while [ ! -s a.out ]; do :; done; exit 0")
    rig.exited("a")
    assert (rig.run_dir / "gone").exists()


def test_two_hundred_hostile_trees_are_ended_at_once(rig: Rig) -> None:
    script = "trap '' TERM; (setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' & ) ; sleep 1000 & echo $!; wait"
    count = 200
    rig.send(*(rig.request(f"t{number}", script) for number in range(count)))
    pids = [int(pid) for number in range(count) for pid in lines_of(rig.out(f"t{number}"), 2)]
    assert len(pids) == 2 * count
    rig.send(StopAll(grace_s=0.2))
    for number in range(count):
        ended = rig.exited(f"t{number}", patience_s=30.0)
        assert (ended.code, ended.tree) == (-signal.SIGKILL, "proven")
    assert not [pid for pid in pids if runs(pid)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_a_child_that_becomes_another_user_is_ended(rig: Rig) -> None:  # semantics S11
    script = "import os, time; os.setgid(65534); os.setuid(65534); print(os.getpid(), flush=True); time.sleep(1000)"
    rig.spawn("a", ["sh", "-c", f'setsid "{sys.executable}" -c "{script}" & wait'], grace_s=0.2)
    (pid,) = lines_of(rig.out("a"), 1)
    rig.send(Stop("a", grace_s=0.2))
    assert rig.exited("a").tree == "proven"
    assert not runs(int(pid))


def test_orphans_of_commands_are_reaped(rig: Rig) -> None:
    os.mkfifo(rig.run_dir / "pipe")
    rig.spawn("a", "for n in 1 2 3 4 5 6 7 8; do (setsid true &); done; read line < pipe")
    spawned = rig.wait(lambda event: isinstance(event, Spawned))
    assert isinstance(spawned, Spawned)
    keeper = int(Path(f"/proc/{spawned.pid}/stat").read_text().rpartition(")")[2].split()[1])
    eventually(lambda: Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split() == [str(spawned.pid)])
