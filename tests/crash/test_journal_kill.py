"""A process that is killed while it writes loses nothing that it was told is durable (semantics C5, C7)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.journal import doctor
from holdfast.journal.audit import verify
from holdfast.journal.sqlite import SqliteJournal
from holdfast.ports import Append
from holdfast.run import events as ev
from tests.conformance.journal.facts import begin, started

ROOT = Path(__file__).parents[2]
CHILD = ROOT / "tests" / "conformance" / "journal" / "writer_child.py"
FOREVER = 10**6


def child(path: Path, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, str(CHILD), str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def reasons(journal: SqliteJournal) -> list[str | None]:
    bodies = [each.event.body for each in journal.events("r1")]
    return [body.reason for body in bodies if isinstance(body, ev.RunPausing)]


@pytest.mark.parametrize("acknowledged", [1, 7, 40, 200])
def test_every_acknowledged_event_survives_a_kill(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(str(path))
    begin(journal)
    writers = [child(path, name, FOREVER) for name in ("a", "b")]
    told: list[str] = []
    for writer in writers:
        assert writer.stdout is not None
        told += [writer.stdout.readline().strip() for _ in range(acknowledged)]
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
    for writer in writers:
        assert writer.stdout is not None
        told += [line.strip() for line in writer.stdout if line.endswith("\n")]
        writer.stdout.close()
        assert writer.wait() == -signal.SIGKILL
    there = reasons(journal)
    assert len(there) == len(set(there))
    assert set(told) <= set(there)
    assert verify(journal.reader).ok
    assert journal.append(Append("r1", [started("fetch")], fence=1)).last_seq == len(there) + 3
    assert doctor.differences(journal.reader) == []
    journal.close()


def test_several_processes_share_one_chain(tmp_path: Path) -> None:
    # semantics S16
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(str(path))
    begin(journal)
    writers = [child(path, name, 30) for name in ("a", "b", "c")]
    told = [line.strip() for writer in writers for line in writer.communicate()[0].splitlines()]
    there = reasons(journal)
    assert sorted(told) == sorted(str(each) for each in there)
    assert len(there) == 3 * sum(1 + i % 4 for i in range(30))
    assert verify(journal.reader).ok
    journal.close()
