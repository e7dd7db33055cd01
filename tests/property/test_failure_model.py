"""Random plans with random policies and outcomes against a small model that shares nothing with the core.

Every run ends, every step has exactly one final state, and the outcome is a function of the steps' outcomes.
"""

import random
from typing import Literal, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.plan.model import Depends, Edge, FailurePolicy, OnFailure, Plan, Step, Uses
from holdfast.run import events as ev
from holdfast.run.choose import Start, Tell, at_rest, choose
from holdfast.run.disposition import Scene, disposed
from holdfast.run.finishing import outcome
from holdfast.run.machine import Run
from holdfast.run.states import FINAL_STEP

STEPS_MAX = 40
MOVES_MAX = 1_000
Policy = Literal["abort", "skip_dependents", "continue", "skip", "rollback", "fallback"]


class Node(NamedTuple):
    """One step of a plan: what it waits for, what its failure means, where its end leads, and whether it fails."""

    needs: tuple[int, ...] = ()
    policy: Policy = "abort"
    fallback: int | None = None
    on_success: int | None = None
    on_failure: int | None = None
    done: bool = False
    fails: bool = False
    last: bool = False


def drawn(rng: random.Random, count: int) -> list[Node]:
    """So many steps, each of which waits for and leads to others in one direction only."""
    last = rng.randint(0, min(3, count - 1))
    policies: list[Policy] = ["skip_dependents", "continue", "skip"]
    if rng.random() < 0.3:
        policies += ["abort", "rollback"]
    leads, waits, fails = rng.choice((0.1, 0.3)), rng.choice((0.2, 0.6)), rng.choice((0.1, 0.3, 0.6))
    nodes: list[Node] = []
    for i in range(count):
        first, end = (count - last, count) if i >= count - last else (0, count - last)
        behind = range(i + 1, min(end, i + 7))
        to = [rng.choice(behind) if behind and rng.random() < leads else None for _ in range(3)]
        needs = tuple([j for j in range(max(first, i - 5), i) if rng.random() < waits / 2])
        done, failing = rng.random() < 0.15, rng.random() < fails
        nodes.append(Node(needs, rng.choice(policies), to[0], to[1], to[2], done, failing, i >= count - last))
    # The end of a fallback does not wait for the end of what it stands in for.
    for i, node in enumerate(nodes):
        if node.fallback is not None and i in _awaited(nodes, node.fallback):
            nodes[i] = node._replace(fallback=None)
    return nodes


def _awaited(nodes: list[Node], i: int) -> set[int]:
    """Whose ends the end of a step that is chosen waits for."""
    found: set[int] = set()
    stack = [(i, True)]
    while stack:
        this, chosen = stack.pop()
        node = nodes[this]
        waits = [(j, False) for j in node.needs]
        if not chosen:
            led = [j for j, it in enumerate(nodes) if this in {it.fallback, it.on_success, it.on_failure}]
            waits += [(j, False) for j in led]
        if node.fallback is not None:
            waits.append((node.fallback, True))
        stack += [each for each in waits if each[0] not in found]
        found.update(each[0] for each in waits)
    return found


# The model: in the order of the file each step's end follows from those before it, apart from fallbacks, whose end is
# known only later; it is worked out by going over the steps until nothing changes.


class Model:
    """What must become of each step where nothing is stopped in its course by an abort."""

    def __init__(self, nodes: list[Node], *, keep_going: bool) -> None:
        self.nodes = nodes
        self.keep_going = keep_going
        self.end: dict[int, str] = {}
        self.policy: dict[int, str] = {}  # by which a failed step failed
        self.fell: set[int] = set()  # steps that have failed and wait, or waited, for their fallback
        while self._sweep():
            pass

    @property
    def aborted(self) -> bool:
        """Whether a failure ends the run."""
        ends = [i for i, policy in self.policy.items() if policy in {"abort", "rollback"} and not self.nodes[i].last]
        return bool(ends) and not self.keep_going

    @property
    def outcome(self) -> str:
        """The run's outcome from how its steps ended."""
        if any(policy in {"abort", "rollback"} for policy in self.policy.values()):
            return "failed"
        missing = any(policy != "handled" for policy in self.policy.values())
        return "partial" if missing or any(end in {"upstream", "policy"} for end in self.end.values()) else "succeeded"

    def _sweep(self) -> bool:
        changed = False
        for last in (False, True):
            if last and any(i not in self.end for i, node in enumerate(self.nodes) if not node.last):
                break
            for i, node in enumerate(self.nodes):
                if node.last is last and i not in self.end:
                    fell = len(self.fell)
                    end = self._end_of(i, node)
                    changed = changed or len(self.fell) > fell
                    if end is not None:
                        self.end[i] = end
                        changed = True
        return changed

    def _end_of(self, i: int, node: Node) -> str | None:
        leading = [j for j, it in enumerate(self.nodes) if i in {it.fallback, it.on_success, it.on_failure}]
        if leading and not any(self._chose(j, i) for j in leading):
            undecided = any(j not in self.end for j in leading) or any(j not in self.end for j in node.needs)
            return None if undecided else "branch"
        if any(j not in self.end for j in node.needs):
            return None
        if not (node.done or node.last or all(self._lets(j, i) for j in node.needs)):
            return "upstream"
        return self._failed(i, node) if node.fails else "succeeded"

    def _failed(self, i: int, node: Node) -> str | None:
        policy: str = node.policy
        if node.fallback is not None:
            self.fell.add(i)
            stand_in = self.end.get(node.fallback)
            if stand_in is None:
                return None
            if stand_in in {"succeeded", "recovered"}:
                return "recovered"
            policy = self._policy_of(node.fallback)
        if node.on_failure is not None:
            policy = "handled"
        if policy == "skip":
            return "policy"
        self.policy[i] = policy
        return "failed"

    def _policy_of(self, i: int) -> str:
        node = self.nodes[i]
        if i in self.policy:
            return self.policy[i]
        if self.end.get(i) == "policy" or node.fallback is None:
            return "skip" if self.end.get(i) == "policy" else node.policy
        return self._policy_of(node.fallback)

    def _chose(self, j: int, i: int) -> bool:
        node, end = self.nodes[j], self.end.get(j)
        if node.fallback == i and j in self.fell:
            return True
        if end in {"succeeded", "recovered"}:
            return node.on_success == i
        return end == "failed" and self.policy[j] == "handled" and node.on_failure == i

    def _lets(self, j: int, i: int) -> bool:
        node, end = self.nodes[j], self.end[j]
        if end != "failed":
            return end in {"succeeded", "recovered", "branch"}
        policy = self.policy[j]
        if policy == "handled":
            return node.on_failure == i or (node.policy == "continue" and node.fallback is None)
        return policy == "continue"


def plan_of(nodes: list[Node]) -> Plan:
    steps = []
    for i, node in enumerate(nodes):
        policy = FailurePolicy(action=OnFailure(node.policy))
        if node.fallback is not None:
            policy = FailurePolicy(action=OnFailure.FALLBACK, fallback=f"s{node.fallback}")
        edges = [("success", node.on_success), ("failure", node.on_failure)]
        steps.append(
            Step(
                id=f"s{i}",
                work=Uses(runner="noop"),
                needs=tuple([f"s{j}" for j in node.needs]),
                depends=Depends.DONE if node.done or node.last else Depends.OK,
                on_failure=policy,
                next=tuple([Edge(on=on, to=f"s{to}") for on, to in edges if to is not None]),
            )
        )
    split = next((i for i, node in enumerate(nodes) if node.last), len(nodes))
    return Plan(id="p", steps=tuple(steps[:split]), finally_=tuple(steps[split:]))


def played(nodes: list[Node], rng: random.Random, *, keep_going: bool) -> Run:
    """The core's run of the plan; which of the running steps ends next is drawn."""
    run = Run("r", plan_of(nodes))
    run.apply(ev.Event(1, ev.RunCreated("p", "d", "p.yaml", "/p", request={"keep_going": keep_going})))
    run.apply(ev.Event(1, ev.RunOwned(1, "host", 1, "0")))
    for now in range(2, MOVES_MAX):
        if run.final:
            return run
        decision = choose(run, now, 3 - len(run.running), {})
        if isinstance(decision, Start):
            run.apply(ev.Event(now, ev.AttemptStarted(), run.steps[decision.step].id, 1))
        elif decision is not None:
            assert isinstance(decision, Tell)
            run.apply(decision.event)
        elif run.running:
            i = rng.choice(sorted(run.running))
            ended = ev.AttemptEnded("succeeded")
            if nodes[i].fails:
                ended = ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero"))
            run.apply(ev.Event(now, disposed(run, i, 1, ended, Scene(now)), run.steps[i].id, 1))
        else:
            rest = at_rest(run, now, {})
            assert rest is not None, "a run that can do nothing says so"
            run.apply(rest.event)
    raise AssertionError("the run never ends")


@settings(max_examples=600, deadline=None)
@given(st.integers(1, STEPS_MAX), st.integers(0, 2**32))
def test_a_run_goes_as_the_small_model_says(count: int, seed: int) -> None:
    # semantics S2, S5, S6, S7, S8, S14, S15, S17
    rng = random.Random(seed)
    keep_going, nodes = rng.random() < 0.3, drawn(rng, count)
    run, model = played(nodes, rng, keep_going=keep_going), Model(nodes, keep_going=keep_going)
    assert all(state.status in FINAL_STEP for state in run.states)
    assert outcome(run) == run.outcome
    if model.aborted:
        assert run.outcome == "failed"
        return
    became = {i: getattr(state, "why", None) or state.status.value for i, state in enumerate(run.states)}
    assert became == model.end
    assert run.outcome == model.outcome
    assert all(not node.last or became[i] != "canceled" for i, node in enumerate(nodes))
