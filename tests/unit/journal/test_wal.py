"""The write-ahead log is extended ahead, moved into the database now and then, and never cut."""

import shutil
from pathlib import Path

import pytest

from holdfast.journal import wal
from holdfast.journal.audit import verify
from holdfast.journal.sqlite import SqliteJournal
from holdfast.journal.wal import CHECKPOINT_BUSY_PAGES, EXTEND_PAGES_MIN, FRAME_BYTES, ROOM_PAGES_MAX
from holdfast.ports import Append
from holdfast.run import events as ev
from tests.conformance.journal.facts import begin, told

NOISE = told(ev.RunPausing(reason="x" * 3000))


def size(path: str) -> int:
    return Path(path + "-wal").stat().st_size


def write(journal: SqliteJournal, commits: int) -> None:
    for _ in range(commits):
        journal.append(Append("r1", [NOISE], fence=1))


def test_a_log_may_be_extended_beforehand_and_holds_what_is_committed(path: str, tmp_path: Path) -> None:
    journal = SqliteJournal.open(path)
    begin(journal)
    journal.extend_wal(1 << 20)
    assert size(path) == 1 << 20
    write(journal, 5)
    assert size(path) == 1 << 20
    # What a crash leaves: the files as they are, without shared memory.
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(tmp_path / name, crashed / name)
    journal.close()
    recovered = SqliteJournal.open(str(crashed / "journal.db"))
    assert len(recovered.events("r1")) == 7
    write(recovered, 1)
    assert verify(recovered.reader).ok
    recovered.close()


def test_a_short_run_does_not_extend_the_log(path: str) -> None:
    journal = SqliteJournal.open(path)
    begin(journal)
    write(journal, 3)
    assert size(path) < EXTEND_PAGES_MIN * FRAME_BYTES
    journal.close()


def test_a_long_run_extends_the_log_by_itself_and_keeps_it_within_bounds(path: str) -> None:
    journal = SqliteJournal.open(path, durability="normal")
    begin(journal)
    write(journal, EXTEND_PAGES_MIN)
    grown = size(path)
    assert grown >= EXTEND_PAGES_MIN * wal.GROWTH * FRAME_BYTES
    write(journal, CHECKPOINT_BUSY_PAGES)
    assert size(path) <= ROOM_PAGES_MAX * FRAME_BYTES
    journal.close()
    assert size(path) >= grown, "a log that is kept need not grow again"
    assert verify(SqliteJournal.open(path, mode="read").reader).ok


def test_a_reader_that_stays_does_not_stop_writing(path: str) -> None:
    journal = SqliteJournal.open(path, durability="normal")
    begin(journal)
    other = SqliteJournal.open(path, mode="read")
    with other.reader.snapshot():
        assert len(other.events("r1")) == 2
        write(journal, CHECKPOINT_BUSY_PAGES)
        assert len(other.events("r1")) == 2, "the reader sees one moment"
    assert len(other.events("r1")) == CHECKPOINT_BUSY_PAGES + 2
    other.close()
    journal.close()


def test_a_log_that_cannot_be_extended_costs_only_speed(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wal, "_extended", refuse)
    journal = SqliteJournal.open(path, durability="normal")
    begin(journal)
    write(journal, EXTEND_PAGES_MIN * 2)
    journal.extend_wal(1 << 20)
    write(journal, 1)
    journal.close()


def test_a_journal_that_was_closed_holds_all_without_its_log(path: str) -> None:
    journal = SqliteJournal.open(path)
    begin(journal)
    write(journal, 3)
    journal.close()
    for name in ("-wal", "-shm"):
        Path(path + name).unlink()
    again = SqliteJournal.open(path)
    assert len(again.events("r1")) == 5
    assert verify(again.reader).ok
    again.close()
