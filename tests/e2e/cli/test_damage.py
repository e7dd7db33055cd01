"""What the commands say of a journal that somebody altered or that lost a part (planner 60): exit 7, and why."""

from pathlib import Path

import apsw
import pytest

from tests.e2e.cli.program import Program

GOOD = "plan: good\nsteps:\n  a: {run: 'echo . >> ran'}\n"
DOUBTFUL = "plan: doubtful\nsteps:\n  pay: {run: exit 1, effect: once}\n  then: {run: 'true', depends_on: [pay]}\n"


@pytest.fixture(autouse=True)
def plans(folder: Path) -> None:
    (folder / "good.yaml").write_text(GOOD)
    (folder / "doubtful.yaml").write_text(DOUBTFUL)


def alter(folder: Path, *statements: str) -> None:
    """What a person with a database tool would do."""
    database = apsw.Connection(str(folder / ".holdfast/journal.db"))
    for (name,) in database.execute("select name from sqlite_schema where type = 'trigger'").fetchall():
        database.execute(f"drop trigger {name}")
    for statement in statements:
        database.execute(statement)
    database.close()


def settled(program: Program) -> None:
    """A run that `resume` would go on with."""
    assert program("run", "doubtful.yaml").code == 4
    assert program("resolve", "last", "pay", "happened").code == 0


ALTERED = {
    "an event": "update events set data = replace(data, 'exit.nonzero', 'exit.zero') where kind = 'attempt.ended'",
    "a gap": "delete from events where run = 1 and seq = 3",
    "its beginning": "delete from events where run = 1 and seq = 1",
    "a cut tail": "delete from events where run = 1 and kind = 'step.resolved'",
}


@pytest.mark.parametrize("statement", ALTERED.values(), ids=ALTERED)
@pytest.mark.parametrize("words", [("resume",), ("resume", "last"), ("cancel", "last")], ids=" ".join)
def test_7_a_damaged_run_is_not_gone_on_with(
    program: Program, folder: Path, statement: str, words: tuple[str, ...]
) -> None:
    settled(program)  # planner 60
    alter(folder, statement)
    outcome = program(*words)
    assert outcome.code == 7
    assert "is damaged: event" in outcome.err
    assert "holdfast audit verify" in outcome.err


def test_7_others_are_gone_on_with_before_a_damaged_run_is_reported(program: Program, folder: Path) -> None:
    settled(program)
    alter(folder, ALTERED["an event"])
    (folder / "other.yaml").write_text(DOUBTFUL.replace("doubtful", "other"))
    assert program("run", "other.yaml").code == 4
    assert program("resolve", "last", "pay", "happened").code == 0
    assert program("resume").code == 7
    assert [run["status"] for run in program("runs", "--json").document["runs"]] == ["succeeded", "blocked"]


def test_7_a_plan_that_was_altered_where_it_is_stored_runs_nothing(program: Program, folder: Path) -> None:
    assert program("run", "good.yaml").code == 0
    alter(folder, "update plans set data = zeroblob(size)")
    outcome = program("run", "good.yaml")
    assert outcome.code == 7
    assert "the stored plan sha256:" in outcome.err
    assert (folder / "ran").read_text() == ".\n"


@pytest.mark.parametrize("where", ["", " where n = 1"], ids=["all runs", "one run"])
def test_7_no_run_begins_where_runs_were_deleted(program: Program, folder: Path, where: str) -> None:
    assert program("run", "good.yaml").code == 0
    alter(folder, "delete from events", f"delete from runs{where}")
    outcome = program("run", "good.yaml")
    assert outcome.code == 7
    assert "has lost runs" in outcome.err
    assert (folder / "ran").read_text() == ".\n"


@pytest.fixture
def lost(program: Program, folder: Path) -> str:
    """A run of which the journal has lost all, as when a -wal file is removed after a kill."""
    settled(program)
    (shown,) = program("runs", "--json").document["runs"]
    (folder / ".holdfast/journal.db").write_bytes(b"")
    for name in ("-wal", "-shm"):
        (folder / f".holdfast/journal.db{name}").unlink()
    return str(shown["run"])


@pytest.mark.parametrize("words", ["run good.yaml", "resume", "resume last", "show last", "doctor"])
def test_7_a_journal_that_lost_its_runs_is_not_taken_for_a_new_one(
    program: Program, folder: Path, lost: str, words: str
) -> None:
    outcomes = [program(*words.split()), program(*words.split())]
    assert [outcome.code for outcome in outcomes] == [7, 7]
    for outcome in outcomes:
        assert f"has lost runs: {lost}" in outcome.err
        assert "-wal" in outcome.err
    assert not (folder / "ran").exists()


def test_7_a_journal_file_that_is_gone_is_not_taken_for_none(program: Program, folder: Path, lost: str) -> None:
    (folder / ".holdfast/journal.db").unlink()
    assert f"has lost runs: {lost}" in program("resume").err
    assert f"has lost runs: {lost}" in program("run", "good.yaml").err


def test_7_a_lost_run_among_others_is_named(program: Program, folder: Path, lost: str) -> None:
    (folder / ".holdfast/runs" / lost).rename(folder / "aside")
    assert program("run", "good.yaml").code == 0
    (folder / "aside").rename(folder / ".holdfast/runs" / lost)
    assert program("run", "good.yaml").code == 0, "the others go on"
    for words in (["show", lost], ["resume", lost]):
        outcome = program(*words)
        assert (outcome.code, lost in outcome.err) == (7, True)
    outcome = program("doctor")
    assert outcome.code == 7
    assert f"damaged   run {lost} is not in the journal" in outcome.out


def test_a_folder_without_a_command_is_no_lost_run(program: Program, folder: Path) -> None:
    (folder / ".holdfast/runs/20260101-000000-abcdef").mkdir(parents=True)
    (folder / ".holdfast/runs/notes").touch()
    (folder / ".holdfast/runs/20260101-000000-abcdef/keeper.jsonl").touch()  # killed before its first commit
    assert program("run", "good.yaml").code == 0
    assert program("doctor").code == 0


@pytest.mark.parametrize("statement", ALTERED.values(), ids=ALTERED)
def test_7_the_doctor_verifies_chains(program: Program, folder: Path, statement: str) -> None:
    settled(program)
    alter(folder, statement)
    outcome = program("doctor")
    assert outcome.code == 7
    assert "damaged   run " in outcome.out
    assert "well" not in outcome.out
    assert program("doctor", "--rebuild").code == 7
    assert not program("doctor", "--json").document["ok"]


@pytest.mark.parametrize("seq", [1, 3], ids=["all", "its tail"])
def test_7_a_run_whose_status_has_no_event_is_damaged_not_missing(program: Program, folder: Path, seq: int) -> None:
    assert program("run", "good.yaml").code == 0
    alter(folder, f"delete from events where seq >= {seq}")
    for words in ("show last", "timeline last", "report last"):
        outcome = program(*words.split())
        assert (words, outcome.code) == (words, 7)
        assert "is damaged" in outcome.err
