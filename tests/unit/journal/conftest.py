from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.journal.sqlite import SqliteJournal


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "journal.db")


@pytest.fixture
def journal(path: str) -> Iterator[SqliteJournal]:
    opened = SqliteJournal.open(path)
    yield opened
    opened.close()
