"""Whatever several journals append to one file in whatever order, chains, heads and order hold (semantics S16)."""

import threading
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import HoldfastError
from holdfast.journal import doctor
from holdfast.journal.audit import head_of, verify
from holdfast.journal.sqlite import SqliteJournal
from holdfast.ports import Append
from holdfast.run import events as ev
from tests.conformance.journal.facts import begin, told

RUNS = count(1)
WRITERS = 3

# One move of a writer: which run, append now or submit, how many events, as the first after which number.
moves = st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 4), st.none() | st.integers(0, 30))


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[SqliteJournal]]:
    path = str(tmp_path_factory.mktemp("writers") / "journal.db")
    opened = [SqliteJournal.open(path, durability="normal") for _ in range(WRITERS)]
    yield opened
    for journal in opened:
        journal.close()


@settings(max_examples=40)
@given(st.lists(st.lists(moves, max_size=12), min_size=WRITERS, max_size=WRITERS))
def test_chains_and_heads_hold(
    journals: list[SqliteJournal], scripts: list[list[tuple[int, bool, int, int | None]]]
) -> None:
    names = [f"run-{next(RUNS)}" for _ in range(3)]
    for name in names:
        begin(journals[0], name)
    before = head_of(journals[0].reader)
    accepted: list[list[tuple[str, int, int]]] = [[] for _ in range(WRITERS)]

    def write(writer: int) -> None:
        journal = journals[writer]
        settled = threading.Semaphore(0)
        waiting = 0
        for k, (run, now, size, after) in enumerate(scripts[writer]):
            events = [told(ev.RunPausing(reason=f"{writer}.{k}.{i}")) for i in range(size)]
            work = Append(names[run], events, after=after)
            if now:
                try:
                    last = journal.append(work).last_seq
                except HoldfastError:
                    continue
                accepted[writer].append((names[run], last, size))
            else:
                waiting += 1
                journal.submit(work, lambda _: settled.release())
        for _ in range(waiting):
            settled.acquire()

    threads = [threading.Thread(target=write, args=(i,)) for i in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for name in names:
        stored = journals[1].events(name)
        assert [each.seq for each in stored] == list(range(1, len(stored) + 1))
        assert verify(journals[1].reader, name).damages == ()
        assert doctor.differences(journals[1].reader, name) == []
        for writer, each in ((w, each) for w, found in enumerate(accepted) for each in found if each[0] == name):
            _, last, size = each
            placed = [stored[seq - 1].event.body for seq in range(last - size + 1, last + 1)]
            assert all(isinstance(body, ev.RunPausing) for body in placed)
            assert {getattr(body, "reason", "").split(".")[0] for body in placed} <= {str(writer)}
    assert verify(journals[2].reader, head=before).damages == ()
