"""A step that kills its keeper leaves nothing behind, however well it hides."""

import sys
from pathlib import Path

import pytest

from tests.e2e.cli.program import Program
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
def test_a_daemon_without_a_trace_does_not_outlive_the_keeper_it_was_hidden_from(
    program: Program, folder: Path
) -> None:  # semantics S11, C3
    (folder / "daemon.py").write_text(DAEMON)
    step = f'{{command: ["{sys.executable}", daemon.py]}}'
    (folder / "plan.yaml").write_text(f"plan: p\nlimits: {{grace: 200ms}}\nsteps:\n  a: {step}\n")
    outcome = program("run", "plan.yaml")
    assert outcome.code == 0, outcome.err
    assert not runs(int((folder / "pid").read_text()))
