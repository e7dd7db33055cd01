"""A full disk or a database that cannot be written stops the run at its last durable fact (semantics C7)."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.scene import Scene

FULL = """
import sys
from pathlib import Path
import apsw
from holdfast.app import Holdfast, Request
from holdfast.errors import HoldfastError

left = int(sys.argv[2])

class File(apsw.VFSFile):
    def xWrite(self, data, offset):
        global left
        left -= 1
        if left < 0:
            raise apsw.FullError("no space left")
        super().xWrite(data, offset)

    def xLock(self, level):
        try:
            super().xLock(level)
        except apsw.IOError:
            raise apsw.BusyError from None

class Vfs(apsw.VFS):
    def xOpen(self, name, flags):
        return File("unix", name, flags)

vfs = Vfs("full", "unix", makedefault=True)
plan = Path(sys.argv[1])
try:
    sys.exit(Holdfast.find(plan).run(plan, {}, Request()).exit_code)
except HoldfastError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("writes", [1, 8, 25, 28, 31, 34, 40, 46])
def test_a_full_disk_stops_the_run_and_resume_goes_on(writes: int, tmp_path: Path) -> None:
    # semantics C7
    scene = Scene(tmp_path)
    command = [sys.executable, "-c", FULL, str(scene.plan), str(writes)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 75, done.stderr
    assert "full" in done.stderr
    assert "Traceback" not in done.stderr
    scene.settle()
    scene.check()
