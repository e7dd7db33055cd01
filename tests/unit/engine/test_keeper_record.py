"""What a keeper writes down: facts that no full disk tears, and the fence (semantics C2, C4, C7)."""

import fcntl
import os
import resource
from pathlib import Path

import pytest

from holdfast.engine.keeper import record
from holdfast.engine.keeper.record import FACTS, FENCE, LOCK, Record, read_fence, take_over, write_fence


def test_facts_are_lines_behind_those_of_earlier_keepers(tmp_path: Path) -> None:
    Record(str(tmp_path)).write(b'{"a":1}\n')
    later = Record(str(tmp_path))
    later.write(b'{"b":2}\n')
    later.write(b"")
    assert (tmp_path / FACTS).read_bytes() == b'{"a":1}\n{"b":2}\n'
    assert not later.is_behind


def test_a_line_that_a_dead_keeper_tore_is_not_glued_to_the_next(tmp_path: Path) -> None:
    (tmp_path / FACTS).write_bytes(b'{"a":1}\n{"to')
    Record(str(tmp_path)).write(b'{"b":2}\n')
    assert (tmp_path / FACTS).read_bytes() == b'{"a":1}\n{"to\n{"b":2}\n'


def test_what_a_full_disk_refuses_is_kept_and_goes_first_later(tmp_path: Path) -> None:  # semantics C7
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    facts = Record(str(tmp_path))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, hard))  # as a disk that is full after four bytes
    try:
        facts.write(b"first\n")
        facts.write(b"second\n")
        assert facts.is_behind
        assert (tmp_path / FACTS).read_bytes() == b"firs"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    facts.write(b"third\n")
    assert (tmp_path / FACTS).read_bytes() == b"first\nsecond\nthird\n"


def test_the_fence_is_none_at_first_and_what_was_written_last(tmp_path: Path) -> None:
    assert read_fence(str(tmp_path)) == 0
    write_fence(str(tmp_path), 3)
    write_fence(str(tmp_path), 12)
    assert read_fence(str(tmp_path)) == 12
    assert [path.name for path in tmp_path.iterdir()] == [FENCE]


def test_a_keeper_takes_a_run_over_only_with_a_fence_that_is_not_old(tmp_path: Path) -> None:  # semantics C4
    write_fence(str(tmp_path), 5)
    assert not take_over(str(tmp_path), 4)
    assert read_fence(str(tmp_path)) == 5


def test_a_keeper_with_a_newer_fence_raises_it(tmp_path: Path) -> None:  # semantics C4
    write_fence(str(tmp_path), 5)
    assert take_over(str(tmp_path), 6)
    assert read_fence(str(tmp_path)) == 6


def test_a_keeper_does_not_wait_for_ever_for_one_that_does_not_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # semantics C4
    monkeypatch.setattr(record, "LOCK_WAIT_S", 0.02)
    older = os.open(tmp_path / LOCK, os.O_RDWR | os.O_CREAT)
    fcntl.flock(older, fcntl.LOCK_EX)
    assert not take_over(str(tmp_path), 1)
    os.close(older)
    assert take_over(str(tmp_path), 1)
