"""docs/reference/journal.md says what the journal is."""

import re
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from holdfast.journal.audit import head_of
from holdfast.journal.sqlite import SqliteJournal
from holdfast.ports import Append
from holdfast.run import events as ev
from tests.conformance.journal.facts import NOW, begin, ended, started, told

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "journal.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def columns(view: str) -> list[str]:
    section = PAGE.split(f"### {view}\n")[1].split("\n#")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_every_view_is_described_with_its_columns(journal: SqliteJournal) -> None:
    connection = apsw.Connection(journal.path)
    views = [name for (name,) in connection.execute("select name from sqlite_schema where type = 'view'")]
    assert sorted(views) == sorted(re.findall(r"^### (v_\w+)$", PAGE, re.MULTILINE))
    for view in views:
        there = [name for (name,) in connection.execute("select name from pragma_table_info(?)", (view,))]
        assert columns(view) == there, view
    connection.close()


def test_the_views_hold_what_is_said(journal: SqliteJournal) -> None:
    begin(journal, "r1", [started("fetch", at=NOW), ev.Event(NOW + 1, ev.AttemptSpawned(7), "fetch", 1)])
    journal.append(Append("r1", [ended("fetch", "failed", code="exit.nonzero", retry_at=NOW), started("fetch", 2)]))
    connection = apsw.Connection(journal.path)
    assert connection.execute("select run, plan, status, started_at, finished_at, inputs from v_runs").fetchall() == [
        ("r1", "shop", "running", NOW + 1, None, None)
    ]
    assert connection.execute("select * from v_step_attempts order by attempt").fetchall() == [
        ("r1", "fetch", 1, "failed", None, "exit.nonzero", "it was exit.nonzero", NOW, NOW + 3, 7, 0),
        ("r1", "fetch", 2, "running", None, None, None, NOW + 2, None, None, 0),
    ]
    events = connection.execute("select run, seq, kind, step, attempt, length(hash) from v_run_events").fetchall()
    assert events[2] == ("r1", 3, "attempt.started", "fetch", 1, 64)
    assert connection.execute(block("sql")).fetchall() == []
    connection.close()


@pytest.mark.parametrize("tampered", ["untouched", "tampered"])
def test_the_verifier_of_the_page_works(journal: SqliteJournal, tmp_path: Path, tampered: str) -> None:
    begin(journal)
    journal.append(Append("r1", [told(ev.RunPausing(ev.Who(by="Änne 😀"), 'a "quote" \\ \n \x7f \u2028'))]))
    if tampered == "tampered":
        connection = apsw.Connection(journal.path)
        connection.execute("drop trigger events_are_not_changed")
        connection.execute("update events set at = 1 where seq = 2")
        connection.close()
    script = tmp_path / "verify.py"
    script.write_text(block("python"), encoding="utf-8")
    done = subprocess.run([sys.executable, script, journal.path], capture_output=True, text=True, check=False)
    if tampered == "tampered":
        assert done.returncode == 1
        assert done.stderr == "run r1: event 2 is not what was written\n"
    else:
        assert done.stdout == f"3 events hold, the head is {head_of(journal.reader)}\n"
