"""Only our own file is opened, and nothing is written to any other."""

import threading
from pathlib import Path

import apsw
import pytest

from holdfast.errors import BugError, HoldfastError, IntegrityError, RequestError, StoreError
from holdfast.journal import mounts, opening
from holdfast.journal.opening import SCHEMA, open_for_reading, open_for_writing, schema_of
from holdfast.journal.sqlite import SqliteJournal
from holdfast.journal.statements import sql
from holdfast.ports import Append
from tests.conformance.journal.facts import BERT, NOW, begin, kinds, started

NFS = """\
24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
90 24 0:51 / /mnt/n rw,relatime shared:40 - nfs4 srv:/x rw
"""


def open_text(path: str) -> str:
    with pytest.raises(HoldfastError) as error:
        SqliteJournal.open(path)
    assert error.value.hint
    return f"{error.value.exit_code} {error.value.code} {error.value}"


def test_a_new_journal_is_ours_and_durable(path: str, journal: SqliteJournal) -> None:
    begin(journal)
    connection = apsw.Connection(path)
    assert connection.pragma("application_id") == 0x484F4C44
    assert connection.pragma("user_version") == SCHEMA
    assert connection.pragma("journal_mode") == "wal"
    with journal.transaction() as writing:
        assert writing.pragma("synchronous") == 2
        assert writing.pragma("foreign_keys") == 1
    connection.close()


def test_durability_may_be_chosen(path: str) -> None:
    journal = SqliteJournal.open(path, durability="normal")
    with journal.transaction() as writing:
        assert writing.pragma("synchronous") == 1
    journal.close()


def test_every_table_is_strict(path: str, journal: SqliteJournal) -> None:
    connection = apsw.Connection(path)
    loose = connection.execute("select name from pragma_table_list where type = 'table' and strict = 0").fetchall()
    assert {name for (name,) in loose} <= {"sqlite_schema", "sqlite_temp_schema"}
    connection.close()


def test_a_file_that_is_no_database_is_left_alone(path: str) -> None:
    Path(path).write_text("precious notes\n" * 1000, encoding="utf-8")
    said = open_text(path)
    assert said.startswith("3 E_STORE_FOREIGN")
    assert path in said
    assert [each.name for each in Path(path).parent.iterdir()] == ["journal.db"]
    assert Path(path).read_text(encoding="utf-8") == "precious notes\n" * 1000


def test_another_programs_database_is_left_alone(path: str) -> None:
    connection = apsw.Connection(path)
    connection.execute("create table notes (text)")
    connection.close()
    before = Path(path).read_bytes()
    assert "3 E_STORE_FOREIGN" in open_text(path)
    assert Path(path).read_bytes() == before


def test_a_database_marked_by_another_program_is_left_alone(path: str) -> None:
    connection = apsw.Connection(path)
    connection.pragma("application_id", 7)
    connection.close()
    assert "3 E_STORE_FOREIGN" in open_text(path)


def test_a_newer_schema_is_refused_and_left_alone(path: str) -> None:
    SqliteJournal.open(path).close()
    connection = apsw.Connection(path)
    connection.pragma("user_version", SCHEMA + 1)
    connection.close()
    said = open_text(path)
    assert said.startswith("3 E_STORE_NEWER")
    assert f"schema {SCHEMA + 1}" in said
    with pytest.raises(RequestError):
        SqliteJournal.open(path, mode="read")


def test_an_empty_file_becomes_a_journal(path: str) -> None:
    Path(path).touch()
    SqliteJournal.open(path).close()
    assert SqliteJournal.open(path, mode="read").reader.rows("counts")


def test_an_empty_journal_is_not_called_an_old_one(path: str) -> None:
    Path(path).touch()  # as a kill leaves it before the first commit
    with pytest.raises(RequestError, match="is empty: nothing was recorded yet") as error:
        open_for_reading(path)
    assert error.value.code == "E_NO_STATE"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "3 E_STORE_FOREIGN" in open_text(str(tmp_path))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    said = open_text(str(tmp_path / "gone" / "journal.db"))
    assert said.startswith("75 E_STORE_UNREACHABLE")
    assert "gone" in said


def test_reading_needs_a_journal_and_makes_none(path: str) -> None:
    with pytest.raises(RequestError, match="there is no journal at"):
        SqliteJournal.open(path, mode="read")
    assert not Path(path).exists()


def test_a_journal_for_reading_does_not_write(path: str) -> None:
    writing = SqliteJournal.open(path)
    begin(writing)
    reading = SqliteJournal.open(path, mode="read")
    assert kinds(reading) == ["run.created", "run.owned"]
    for attempt in (
        lambda: reading.append(Append("r1", [started("fetch")])),
        lambda: reading.submit(Append("r1", [started("fetch")]), lambda _: None),
        lambda: reading.release("r1", 1),
    ):
        with pytest.raises(BugError, match="reading"):
            attempt()
    with pytest.raises(StoreError, match="read only"):
        reading.reader.rows("clear_steps", (1,))
    reading.close()
    writing.close()


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    said = open_text(path)
    assert said.startswith("75 E_STORE_SQLITE")
    assert not Path(path).exists()


def test_a_network_file_system_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(opening, "network_file_system", lambda _: "nfs4")
    said = open_text(path)
    assert said.startswith("75 E_STORE_NETWORK")
    assert "nfs4" in said
    assert not Path(path).exists()


def test_the_type_of_a_file_system_is_that_of_its_device() -> None:
    assert mounts._type_of(NFS, "0:51") == "nfs4"
    assert mounts._type_of(NFS, "254:0") == "ext4"
    assert mounts._type_of(NFS, "1:1") is None
    assert mounts.network_file_system("/nowhere/at/all") is None


def test_a_locked_journal_says_so(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(opening, "BUSY_MS", 20)
    journal = SqliteJournal.open(path)
    begin(journal)
    other = apsw.Connection(path)
    other.execute("begin immediate")
    with pytest.raises(StoreError, match="locked by another process") as error:
        journal.append(Append("r1", [started("fetch")], fence=1))
    assert error.value.code == "E_STORE_LOCKED"
    with pytest.raises(StoreError, match="locked by another process"):
        journal.take("r1", BERT, NOW)
    journal.extend_wal(1 << 20)  # only speed is lost
    other.execute("rollback")
    assert journal.append(Append("r1", [started("fetch")], fence=1)).last_seq == 3
    other.close()
    journal.close()


def test_a_journal_that_another_process_is_making_is_waited_for(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(opening, "BUSY_MS", 20)
    other = apsw.Connection(path)
    other.execute("begin immediate")
    assert "75 E_STORE_LOCKED" in open_text(path)
    other.execute("rollback")
    other.close()
    SqliteJournal.open(path).close()


def test_a_migration_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(opening, "schema", lambda _: "create table plans (digest); create nonsense")
        with pytest.raises(BugError, match="refused a statement"):
            SqliteJournal.open(path)
    journal = SqliteJournal.open(path)
    begin(journal)
    journal.close()


def test_an_older_schema_is_not_read_before_it_is_migrated(path: str) -> None:
    connection = apsw.Connection(path)
    connection.pragma("application_id", opening.APPLICATION_ID)
    connection.close()
    with pytest.raises(RequestError, match="schema 0") as error:
        SqliteJournal.open(path, mode="read")
    assert error.value.code == "E_STORE_OLDER"
    SqliteJournal.open(path).close()
    SqliteJournal.open(path, mode="read").close()


def test_a_file_that_may_not_be_read_says_so(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise apsw.CantOpenError("unable to open database file")

    SqliteJournal.open(path).close()
    monkeypatch.setattr(apsw, "Connection", refuse)
    for opened in (open_for_writing, open_for_reading):
        with pytest.raises(StoreError, match="cannot be opened") as error:
            opened(path)
        assert error.value.code == "E_STORE_UNREACHABLE"


def test_a_damaged_file_is_an_integrity_error(path: str) -> None:
    journal = SqliteJournal.open(path)
    begin(journal)
    journal.close()
    connection = apsw.Connection(path)
    connection.pragma("page_count")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    page = int(connection.execute("select rootpage from sqlite_schema where name = 'events'").get)
    connection.close()
    with Path(path).open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\x99" * 4096)
    damaged = SqliteJournal.open(path)
    with pytest.raises(IntegrityError, match="is damaged") as error:
        damaged.append(Append("r1", [started("fetch")], fence=1))
    assert error.value.code == "E_JOURNAL_DAMAGED"
    damaged.close()


def test_a_journal_that_another_makes_while_it_is_looked_at_is_ours(path: str) -> None:
    looking = apsw.Connection(path)

    def overtaken(_cursor: apsw.Cursor, text: str, _bindings: object) -> bool:
        if text == sql("count_objects"):
            looking.exec_trace = None
            open_for_writing(path).close()
        return True

    looking.exec_trace = overtaken
    assert schema_of(looking, path) == SCHEMA
    looking.close()


def test_several_openers_at_once_make_one_journal(path: str) -> None:
    opened: list[SqliteJournal] = []
    threads = [threading.Thread(target=lambda: opened.append(SqliteJournal.open(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 8
    for i, journal in enumerate(opened):
        begin(journal, f"r{i}")
    assert len(opened[0].reader.rows("run_numbers", (None,))) == 9
    for journal in opened:
        journal.close()
