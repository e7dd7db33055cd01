"""What random plans are for, and by when they are to be done (semantics S18); drawn beside everything else."""

import random
from collections.abc import Sequence

import msgspec

from holdfast.plan.model import Criterion, Goal, Holds, Overdue, People, Plan, Prose
from holdfast.run import events as ev
from holdfast.run.alarms import Escalated
from holdfast.run.machine import Run
from tests.simulation.plans import SECOND

NICE, SHORT = "it is nice", "it is short"


def aiming(plan: Plan) -> Plan:
    """The plan, perhaps with a goal of which only people can say whether it is met, and with steps that may be late."""
    rng = random.Random(repr((len(plan.steps), plan.limits, [step.retry for step in plan.steps])))
    if rng.random() < 0.2:
        done: list[Criterion] = [Prose(prose=text) for text in rng.sample((NICE, SHORT), rng.choice((1, 1, 2)))]
        done += [Holds(expression="1 == 1")] if rng.random() < 0.3 else []
        plan = msgspec.structs.replace(plan, goal=Goal(done_when=tuple(done)))
    if rng.random() < 0.2:
        steps = tuple(
            msgspec.structs.replace(step, people=People(overdue=_late(rng))) if rng.random() < 0.3 else step
            for step in plan.steps
        )
        plan = msgspec.structs.replace(plan, steps=steps, overdue=_late(rng))
    return plan


def _late(rng: random.Random) -> Overdue:
    return Overdue(after_s=rng.choice((0.01, 1.0, 10.0, 1000.0)), escalate="lead")


def is_met(criterion: str) -> bool:
    """What there really is to say of a criterion."""
    return criterion != SHORT


def asked(run: Run) -> list[str]:
    """What people are asked about the goal and have not answered."""
    return [criterion for criterion, said in run.judged.items() if said is None]


def wrong_end(run: Run, ended: str) -> str | None:
    """What is wrong with how a run has ended whose steps alone have `ended` so, or `None`."""
    prose = [it.prose for it in run.plan.goal.done_when if isinstance(it, Prose)] if run.plan.goal is not None else []
    if ended not in {"succeeded", "partial"} or not prose:
        return None if run.outcome == ended else f"its steps say {ended}"
    if run.canceling is not None and any(run.judged.get(text) is None for text in prose):
        return None if run.outcome == "canceled" or not run.judged else "nobody has said whether its goal is met"
    missing = [text for text in prose if run.judged.get(text) is None]
    expected = ended if all(run.judged[text] == "true" for text in prose if text not in missing) else "partial"
    return f"nobody has said whether {missing}" if missing else None if run.outcome == expected else f"not {expected}"


def wrong_alarms(run: Run, events: Sequence[ev.StoredEvent]) -> str | None:
    """What is wrong with what people were told of being late, or `None`: once for each, and not before its time."""
    seen: set[tuple[str | None, str]] = set()
    for stored in events:
        event, body = stored.event, stored.event.body
        if not isinstance(body, Escalated):
            continue
        key = event.step, body.what
        step = None if event.step is None else run.steps[run.index[event.step]]
        late = run.plan.overdue if step is None else step.people.overdue
        first = events[0].event.at if step is None else _began(events, event.step)
        assert late is not None
        if key in seen or event.at < body.due or body.due != first + round(late.after_s * SECOND):
            return f"{body} at {event.at} of {event.step or 'the run'}, which began at {first}"
        seen.add(key)
    return None


def _began(events: Sequence[ev.StoredEvent], step: str | None) -> int:
    return next(
        it.event.at
        for it in events
        if it.event.step == step and isinstance(it.event.body, ev.AttemptStarted | ev.StepWaiting)
    )
