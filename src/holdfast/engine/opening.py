"""How a driver comes to be: for a run that is created now, or for one that another engine left (semantics C2-C4)."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from holdfast.engine.attempt import DEFAULT_ROOTS, Site, plan_environment
from holdfast.engine.commands import running_attempts
from holdfast.engine.driver import Driver, Opening, World
from holdfast.engine.environment import passed, redacted
from holdfast.engine.keeper_client import Adopted, KeeperClient
from holdfast.engine.keeper_facts import Facts
from holdfast.engine.nested import Child
from holdfast.engine.waits import is_noop
from holdfast.errors import RequestError
from holdfast.plan.expr import ExpressionError
from holdfast.plan.model import Plan
from holdfast.plan.nested import is_nested
from holdfast.ports import Artifacts, LostRunError, RunEndedError
from holdfast.run import events as ev
from holdfast.run.events import StoredEvent
from holdfast.run.machine import Run, fold
from holdfast.run.queue import takes_no_slot
from holdfast.run.reached import Recall
from holdfast.run.states import RunStatus

if TYPE_CHECKING:
    from holdfast.engine.early import EarlyKeeper

FIRST_FENCE = 1
"""The fencing number of a new run's first owner."""
FOLDERS = ("logs", "out", "scratch")
NOTHING_LEFT = Adopted(frozenset(), Facts(None, {}), ())


class NewRun(NamedTuple):
    """A run to be created: its id, the checked plan with its stored form, and the `run.created` event's body."""

    run: str
    plan: Plan
    plan_bytes: bytes
    created: ev.RunCreated


class Base:
    """Where runs keep their files: the state folder, the artifact store, and the environment outside."""

    __slots__ = ("_environ", "_passed", "early", "runs", "store")

    def __init__(self, state: Path, store: Artifacts, environ: dict[str, str]) -> None:
        self.runs = str(state / "runs")
        self.store = store
        self._environ = environ
        self._passed: dict[tuple[str, ...], dict[str, str]] = {}
        self.early: EarlyKeeper | None = None  # for the first run that needs a keeper

    def passed(self, asked: tuple[str, ...]) -> dict[str, str]:
        """What a plan's steps get of the environment outside, which does not change; a copy."""
        known = self._passed.get(asked)
        if known is None:
            known = self._passed[asked] = passed(self._environ, asked)
        return dict(known)


def create(world: World, base: Base, new: NewRun) -> Driver:
    """A new run: it is created and owned in its first commit, together with what starts at once."""
    run = Run(new.run, new.plan, _recall(base.store))
    run.inputs = new.created.inputs  # as its first event will say
    site = _site(base, run, new.created.project)
    driver = Driver(world, run, site, FIRST_FENCE, 0)
    _Family(driver, base, new.created)
    if has_commands(run):
        make_folders(site)
        driver.commands.open(base.early)  # it starts beside us, while we do what must come before the first command
    now = world.clock.now()
    events = [ev.Event(now, new.created), ev.Event(now, _owned(world, driver))]
    driver.open(Opening(new.plan_bytes, world.host.owner), events)
    return driver


def reopen(world: World, base: Base, run_id: str) -> Driver:
    """Take over an existing run and settle what was under way; raises `BusyError`, `RunEndedError`."""
    lease = world.journal.take(run_id, world.host.owner, world.clock.now())
    try:
        stored = world.journal.events(run_id)
        run, created = _folded(world, base, run_id, stored)
        if run.final or run.status is RunStatus.QUARANTINED:
            raise RunEndedError(f"run {run_id} is {run.status} and cannot go on", code="E_RUN_ENDED")
        site = _site(base, run, created.project)
        driver = Driver(world, run, site, lease.fence, stored[-1].seq)
        _Family(driver, base, created)
        driver.nested.left_over = bool(run.children)
        driver.own(ev.Event(world.clock.now(), _owned(world, driver)))
        _settle(driver)
    except BaseException:
        world.journal.release(run_id, lease.fence)
        raise
    return driver


def _folded(world: World, base: Base, run_id: str, stored: Sequence[StoredEvent]) -> tuple[Run, ev.RunCreated]:
    created = stored[0].event.body
    assert isinstance(created, ev.RunCreated)
    plan = msgspec.json.decode(world.journal.plan(created.plan_digest), type=Plan)
    run = Run(run_id, plan, _recall(base.store))
    fold(run, (each.event for each in stored))
    return run, created


def has_commands(run: Run) -> bool:
    """Whether any step is work for a keeper."""
    return any(not (step.inline or is_noop(step) or is_nested(step) or takes_no_slot(step)) for step in run.steps)


def make_folders(site: Site) -> None:
    """The folders of a run's logs and outputs."""
    for name in FOLDERS:
        os.makedirs(f"{site.folder}/{name}", exist_ok=True)


def _settle(driver: Driver) -> None:
    """Adopt what a keeper of this run still has, take the ends it recorded, count the rest as lost."""
    folder = Path(driver.site.folder)
    attempts = running_attempts(driver)
    if has_commands(driver.run):
        make_folders(driver.site)
    if (folder / "keeper.jsonl").exists() or (folder / "keeper.lock").exists():
        client, adopted = KeeperClient.adopt(folder, driver.run.id, driver.fence)
    else:
        client, adopted = None, NOTHING_LEFT
    driver.commands.take_over(client, adopted, attempts)


class _Family:
    """How the nested runs of a run come to be."""

    def __init__(self, driver: Driver, base: Base, created: ev.RunCreated) -> None:
        self._driver = driver
        self._base = base
        self._created = created
        driver.nested.create, driver.nested.reopen = self.create, self.reopen

    def create(self, child: Child) -> Driver:
        """A new run for an attempt whose start is durable."""
        run, created = self._driver.run, self._created
        file = child.file and os.path.join(created.project, child.file)
        data = msgspec.json.encode(child.plan, order="deterministic")
        body = ev.RunCreated(
            plan=child.plan.id,
            plan_digest="sha256:" + hashlib.sha256(data).hexdigest(),
            plan_file=file or created.plan_file,
            project=os.path.dirname(file) if file else created.project,
            inputs=child.link.inputs,
            request=created.request,
            who=self._driver.world.host.who,
            parent=ev.Parent(run.id, run.steps[child.step].id, child.attempt),
        )
        return create(self._driver.world, self._base, NewRun(child.link.run, child.plan, data, body))

    def reopen(self, name: str) -> Driver | Run | None:
        """Go on with a nested run; one that has ended as its fold, one that was never created as `None`."""
        world = self._driver.world
        try:
            return reopen(world, self._base, name)
        except LostRunError:
            return None
        except RunEndedError:
            stored = world.journal.events(name)
            return _folded(world, self._base, name, stored)[0]


def _site(base: Base, run: Run, project: str) -> Site:
    plan = run.plan
    env = base.passed(plan.env_pass)
    try:
        own = plan_environment(run)
    except ExpressionError as error:
        raise RequestError(error.headline, code="E_EXPRESSION", hint=error.hint) from None
    for name, text in own.items():
        if text is None:
            env.pop(name, None)
        else:
            env[name] = text
    roots = plan.policy.write_roots if plan.policy is not None else DEFAULT_ROOTS
    return Site(run.id, project, f"{base.runs}/{run.id}", env, base.store, plan.limits.grace_s, roots)


def _owned(world: World, driver: Driver) -> ev.RunOwned:
    host, plan = world.host, driver.run.plan
    return ev.RunOwned(
        fence=driver.fence,
        host=host.name,
        pid=host.owner.pid,
        engine=host.version,
        os=host.system,
        environment=redacted(driver.site.env),
        concurrency=driver.concurrency,
        limits=msgspec.to_builtins(plan.limits),
        policy=msgspec.to_builtins(plan.policy) if plan.policy else {},
        ran_s=driver.run.stopwatch.ran_before_us(driver.run.at) / 1e6 if driver.run.stopwatch is not None else 0.0,
    )


def _recall(store: Artifacts) -> Recall:
    def recall(digest: str) -> dict[str, object]:
        return msgspec.json.decode(store.read(digest), type=dict[str, object])

    return recall
