"""An artifact that is put back takes its place whole, whenever the process is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a folder gives way before another takes its place")
def test_an_artifact_is_put_back_whole_or_not_at_all(tmp_path: Path) -> None:
    child = Path(__file__).with_name("placing_child.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(child), str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 20
