"""What the steps of random plans want of the world before they start, or instead of any work (semantics S4)."""

import random
from datetime import UTC, datetime, timedelta

import msgspec

from holdfast.plan.model import AttemptLimits, Conditions, Prose, Results, Step, Uses

BEGIN_S = 1_000_000
"""When every history begins."""
FILES = ("first.flag", "second.flag")
"""They are there sooner or later."""
NEVER = "never.flag"
LOCKS = ("db", "printer")
"""What steps work under."""
WHOLE = ("site", "dock")
"""What whole runs work under, and steps of others: two may want what the other has, until a person ends one."""
ONLINE = "network.online"


def waiting(rng: random.Random, step: Step, *, lasts_s: float, ends: bool) -> Step:
    """The step as one that only waits; one that does not end is timed out."""
    kind = rng.choice(("file", "for", "for", "until"))
    limit_s = None
    params: dict[str, object]
    if kind == "file":
        params = {"file": rng.choice(FILES) if ends else NEVER}
        limit_s = None if ends else rng.choice((1.0, 30.0))
    elif kind == "for" or not ends:
        params = {"for": f"{lasts_s:g}s"}
        limit_s = lasts_s / 2 if not ends else rng.choice((None, lasts_s * 2))
    else:
        at = datetime.fromtimestamp(BEGIN_S, UTC) + timedelta(seconds=rng.choice((-5, 3, 30)))
        params = {"until": at.isoformat()}
    return msgspec.structs.replace(
        step, work=Uses(runner="wait", params=params), limits=AttemptLimits(timeout_s=limit_s)
    )


def requiring(rng: random.Random, step: Step) -> Step:
    """The step with preconditions that hold sooner or later, or that cannot be evaluated."""
    texts = [ONLINE]
    if step.for_each is not None and rng.random() < 0.7:
        texts = [f"index >= 0 and {ONLINE}"]  # each instance looks for itself
    if step.needs and rng.random() < 0.2:
        texts.append(f"steps.{rng.choice(step.needs)}.outputs.n == 1")  # of a step that gave no output: a failure
    rng.shuffle(texts)
    conditions = step.conditions or Conditions()
    return msgspec.structs.replace(step, conditions=msgspec.structs.replace(conditions, requires=tuple(texts)))


def needing(rng: random.Random, step: Step, resources: dict[str, float]) -> Step:
    """The step with amounts of what there is so much of."""
    names = rng.sample(sorted(resources), rng.choice((1, 1, 2)))
    needs = {name: resources[name] * rng.choice((0.3, 0.5, 1.0)) for name in names}
    return msgspec.structs.replace(step, sharing=msgspec.structs.replace(step.sharing, needs_resources=needs))


def promising(step: Step) -> Step:
    """The step with a promise in prose, which only a person can look at."""
    return msgspec.structs.replace(step, results=Results(expect=(Prose(prose="it reads well"),)))


def locking(rng: random.Random, step: Step) -> Step:
    """The step with locks that its attempts work under."""
    names = rng.choice(((LOCKS[0],), (LOCKS[0],), (LOCKS[1],), LOCKS, (WHOLE[0],), (WHOLE[1],), (WHOLE[0], LOCKS[0])))
    return msgspec.structs.replace(step, sharing=msgspec.structs.replace(step.sharing, locks=names))
