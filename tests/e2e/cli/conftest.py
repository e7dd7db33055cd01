"""Every test of the command line has an empty folder of its own."""

from pathlib import Path

import pytest

from tests.e2e.cli.program import Program, in_process


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty, with nothing above it that Holdfast would find."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("NO_COLOR", "COLUMNS", "CI"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def program(folder: Path, capfd: pytest.CaptureFixture[str]) -> Program:
    """The program, called in `folder`."""
    assert folder.is_dir()
    return in_process(capfd)
