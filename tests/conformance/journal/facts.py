"""Plans, owners and events that tests of the journal are written in."""

import hashlib
from collections.abc import Sequence

import msgspec

from holdfast.plan.model import Effect, EffectPolicy, Plan, Reconcile, Retry, Run, Step
from holdfast.ports import Append, Journal, Owner
from holdfast.run import events as ev

NOW = 1_795_000_000_000_000
SECOND = 1_000_000
ANNA = Owner("host-a", "boot-a", 11, "100", "0.1.0")
BERT = Owner("host-b", "boot-b", 22, "200", "0.1.0")


def step(name: str, retry: int = 1, reconcile: str | None = None, effect: Effect = Effect.REPEATABLE) -> Step:
    policy = EffectPolicy(effect=effect, reconcile=Reconcile(work=Run(text=reconcile)) if reconcile else None)
    return Step(id=name, work=Run(text="true"), retry=Retry(attempts=retry), effect=policy)


PLAN = Plan(id="shop", steps=(step("fetch"), step("build", 3), step("pay", 2, effect=Effect.ONCE)))


def frozen(plan: Plan) -> bytes:
    return msgspec.json.encode(plan)


def digest(plan: Plan) -> str:
    return "sha256:" + hashlib.sha256(frozen(plan)).hexdigest()


def created(plan: Plan = PLAN, at: int = NOW, **inputs: object) -> ev.Event:
    return ev.Event(at, ev.RunCreated(plan.id, digest(plan), "shop.yaml", "/project", inputs))


def owned(fence: int = 1, at: int = NOW + 1) -> ev.Event:
    return ev.Event(at, ev.RunOwned(fence, "host-a", 11, "0.1.0"))


def started(name: str, attempt: int = 1, key: str | None = None, at: int = NOW + 2) -> ev.Event:
    return ev.Event(at, ev.AttemptStarted(key=key), name, attempt)


def ended(
    name: str,
    status: ev.AttemptStatus = "succeeded",
    attempt: int = 1,
    retry_at: int | None = None,
    code: str | None = None,
    at: int = NOW + 3,
) -> ev.Event:
    error = ev.Error(code, f"it was {code}") if code else None
    return ev.Event(at, ev.AttemptEnded(status, error=error, retry_at=retry_at), name, attempt)


def told(body: ev.Body, name: str | None = None, at: int = NOW + 4) -> ev.Event:
    return ev.Event(at, body, name)


def begin(journal: Journal, run: str = "r1", events: Sequence[ev.Event] = (), plan: Plan = PLAN) -> int:
    """A new run, owned by Anna, with more events; returns the number of the last one."""
    work = Append(run, [created(plan), owned(), *events], after=0, plan=frozen(plan), take=ANNA)
    return journal.append(work).last_seq


def kinds(journal: Journal, run: str = "r1") -> list[str]:
    return [stored.event.body.kind for stored in journal.events(run)]
