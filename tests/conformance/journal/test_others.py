"""What others append while an engine drives a run reaches it, in its place."""

from holdfast.errors import HoldfastError
from holdfast.ports import Append, Appended
from holdfast.run import events as ev
from tests.conformance.journal.backends import Backend
from tests.conformance.journal.facts import begin, started, told

ASK = told(ev.RunPausing())


def test_an_append_brings_what_others_appended_before_it(store: Backend) -> None:
    journal, other = store.open(), store.open()
    begin(journal)
    other.append(Append("r1", [ASK, ASK]))
    done = journal.append(Append("r1", [started("fetch")], fence=1))
    assert [each.seq for each in done.foreign] == [3, 4]
    assert [each.event for each in done.foreign] == [ASK, ASK]
    assert done.last_seq == 5
    assert journal.append(Append("r1", [started("build")], fence=1)).foreign == ()


def test_what_the_engine_has_read_is_not_brought_again(store: Backend) -> None:
    begin(store.open())
    store.open().append(Append("r1", [ASK]))
    journal = store.open()
    journal.events("r1")
    store.open().append(Append("r1", [ASK]))
    done = journal.append(Append("r1", [started("fetch")], fence=1))
    assert [each.seq for each in done.foreign] == [4]


def test_what_a_person_appends_in_the_same_process_is_brought_too(store: Backend) -> None:
    journal = store.open()
    begin(journal)
    assert journal.append(Append("r1", [ASK])).foreign == ()
    done = journal.append(Append("r1", [started("fetch")], fence=1))
    assert [each.seq for each in done.foreign] == [3]


def test_a_persons_append_within_a_group_is_brought_to_the_engine_alone(store: Backend) -> None:
    journal = store.open()
    begin(journal)
    brought: list[list[int]] = []

    def note(result: Appended | HoldfastError) -> None:
        assert isinstance(result, Appended)
        brought.append([each.seq for each in result.foreign])

    for work in (
        Append("r1", [started("fetch")], fence=1),
        Append("r1", [ASK]),
        Append("r1", [started("build")], fence=1),
        Append("r1", [started("pay")], fence=1),
    ):
        journal.submit(work, note)
    journal.close()
    assert brought == [[], [], [4], []]


def test_a_watcher_does_not_take_events_from_the_engine(store: Backend) -> None:
    journal, other = store.open(), store.open()
    begin(journal)
    other.append(Append("r1", [ASK]))
    journal.events("r1")
    assert [each.seq for each in journal.append(Append("r1", [started("fetch")], fence=1)).foreign] == [3]


def test_changed_tells_of_other_processes_once_and_not_of_oneself(store: Backend) -> None:
    journal, other = store.open(), store.open()
    begin(journal)
    assert not journal.changed()
    other.append(Append("r1", [ASK]))
    assert journal.changed()
    assert not journal.changed()
    journal.append(Append("r1", [started("fetch")], fence=1))
    assert not journal.changed()
