"""Fixtures of the runners' tests."""

from pathlib import Path

import pytest

from holdfast.runners.place import Place
from tests.unit.engine.keeper_rig import rigs

make_rig = pytest.fixture(rigs)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project, in an environment that names no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return Place(str(tmp_path), str(tmp_path), key="run/step", body=str(tmp_path / "out.body"))
