"""A process is known by boot, number and start, never by its number alone."""

import os
import subprocess
import sys
from pathlib import Path

from holdfast.engine import processes
from holdfast.engine.keeper import proc


def test_this_process_is_alive() -> None:
    identity = processes.current()
    assert identity.pid == os.getpid()
    assert processes.is_alive(identity)
    assert processes.identify(os.getpid()) == identity


def test_a_number_given_to_another_process_is_not_alive() -> None:  # semantics C4
    identity = processes.current()
    assert not processes.is_alive(processes.Identity(identity.boot, identity.pid, identity.start - 1))


def test_a_process_of_another_boot_is_not_alive() -> None:  # semantics C4
    identity = processes.current()
    assert not processes.is_alive(processes.Identity("another boot", identity.pid, identity.start))


def test_a_zombie_is_not_alive_and_a_reaped_one_is_not_known() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    identity = processes.identify(child.pid)
    assert identity is not None
    assert processes.is_alive(identity)
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.identify(child.pid) == identity
    assert not processes.is_alive(identity)
    child.wait()
    assert processes.identify(child.pid) is None


def test_a_name_with_blanks_and_brackets_does_not_confuse(tmp_path: object) -> None:
    script = f"{tmp_path}/a ) b ( c"
    Path(script).symlink_to("/bin/sleep")
    child = subprocess.Popen([script, "1000"])
    try:
        stat = proc.stat_of(child.pid)
        assert stat is not None
        assert stat[1] == os.getpid()
    finally:
        child.kill()
        child.wait()


def test_now_is_in_the_unit_of_starts() -> None:
    before = proc.now_ticks()
    child = subprocess.Popen(["/bin/true"])
    start = proc.start_of(child.pid)
    after = proc.now_ticks()
    child.wait()
    assert start is not None
    assert before <= start <= after
