"""A step that kills its keeper leaves nothing behind, however well it hides."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.cli.program import as_process
from tests.unit.engine.keeper_rig import runs

# Out of its group, its environment, its tag and its keeper's reach: all that is left is whose child it becomes.
DAEMON = """
import os, resource, signal, sys
if os.path.exists("pid"):
    sys.exit(0)
keeper = os.getppid()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    resource.setrlimit(resource.RLIMIT_RTTIME, (resource.RLIM_INFINITY,) * 2)
    os.closerange(0, 64)
    script = 'trap "" TERM; echo $$ > "pid.new"; mv pid.new pid; exec /bin/sleep 1000'
    os.execve("/bin/sh", ["sh", "-c", script], {"PATH": "/bin"})
while not os.path.exists("pid"):
    pass
os.kill(keeper, signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no sub-reaper")
def test_a_daemon_without_a_trace_does_not_outlive_the_keeper_it_was_hidden_from(folder: Path) -> None:
    # semantics S11, C3
    (folder / "daemon.py").write_text(DAEMON)
    step = f'{{command: ["{sys.executable}", daemon.py]}}'
    (folder / "plan.yaml").write_text(f"plan: p\nlimits: {{grace: 200ms}}\nsteps:\n  a: {step}\n")
    outcome = as_process("run", "plan.yaml", cwd=folder)
    assert outcome.code == 0, outcome.err
    assert not runs(int((folder / "pid").read_text()))


def test_the_children_that_a_process_had_before_it_became_the_program_are_none_of_a_keepers(folder: Path) -> None:
    # semantics S11
    (folder / "plan.yaml").write_text("plan: p\nsteps: {a: {run: 'test -e seen || { touch seen; kill -9 $PPID; }'}}")
    script = f'sleep 1000 > /dev/null 2>&1 & echo $! > pid; exec "{sys.executable}" -m holdfast run plan.yaml'
    done = subprocess.run(["/bin/sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    pid = int((folder / "pid").read_text())
    assert runs(pid)
    os.kill(pid, signal.SIGKILL)
    assert done.returncode == 0, done.stderr
