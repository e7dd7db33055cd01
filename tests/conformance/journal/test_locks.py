"""Locks by name, given to attempts of runs in line, and never kept by what is gone (semantics S4, G9)."""

import pytest

from holdfast.ports import Append, FenceLostError, Journal, LockRequest
from holdfast.run import events as ev
from holdfast.run.locks import RUN_TOKEN, Token
from tests.conformance.journal.backends import Backend
from tests.conformance.journal.facts import ANNA, BERT, NOW, SECOND, begin, owned, told

FAR = NOW + 60 * SECOND
"""When every lease of these tests has expired."""


def ask(journal: Journal, run: str, step: str, *names: str, attempt: int = 1, at: int = NOW) -> list[tuple[str, str]]:
    """The (run, step) pairs that are before the attempt; none: it has the locks."""
    before = journal.lock(LockRequest(run, 1, step, attempt, names), at)
    return [(holder.run, holder.step) for holder in before]


def free(journal: Journal, run: str, *tokens: Token, withdrawn: tuple[str, ...] = ()) -> None:
    journal.append(Append(run, [], 1, unlock=tokens, withdrawn=withdrawn))


@pytest.fixture
def two(journal: Journal) -> Journal:
    begin(journal, "r1")
    begin(journal, "r2")
    return journal


def test_one_holder_at_a_time_and_the_next_in_line_is_next(two: Journal) -> None:
    # semantics S4
    assert ask(two, "r1", "a", "db") == []
    assert ask(two, "r2", "b", "db") == [("r1", "a")]
    assert ask(two, "r1", "c", "db") == [("r1", "a")]
    assert two.lock_turns("r2", NOW) == []
    free(two, "r1", Token("a", 1))
    assert (two.lock_turns("r1", NOW), two.lock_turns("r2", NOW)) == ([], ["b"])
    assert ask(two, "r1", "c", "db") == [("r2", "b")]
    assert ask(two, "r2", "b", "db") == []
    assert two.locks_of("r2") == [Token("b", 1)]
    assert (two.line_of("r2"), two.line_of("r1")) == ([], ["c"])


def test_the_holder_is_named(two: Journal) -> None:
    # semantics G9
    ask(two, "r1", "a", "db", at=NOW + 7)
    [holder] = two.lock(LockRequest("r2", 1, "b", 1, ("db",)), NOW + 9)
    assert holder == ("db", "r1", "a", ANNA.host, ANNA.pid, NOW + 7, "running", False)


def circle(journal: Journal, run: str, *names: str) -> list[str]:
    """The runs that this run waits for and that wait for it."""
    before = journal.lock(LockRequest(run, 1, "s", 1, names), NOW)
    return [holder.run for holder in before if holder.waits_for_us]


def test_who_waits_for_who_waits_for_it_is_told(two: Journal) -> None:
    # semantics S4
    begin(two, "r3")
    for run, lock in (("r1", "x"), ("r2", "y"), ("r3", "z")):
        two.lock(LockRequest(run, 1, RUN_TOKEN.step, RUN_TOKEN.attempt, (lock,)), NOW)
    assert circle(two, "r1", "y") == []
    assert circle(two, "r2", "z") == []
    assert circle(two, "r3", "x") == ["r1"]
    assert circle(two, "r1", "y") == ["r2"]
    free(two, "r3", RUN_TOKEN, withdrawn=("s",))
    assert circle(two, "r1", "y") == []


def test_a_command_that_holds_a_lock_ends_whatever_else_waits(two: Journal) -> None:
    # semantics S4
    for run, lock in (("r1", "x"), ("r2", "y")):
        two.lock(LockRequest(run, 1, "holds", 1, (lock,)), NOW)
    assert circle(two, "r1", "y") == []
    assert circle(two, "r2", "x") == []


def test_several_locks_are_given_all_or_none(two: Journal) -> None:
    # semantics S4
    assert ask(two, "r1", "a", "db", "web") == []
    assert ask(two, "r2", "b", "web", "mail") == [("r1", "a")]
    assert two.locks_of("r2") == []
    assert ask(two, "r1", "c", "mail") == [("r2", "b")]  # who came first is not passed by
    free(two, "r1", Token("a", 1))
    assert ask(two, "r2", "b", "web", "mail") == []


def test_who_waits_for_a_lock_of_a_whole_run_does_not_keep_that_run_from_ending(two: Journal) -> None:
    # semantics S4, G9
    assert ask(two, "r1", *RUN_TOKEN[:1], "site", attempt=0) == []
    assert ask(two, "r1", "a", "db") == []
    assert ask(two, "r2", "b", "db", "site") == [("r1", "a"), ("r1", "")]
    assert ask(two, "r1", "c", "db") == [("r1", "a")]
    free(two, "r1", Token("a", 1))
    assert two.lock_turns("r1", NOW) == ["c"]
    assert ask(two, "r1", "c", "db") == []
    free(two, "r1", Token("c", 1), RUN_TOKEN)
    assert ask(two, "r1", "d", "db") == [("r2", "b")]  # it has kept its place
    assert ask(two, "r2", "b", "db", "site") == []


def test_only_the_token_that_was_given_the_lock_frees_it(two: Journal) -> None:
    # semantics G9
    ask(two, "r1", "a", "db", attempt=1)
    ask(two, "r1", "a", "db", attempt=2)
    free(two, "r1", Token("a", 1))
    free(two, "r2", Token("a", 2))
    assert ask(two, "r2", "b", "db") == [("r1", "a")]
    free(two, "r1", Token("a", 2))
    assert ask(two, "r2", "b", "db") == []


def test_who_leaves_the_line_is_before_nobody(two: Journal) -> None:
    # semantics S4
    ask(two, "r1", "a", "db")
    ask(two, "r2", "b", "db")
    ask(two, "r1", "c", "db")
    free(two, "r2", withdrawn=("b",))
    free(two, "r1", Token("a", 1))
    assert ask(two, "r1", "c", "db") == []


def test_a_lock_dies_with_its_holder_and_not_before(two: Journal, store: Backend) -> None:
    # semantics G9
    ask(two, "r1", "a", "db")
    ask(two, "r1", "next", "db")
    gone = store.open(lambda owner: owner == BERT)
    gone.append(Append("r2", [owned(2)], take=BERT))
    asked = LockRequest("r2", 2, "b", 1, ("db",))
    gone.has_keeper = lambda run: run == "r1"  # type: ignore[attr-defined]  # of the SQLite journal
    assert [holder.run for holder in gone.lock(asked, NOW)] == ["r1"]
    gone.has_keeper = lambda _: False  # type: ignore[attr-defined]  # of the SQLite journal
    assert gone.lock_turns("r2", NOW) == ["b"]
    assert gone.lock(asked, NOW) == ()


def test_a_run_that_was_given_back_keeps_its_lock_and_one_that_ended_does_not(two: Journal, store: Backend) -> None:
    # semantics G9
    assert two.lock(LockRequest("r1", 1, *RUN_TOKEN, ("db",)), NOW) == ()
    two.append(Append("r1", [told(ev.RunBlocked(("a",)))], 1, release=True))
    gone = store.open(lambda owner: owner == BERT)
    gone.append(Append("r2", [owned(2)], take=BERT))
    asked = LockRequest("r2", 2, "b", 1, ("db",))
    assert [(holder.run, holder.step, holder.status) for holder in gone.lock(asked, FAR)] == [("r1", "", "blocked")]
    gone.append(Append("r1", [told(ev.RunFinished("canceled"))]))
    assert gone.lock(asked, FAR) == ()


def test_an_engine_that_lost_its_run_gets_no_lock(two: Journal) -> None:
    # semantics C4
    with pytest.raises(FenceLostError):
        two.lock(LockRequest("r1", 2, "a", 1, ("db",)), NOW)
    assert two.locks_of("r1") == []
