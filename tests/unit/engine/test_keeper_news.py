"""What the keeper tells at once, and what may wait while the engine has time."""

from pathlib import Path

import pytest

from holdfast.engine.keeper.engines import Engines
from holdfast.engine.keeper.news import News
from holdfast.engine.keeper.record import FACTS, Record


class Told(Engines):
    """Remembers what engines would be told; there is no connection."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def tell(self, lines: bytes) -> None:
        self.lines.append(lines)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def news(tmp_path: Path, told: Told) -> News:
    return News(Record(str(tmp_path)), told)


def test_while_the_engine_has_time_an_end_waits_for_the_next_ones(news: News, told: Told) -> None:
    news.add("a\n")
    news.write_down()
    news.tell(has_time=True)
    assert told.lines == []
    news.add("b\n")
    news.write_down()
    news.tell(has_time=False)
    assert told.lines == [b"a\nb\n"]


def test_a_failure_is_told_at_once(news: News, told: Told, tmp_path: Path) -> None:
    news.add("a\n")
    news.warn("failed\n")
    news.write_down()
    news.tell(has_time=True)
    assert told.lines == [b"a\nfailed\n"]
    assert (tmp_path / FACTS).read_bytes() == b"a\nfailed\n"
