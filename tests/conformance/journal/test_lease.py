"""One engine owns a run at a time (semantics C4)."""

import pytest

from holdfast.errors import BugError, BusyError
from holdfast.ports import LEASE_S, Append, FenceLostError, Lease, Owner
from holdfast.run import events as ev
from tests.conformance.journal.backends import Backend
from tests.conformance.journal.facts import (
    ANNA,
    BERT,
    NOW,
    PLAN,
    SECOND,
    begin,
    created,
    frozen,
    kinds,
    owned,
    started,
    told,
)

LENGTH = int(LEASE_S * SECOND)


def test_a_living_owner_keeps_its_run_and_is_named(store: Backend) -> None:
    begin(store.open())
    with pytest.raises(BusyError, match=r"r1 is owned by pid 11 on host-a since 2026-11-18T11:06:40Z") as busy:
        store.open(lambda _: True).take("r1", BERT, NOW + SECOND)
    assert busy.value.code == "E_BUSY"
    with pytest.raises(BusyError):
        store.open(lambda _: None).take("r1", BERT, NOW + SECOND)


def test_an_owner_that_is_gone_loses_its_run_at_once(store: Backend) -> None:
    begin(store.open())
    asked: list[Owner] = []

    def gone(owner: Owner) -> bool:
        asked.append(owner)
        return False

    assert store.open(gone).take("r1", BERT, NOW + 1) == Lease("r1", BERT, 2, NOW + 1, NOW + 1 + LENGTH)
    assert asked == [ANNA]


def test_an_expired_lease_can_be_taken(store: Backend) -> None:
    begin(store.open())
    other = store.open()
    with pytest.raises(BusyError):
        other.take("r1", BERT, NOW + LENGTH - 1)
    assert other.take("r1", BERT, NOW + LENGTH).fence == 2


def test_a_released_lease_can_be_taken_and_its_fence_is_no_longer_good(store: Backend) -> None:
    journal = store.open()
    begin(journal)
    journal.release("r1", 1)
    assert journal.lease("r1") is None
    with pytest.raises(FenceLostError):
        journal.append(Append("r1", [started("fetch")], fence=1))
    assert store.open().take("r1", BERT, NOW).fence == 2


def test_every_append_with_an_old_fence_is_refused(store: Backend) -> None:
    journal = store.open()
    begin(journal)
    other = store.open(lambda _: False)
    other.take("r1", BERT, NOW)
    with pytest.raises(FenceLostError, match="taken over") as lost:
        journal.append(Append("r1", [started("fetch")], fence=1))
    assert "this engine's fence is 1, the run's is 2" in lost.value.facts
    other.append(Append("r1", [started("fetch")], fence=2))
    with pytest.raises(FenceLostError):
        other.append(Append("r1", [started("build")], fence=3))


def test_a_persons_append_needs_no_fence(store: Backend) -> None:
    begin(store.open())
    other = store.open()
    other.append(Append("r1", [told(ev.RunPausing())]))
    assert kinds(other)[-1] == "run.pausing"


def test_a_fence_never_goes_down(store: Backend) -> None:
    journal = store.open(lambda _: False)
    begin(journal)
    fences = []
    for i in range(5):
        fences.append(journal.take("r1", ANNA if i % 2 else BERT, NOW + i).fence)
        if i % 2:
            journal.release("r1", fences[-1])
    assert fences == [2, 3, 4, 5, 6]


def test_an_append_takes_the_lease_in_its_own_transaction_or_leaves_nothing(store: Backend) -> None:
    journal = store.open()
    begin(journal)
    with pytest.raises(BusyError):
        store.open().append(Append("r1", [owned(2)], take=BERT))
    assert len(kinds(journal)) == 2
    done = store.open(lambda _: False).append(Append("r1", [owned(2, NOW + 9)], take=BERT))
    assert done.fence == 2
    assert done.last_seq == 3
    assert journal.lease("r1") == Lease("r1", BERT, 2, NOW + 9, NOW + 9 + LENGTH)


def test_a_new_run_has_the_first_fence(store: Backend) -> None:
    journal = store.open()
    done = journal.append(Append("r1", [created(), owned()], after=0, plan=frozen(PLAN), take=ANNA))
    assert done.fence == 1
    assert journal.lease("r1") == Lease("r1", ANNA, 1, NOW, NOW + LENGTH)


def test_an_append_gives_the_lease_back_in_its_own_transaction(store: Backend) -> None:
    journal = store.open()
    begin(journal)
    journal.append(Append("r1", [told(ev.RunPaused())], fence=1, release=True))
    assert journal.lease("r1") is None
    assert store.open().take("r1", BERT, NOW).fence == 2


def test_a_renewed_lease_lasts_longer_and_a_lost_one_is_reported(store: Backend) -> None:
    journal = store.open()
    for run in ("r1", "r2", "r3"):
        begin(journal, run)
    store.open(lambda _: False).take("r2", BERT, NOW + 1)
    journal.release("r3", 1)
    assert journal.renew([("r1", 1), ("r2", 1), ("r3", 1), ("nobody", 1)], NOW + SECOND) == ["r2", "r3", "nobody"]
    lease = journal.lease("r1")
    assert lease is not None
    assert lease.expires == NOW + SECOND + LENGTH
    assert journal.append(Append("r1", [started("fetch")], fence=1)).last_seq == 3


def test_releasing_a_lost_lease_leaves_the_new_owner_alone(store: Backend) -> None:
    journal = store.open()
    begin(journal)
    other = store.open(lambda _: False)
    lease = other.take("r1", BERT, NOW)
    journal.release("r1", 1)
    assert journal.lease("r1") == lease


def test_a_run_without_an_owner_has_no_lease(store: Backend) -> None:
    journal = store.open()
    journal.append(Append("r1", [created()], plan=frozen(PLAN)))
    assert journal.lease("r1") is None
    with pytest.raises(FenceLostError):
        journal.append(Append("r1", [started("fetch")], fence=1))
    with pytest.raises(FenceLostError):
        journal.append(Append("r2", [created()], plan=frozen(PLAN), fence=1))


def test_a_lease_is_taken_with_an_event_that_says_so(store: Backend) -> None:
    journal = store.open()
    begin(journal)
    journal.release("r1", 1)
    with pytest.raises(BugError):
        journal.append(Append("r1", [], take=BERT))
    assert journal.append(Append("r1", [], release=True)).last_seq == 2
