"""A full or read-only disk stops cleanly, loses nothing that was acknowledged, and may work again (semantics C7)."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from holdfast.errors import HoldfastError, StoreError
from holdfast.journal import doctor
from holdfast.journal.audit import verify
from holdfast.journal.sqlite import SqliteJournal
from holdfast.ports import Append, Appended
from holdfast.run import events as ev
from tests.conformance.journal.facts import begin, started, told

TRIES = 10_000
WAIT_S = 20.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_nothing_acknowledged_and_works_again_later(small_disk: Path) -> None:
    journal = SqliteJournal.open(str(small_disk / "journal.db"))
    last = begin(journal)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 300_000)
    noise = told(ev.RunPausing(reason="x" * 500))
    error: HoldfastError | None = None
    for _ in range(TRIES):
        try:
            last = journal.append(Append("r1", [noise], fence=1)).last_seq
        except StoreError as full:
            error = full
            break
    assert error is not None
    assert error.code in {"E_STORE_FULL", "E_STORE_UNREACHABLE"}
    assert str(small_disk) in error.headline
    assert [each.seq for each in journal.events("r1")] == list(range(1, last + 1))

    answers: SimpleQueue[Appended | HoldfastError] = SimpleQueue()
    for _ in range(3):
        journal.submit(Append("r1", [noise] * 1000, fence=1), answers.put)
    assert all(isinstance(answers.get(timeout=WAIT_S), StoreError) for _ in range(3))

    ballast.unlink()
    assert journal.append(Append("r1", [started("fetch")], fence=1)).last_seq == last + 1
    assert verify(journal.reader).ok
    assert doctor.differences(journal.reader) == []
    journal.close()


def test_a_disk_that_is_full_from_the_start_says_so(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096))
    with pytest.raises(StoreError) as error:
        SqliteJournal.open(str(small_disk / "journal.db"))
    assert error.value.code in {"E_STORE_FULL", "E_STORE_UNREACHABLE"}


def test_a_read_only_disk_can_be_read_and_says_so_to_a_writer(small_disk: Path) -> None:
    path = str(small_disk / "journal.db")
    journal = SqliteJournal.open(path)
    begin(journal)
    journal.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match="read only") as error:
        SqliteJournal.open(path)
    assert error.value.code == "E_STORE_READ_ONLY"
    reading = SqliteJournal.open(path, mode="read")
    assert len(reading.events("r1")) == 2
    reading.close()
