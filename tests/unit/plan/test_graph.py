"""The plan's steps as a graph of integers."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.plan.graph import Graph, build, find_cycle, of_plan
from holdfast.plan.model import Plan, Run, Step

WORK = Run(text="true")


def steps(*needs: str) -> list[Step]:
    """Steps `a`, `b`, `c`… where each text names what that step needs, one letter each."""
    return [Step(id=chr(97 + i), work=WORK, needs=tuple(wanted)) for i, wanted in enumerate(needs)]


def graph(*needs: str) -> Graph:
    return build(steps(*needs))


def named(found: Graph, positions: set[int]) -> str:
    return "".join(sorted(found.ids[i] for i in positions))


DIAMOND = ("", "a", "a", "bc", "")


def test_positions_follow_the_file() -> None:
    found = graph(*DIAMOND)
    assert (found.ids, found.index) == (("a", "b", "c", "d", "e"), {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4})
    assert found.needs == ((), (0,), (0,), (1, 2), ())
    assert found.dependents == ((1, 2), (3,), (3,), (), ())


def test_the_steps_of_finally_come_last() -> None:
    first, last = steps("", "a")
    assert of_plan(Plan(id="p", steps=(first,), finally_=(last,))).ids == ("a", "b")


def test_the_order_puts_every_step_behind_what_it_needs() -> None:
    assert graph("b", "c", "").order == (2, 1, 0)
    assert graph(*DIAMOND).order == (0, 4, 1, 2, 3)


def test_a_dependency_named_twice_is_one_that_is_met_twice() -> None:
    assert graph("", "aa").order == (0, 1)


def test_the_layer_of_a_step_is_its_longest_path_from_a_root() -> None:
    assert graph(*DIAMOND).layers() == [0, 1, 1, 2, 0]
    assert graph("", "a", "ab").layers() == [0, 1, 2]


def test_the_remaining_path_is_the_longest_to_the_end() -> None:
    # semantics S4
    found = graph("", "a", "a", "b", "")
    assert found.remaining(lambda _: 1.0) == [3, 2, 1, 1, 1]
    assert found.remaining([1.0, 1.0, 9.0, 1.0, 4.0].__getitem__) == [10, 2, 9, 1, 4]


def test_downstream_and_ancestors_are_transitive_and_leave_the_start_out() -> None:
    found = graph(*DIAMOND)
    assert named(found, found.downstream([0])) == "bcd"
    assert named(found, found.downstream([1, 2])) == "d"
    assert named(found, found.downstream([0, 1])) == "bcd"
    assert named(found, found.ancestors([3])) == "abc"
    assert (found.ancestors([0]), found.downstream([4]), found.downstream([])) == (set(), set(), set())


@pytest.mark.parametrize(
    ("needs", "cycle"),
    [
        ([], None),
        ([[]], None),
        ([[], [0], [0, 1]], None),
        ([[0]], [0, 0]),
        ([[1], [0]], [0, 1, 0]),
        ([[], [0, 3], [1], [2]], [1, 2, 3, 1]),
        ([[1], [2], [0, 1]], [0, 2, 1, 0]),
        ([[1], [2], [1]], [1, 2, 1]),
        ([[], [2], [1], [0, 1]], [1, 2, 1]),
    ],
)
def test_a_cycle_is_found_and_a_plan_without_one_has_none(needs: list[list[int]], cycle: list[int] | None) -> None:
    assert find_cycle(needs) == cycle


def test_of_two_ways_around_the_shorter_is_shown() -> None:
    assert find_cycle([[1, 4], [2], [3], [0], [0]]) == [0, 4, 0]


def test_a_graph_is_not_built_of_a_cycle() -> None:
    with pytest.raises(AssertionError, match="cycle"):
        graph("b", "a")


needs_of = st.lists(st.lists(st.integers(0, 11), max_size=3), max_size=12).map(
    lambda lists: [[j for j in wanted if j < len(lists)] for wanted in lists]
)


@given(needs_of)
def test_a_found_cycle_is_one_and_without_one_there_is_an_order(needs: list[list[int]]) -> None:
    cycle = find_cycle(needs)
    if cycle is None:
        found = build([Step(id=str(i), work=WORK, needs=tuple(map(str, wanted))) for i, wanted in enumerate(needs)])
        place = {i: n for n, i in enumerate(found.order)}
        assert all(place[j] < place[i] for i, wanted in enumerate(needs) for j in wanted)
    else:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(one in needs[other] for one, other in pairwise(cycle))


@given(needs_of)
def test_reach_agrees_with_its_definition(needs: list[list[int]]) -> None:
    forward = [[j for j in wanted if j < i] for i, wanted in enumerate(needs)]
    found = build([Step(id=str(i), work=WORK, needs=tuple(map(str, wanted))) for i, wanted in enumerate(forward)])
    above: list[set[int]] = []
    for wanted in forward:
        above.append({*wanted}.union(*(above[j] for j in wanted)))
    for i in range(len(needs)):
        assert found.ancestors([i]) == above[i]
        assert found.downstream([i]) == {j for j in range(len(needs)) if i in above[j]}
        assert found.layers()[i] == max((found.layers()[j] + 1 for j in forward[i]), default=0)


def chain(count: int) -> Sequence[Step]:
    return [Step(id=f"s{i}", work=WORK, needs=(f"s{i - 1}",) if i else ()) for i in range(count)]


def test_a_chain_of_100_000_steps_needs_no_recursion() -> None:
    count = 100_000
    found = build(chain(count))
    assert found.layers()[-1] == count - 1
    assert found.remaining(lambda _: 1.0)[0] == count
    assert len(found.downstream([0])) == len(found.ancestors([count - 1])) == count - 1
    ring = [[i - 1] for i in range(count)]
    ring[0] = [count - 1]
    cycle = find_cycle(ring)
    assert cycle is not None
    assert len(cycle) == count + 1
