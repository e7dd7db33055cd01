from hypothesis import given
from hypothesis import strategies as st

from holdfast.plan.graph import build
from holdfast.plan.model import Step
from holdfast.run.queue import Queue
from tests.unit.run.story import step


def queue(*steps: Step) -> Queue:
    return Queue(steps, build(steps))


def drain(q: Queue) -> list[int]:
    """What is offered, in order."""
    found = []
    while (i := q.first()) is not None:
        found.append(i)
        q.withdraw(i)
    return found


def test_what_is_offered_comes_by_priority_then_research_then_longest_remaining_path_then_file_order() -> None:
    # semantics S4, semantics S19
    q = queue(
        step("last"),
        step("long"),
        step("tail", "long"),
        step("study", kind="research"),
        step("low", priority=-1, kind="research"),
        step("high", priority=5),
        step("also-last"),
    )
    for i in range(7):
        q.offer(i)
    assert drain(q) == [5, 3, 1, 0, 2, 6, 4]


def test_a_step_offered_twice_is_handed_out_once() -> None:
    q = queue(step("a"))
    q.offer(0)
    q.withdraw(0)
    q.offer(0)
    assert drain(q) == [0]
    assert not q


def test_a_retry_is_offered_when_it_is_due_and_not_before() -> None:
    # semantics S9
    q = queue(step("a"), step("b"))
    q.postpone(0, 100)
    q.call_due(99)
    assert (q.first(), q.next_due(), bool(q)) == (None, 100, True)
    q.call_due(100)
    assert (q.first(), q.next_due(), bool(q)) == (0, None, True)


def test_retries_that_are_due_come_by_rank_and_not_by_when_they_were_due() -> None:
    # semantics S4
    q = queue(step("low"), step("high", priority=1))
    q.postpone(0, 100)
    q.postpone(1, 200)
    q.call_due(300)
    assert drain(q) == [1, 0]


def test_a_retry_that_is_handed_out_is_not_offered_again() -> None:
    q = queue(step("a"))
    q.postpone(0, 100)
    q.call_due(100)
    q.withdraw(0)
    q.call_due(200)
    assert (q.first(), q.next_due(), bool(q)) == (None, None, False)


def test_the_last_due_time_of_a_retry_counts() -> None:
    q = queue(step("a"))
    q.postpone(0, 100)
    q.postpone(0, 50)
    assert q.next_due() == 50
    q.withdraw(0)
    q.postpone(0, 300)
    q.call_due(200)
    assert (q.first(), q.next_due()) == (None, 300)


def test_a_cleared_queue_holds_nothing() -> None:
    q = queue(step("a"), step("b"))
    q.offer(0)
    q.postpone(1, 5)
    q.clear()
    q.call_due(10)
    assert (q.first(), q.next_due(), bool(q)) == (None, None, False)


@given(
    st.lists(
        st.tuples(st.sampled_from(["offer", "postpone", "withdraw", "call"]), st.integers(0, 4), st.integers(0, 9))
    )
)
def test_a_queue_is_a_set_and_a_map(moves: list[tuple[str, int, int]]) -> None:
    q = queue(*(step(name, priority=i % 3) for i, name in enumerate("abcde")))
    offered: set[int] = set()
    later: dict[int, int] = {}
    for move, i, due in moves:
        if move == "offer":
            q.offer(i)
            offered.add(i)
            later.pop(i, None)
        elif move == "postpone" and i not in offered:
            q.postpone(i, due)
            later[i] = due
        elif move == "withdraw":
            q.withdraw(i)
            offered.discard(i)
            later.pop(i, None)
        else:
            q.call_due(due)
            called = {j for j, at in later.items() if at <= due}
            offered |= called
            later = {j: at for j, at in later.items() if j not in called}
        assert q.first() == min(offered, key=lambda j: q.tickets[j], default=None)
        assert q.next_due() == min(later.values(), default=None)
        assert bool(q) == bool(offered or later)
