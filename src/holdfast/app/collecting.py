"""What of the artifact store is no longer wanted, deleted; and whether all that is wanted is there and intact.

Wanted is what an event names of a run that has not ended, of the latest runs of each plan, and of the project's own
stream (where pins are recorded); and what the latest success of each step made, since it is the step's proof. A product
with a `retention` is wanted for that long, whatever the run.

A run that goes on elsewhere may be about to commit what no event names yet. It has stored, or touched, that since an
engine took the run, so that nothing younger than the oldest run in a living engine's hands is deleted. The list of
objects is made before the journal is looked at, and each object is looked at again, under the store's lock, when it is
deleted: see `holdfast.artifacts.objects`.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from holdfast.app.artifacts import Made, latest
from holdfast.app.lost import strangers
from holdfast.artifacts.objects import Condition
from holdfast.artifacts.store import Store
from holdfast.errors import IntegrityError, RequestError, StoreError
from holdfast.journal.makings import Making, held_since, kept_runs, makings, mentioned
from holdfast.plan.model import Plan
from holdfast.run.events import ArtifactRef
from holdfast.run.growth import template_id

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.journal.leases import IsAlive
    from holdfast.journal.sqlite import SqliteJournal

KEPT_RUNS: Final = 10
MIN_AGE_S: Final = 60.0
CLOCK_NS: Final = 1_000_000_000
"""The times of files lag behind the clock by less than this, on most file systems by far."""
BATCH: Final = 256
"""So many objects are deleted at once; who stores something waits for no more."""


class Found(msgspec.Struct, frozen=True):
    """An artifact, or (`artifact` is null) a step's large outputs, that is damaged or missing."""

    run: str
    plan: str
    step: str
    artifact: str | None
    path: str | None
    digest: str
    condition: str
    plan_file: str


class Verified(msgspec.Struct, frozen=True):
    """What hashing every object found: `others` are damaged objects that no step's latest attempt has."""

    ok: bool
    objects: int
    bytes: int
    found: tuple[Found, ...] = ()
    others: tuple[str, ...] = ()
    quarantine: str | None = None


class Collected(msgspec.Struct, frozen=True):
    """What a collection deleted, or would delete. `artifacts` are those that lose their bytes, as run, step, name."""

    dry_run: bool
    objects: int
    bytes: int
    kept: int
    kept_bytes: int
    young: int
    leftovers: int
    artifacts: tuple[tuple[str, str, str], ...] = ()


class Limits(NamedTuple):
    """How many runs of each plan keep what they made, and how old something must be to be deleted."""

    runs: int = KEPT_RUNS
    min_age_s: float = MIN_AGE_S


class Collector:
    """Looks over one state folder's store with the journal that knows its runs."""

    def __init__(self, app: "Holdfast", journal: "SqliteJournal") -> None:
        """`journal` must know every run of the state folder; that is seen to before anything is deleted."""
        self._app = app
        self._journal = journal
        self._store = Store(app.state)
        self._inside: dict[str, set[str]] = {}
        self._plans: dict[str, dict[tuple[str, str], float]] = {}

    def collect(self, limits: Limits, is_alive: "IsAlive", *, dry_run: bool = False) -> Collected:
        """Delete what is not wanted. Raises `RequestError`, `IntegrityError` and `StoreError`."""
        unknown = strangers(self._app, self._journal)
        if unknown:
            headline = f"{self._app.state} has runs that {self._app.database} does not know: {', '.join(unknown[:8])}"
            hint = "collect with the journal that knows them (--db), or move their folders in runs/ away"
            raise RequestError(headline, code="E_ARTIFACT_FOREIGN", hint=hint)
        objects = [(digest, found.st_size, found.st_mtime_ns) for digest, found in self._store.objects.all()]
        reader = self._journal.reader
        now_ns = time.time_ns()
        with reader.snapshot():
            since = held_since(reader, is_alive)
            made = makings(reader)
            wanted = self._wanted(made, limits.runs, now_ns // 1000)
        before_ns = now_ns - max(int(limits.min_age_s * 1e9), CLOCK_NS)
        if since is not None:
            before_ns = min(before_ns, since * 1000 - CLOCK_NS)
        doomed = {digest: size for digest, size, touched in objects if digest not in wanted and touched < before_ns}
        young = sum(digest not in wanted and digest not in doomed for digest, _, _ in objects)
        there = self._store.present([row.ref for row in latest(made)])
        lost = [
            row
            for row in latest(made)
            if row.ref.digest in there and not doomed.keys().isdisjoint(self._parts(row.ref))
        ]
        leftovers = [path for path, found in self._leftovers() if found.st_mtime_ns < before_ns]
        if not dry_run:
            self._delete(sorted(doomed), before_ns)
            self._clear(leftovers, before_ns)
        kept = [size for digest, size, _ in objects if digest not in doomed]
        names = tuple((row.run, row.step, row.artifact) for row in lost)
        return Collected(dry_run, len(doomed), sum(doomed.values()), len(kept), sum(kept), young, len(leftovers), names)

    def verify(self) -> Verified:
        """Hash every object again; damaged ones are moved to the quarantine."""
        made = makings(self._journal.reader)
        rows = [(row, self._parts(row.ref)) for row in (*latest(made), *_outputs(made))]
        objects = self._store.objects
        sizes = {digest: found.st_size for digest, found in objects.all()}
        bad = {digest for digest in sizes if objects.check(digest) is Condition.DAMAGED}
        there = sizes.keys() - bad
        proofs = self._proofs(made, time.time_ns() // 1000)
        found: dict[tuple[str, str, str, str], Found] = {}  # of the same content the latest making
        for row, parts in rows:
            key = (row.making.plan, row.step, row.artifact, row.ref.digest)
            if key not in found and not bad.isdisjoint(parts):
                found[key] = _found(row, Condition.DAMAGED)
            elif key not in found and row.ref.digest in proofs and not parts <= there:
                found[key] = _found(row, Condition.MISSING)
        others = tuple(sorted(bad.difference(*(parts for _, parts in rows))))
        moved = bool(bad) and not objects.present(bad)  # a store that cannot be written keeps them
        quarantine = str(self._app.state / "quarantine") if moved else None
        ok = not bad and not found
        return Verified(ok, len(sizes), sum(sizes.values()), tuple(found.values()), others, quarantine)

    def _wanted(self, made: list[Making], runs: int, now: int) -> set[str]:
        """The digests of all objects that are to be kept."""
        reader = self._journal.reader
        roots = mentioned(reader, kept_runs(reader, runs)) | self._proofs(made, now)
        roots -= self._outlived(made, now)
        for each in made:
            for ref in each.ended.artifacts.values():
                if ref.digest in roots:
                    roots |= self._parts(ref)
        return roots

    def _proofs(self, made: list[Making], now: int) -> set[str]:
        """The digests that the latest success of each step of each plan names; those that are to be kept so long."""
        found: set[str] = set()
        seen: set[tuple[str, str]] = set()
        for each in made:
            if each.ended.status == "succeeded" and (each.plan, each.step) not in seen:
                seen.add((each.plan, each.step))
                refs = each.ended.artifacts.items()
                found |= {
                    ref.digest for name, ref in refs if not ref.digest_only and not self._is_over(each, name, now)
                }
                if each.ended.outputs_digest is not None:
                    found.add(each.ended.outputs_digest)
        return found

    def _outlived(self, made: list[Making], now: int) -> set[str]:
        """The digests of artifacts whose retention is over, and which nothing else names."""
        over: set[str] = set()
        others: set[str] = set()
        for each in made:
            for name, ref in each.ended.artifacts.items():
                (over if self._is_over(each, name, now) else others).add(ref.digest)
        if over:
            reader = self._journal.reader
            others |= mentioned(reader, kept_runs(reader, 0))
        return over - others

    def _is_over(self, each: Making, artifact: str, now: int) -> bool:
        if each.plan_digest not in self._plans:
            self._plans[each.plan_digest] = self._retentions(each.plan_digest)
        retention_s = self._plans[each.plan_digest].get((template_id(each.step), artifact))
        return retention_s is not None and each.at + retention_s * 1e6 < now

    def _retentions(self, plan_digest: str) -> dict[tuple[str, str], float]:
        """How long the products of a frozen plan are kept, of those that say so."""
        data = self._journal.plan(plan_digest)
        if b'"retention_s"' not in data:
            return {}
        plan = msgspec.json.decode(data, type=Plan)
        return {
            (step.id, name): product.retention_s
            for step in plan.steps + plan.finally_
            for name, product in step.files.produces.items()
            if product.retention_s is not None
        }

    def _parts(self, ref: ArtifactRef) -> set[str]:
        """The objects that an artifact consists of, as far as they can be told."""
        if ref.digest_only:
            return set()
        if not ref.tree:
            return {ref.digest}
        if ref.digest not in self._inside:
            try:
                entries = self._store.entries(ref.digest)
            except IntegrityError:
                entries = []
            self._inside[ref.digest] = {ref.digest} | {entry.digest for entry in entries if entry.digest}
        return self._inside[ref.digest]

    def _leftovers(self) -> "Iterator[tuple[str, os.stat_result]]":
        """Files and folders that a crash left: staged, and never put in their place."""
        yield from self._store.objects.staged()
        placing = self._app.state / "placing"
        for path in placing.iterdir() if placing.is_dir() else ():
            yield str(path), path.stat()

    def _delete(self, digests: list[str], before_ns: int) -> None:
        paths = [self._store.objects.path(digest) for digest in digests]
        for start in range(0, len(paths), BATCH):
            self._drop(paths[start : start + BATCH], before_ns)

    def _clear(self, leftovers: Iterable[str], before_ns: int) -> None:
        for path in leftovers:
            if path.startswith(self._store.objects.root):
                self._drop([path], before_ns)
            else:
                shutil.rmtree(path, ignore_errors=True)

    def _drop(self, paths: list[str], before_ns: int) -> None:
        try:
            self._store.objects.drop(paths, before_ns)
        except OSError as error:
            said = f"the artifact store {self._store.objects.root} cannot be changed: {error.strerror}"
            raise StoreError(said, code="E_STORE") from error


def _outputs(made: list[Making]) -> Iterator[Made]:
    """The large outputs of the last attempt of each step in each run, as if each were an artifact without a name."""
    seen: set[tuple[str, str]] = set()
    for each in made:
        if (each.run, each.step) not in seen:
            seen.add((each.run, each.step))
            if each.ended.outputs_digest is not None:
                yield Made(each.run, each.step, "", ArtifactRef("", each.ended.outputs_digest, 0), each)


def _found(row: Made, condition: Condition) -> Found:
    return Found(
        run=row.run,
        plan=row.making.plan,
        step=row.step,
        artifact=row.artifact or None,
        path=row.ref.path or None,
        digest=row.ref.digest,
        condition=condition.value,
        plan_file=row.making.plan_file,
    )
