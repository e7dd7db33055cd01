"""The artifacts of runs: which there are, and one of them brought out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from holdfast.artifacts.store import Store
from holdfast.errors import IntegrityError, RequestError
from holdfast.journal.documents import stamp
from holdfast.journal.makings import Making, makings
from holdfast.run.events import ArtifactRef
from holdfast.run.growth import group_id

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.app.collecting import Collected, Limits, Verified
    from holdfast.journal.reading import Reading

NAMED_MAX: Final = 8
"""How many candidates an error about a name lists."""


class Artifact(msgspec.Struct, frozen=True):
    """One artifact of one run. `present`: its bytes are all in the store; of `kept: digest` they never were."""

    run: str
    plan: str
    step: str
    artifact: str
    path: str
    digest: str
    size: int
    tree: bool
    kept: str
    present: bool
    made_in: str
    attempt: int
    made_at: str

    @property
    def name(self) -> str:
        """`step.artifact`."""
        return f"{self.step}.{self.artifact}"


class Made(NamedTuple):
    """An artifact as the step that has it names it, and the attempt that made it."""

    run: str
    step: str
    artifact: str
    ref: ArtifactRef
    making: Making


class Shelf:
    """The artifacts of all runs of one state folder."""

    def __init__(self, app: "Holdfast", reading: "Reading") -> None:
        """What `reading` tells of, and the state folder holds."""
        self._app = app
        self._reading = reading
        self._store = Store(app.state)

    def resolve_run(self, text: str) -> str:
        """The run that an id, a unique prefix or `last` means; raises `RequestError`."""
        return self._reading.resolve_run(text)

    def verify(self) -> "Verified":
        """Hash every object again; damaged ones are moved to the quarantine. Raises `IntegrityError`."""
        from holdfast.app.collecting import Collector

        return Collector(self._app, self._reading.journal).verify()

    def collect(self, limits: "Limits", *, dry_run: bool = False) -> "Collected":
        """Delete what nothing wants. Raises `RequestError`, `IntegrityError` and `StoreError`."""
        from holdfast.app.collecting import Collector
        from holdfast.engine.host import is_alive

        return Collector(self._app, self._reading.journal).collect(limits, is_alive, dry_run=dry_run)

    def listed(self, run: str | None = None, step: str | None = None) -> list[Artifact]:
        """The artifacts of a run, those it took over from others included, or all that were made, latest run first."""
        made = latest(makings(self._reading.journal.reader))
        rows = made if run is None else self._of_run(run, made)
        if step is not None:
            rows = [row for row in rows if step in {row.step, group_id(row.step)}]
        there = self._store.present([row.ref for row in rows])
        return [_artifact(row, present=row.ref.digest in there) for row in rows]

    def get(self, run: str, name: str) -> "tuple[Artifact, ArtifactRef]":
        """The artifact that a name means in a run; raises `RequestError` for an unknown or an ambiguous one."""
        row = _meant(run, name, self._of_run(run, latest(makings(self._reading.journal.reader))))
        return _artifact(row, present=row.ref.digest in self._store.present([row.ref])), row.ref

    def read(self, artifact: Artifact) -> bytes:
        """A file's bytes, verified; raises `RequestError`."""
        self._refuse_digest_only(artifact)
        try:
            return self._store.read(artifact.digest)
        except IntegrityError as error:
            raise _asked(artifact, error) from error

    def place(self, artifact: Artifact, ref: ArtifactRef, target: Path, *, overwrite: bool = False) -> Path:
        """Put an artifact at a path, or into a folder under its own name; gives where it is. Raises `RequestError`."""
        self._refuse_digest_only(artifact)
        if target.is_dir() and not (ref.tree and not any(target.iterdir())):
            target /= Path(artifact.path).name
        if (target.exists() or target.is_symlink()) and not _gives_way(target, overwrite=overwrite):
            hint = "name another place" if target.is_dir() else "name another place, or write --overwrite"
            raise RequestError(f"{target} exists", code="E_ARTIFACT_PLACE", hint=hint)
        try:
            self._store.place(ref, str(target.absolute()))
        except IntegrityError as error:
            raise _asked(artifact, error) from error
        return target

    def _of_run(self, run: str, made: list[Made]) -> list[Made]:
        """The artifacts that a run shows: what its steps made, and what they took over from other steps or runs."""
        known = {(row.ref.path, row.ref.digest): row for row in reversed(made)}
        shown = self._reading.show(run)
        return [
            Made(run, step.step, name, row.ref, row.making)
            for step in shown.steps
            for name, art in step.artifacts.items()
            if (row := known.get((art.path, art.digest))) is not None
        ]

    def _refuse_digest_only(self, artifact: Artifact) -> None:
        if artifact.kept == "digest":
            headline = f"of {artifact.name} only the digest was kept"
            hint = f"its product says `keep: digest`; its bytes are at most at {artifact.path}"
            raise RequestError(headline, code="E_ARTIFACT_MISSING", hint=hint)


def latest(made: Sequence[Making]) -> list[Made]:
    """The artifacts of the last attempt of each step in each run, latest run first."""
    seen: set[tuple[str, str]] = set()
    found = []
    for each in made:
        if (each.run, each.step) not in seen:
            seen.add((each.run, each.step))
            found += [Made(each.run, each.step, name, ref, each) for name, ref in each.ended.artifacts.items()]
    return found


def _artifact(row: Made, *, present: bool) -> Artifact:
    ref, making = row.ref, row.making
    return Artifact(
        run=row.run,
        plan=making.plan,
        step=row.step,
        artifact=row.artifact,
        path=ref.path,
        digest=ref.digest,
        size=ref.size,
        tree=ref.tree,
        kept="digest" if ref.digest_only else "bytes",
        present=present,
        made_in=making.run,
        attempt=making.attempt,
        made_at=stamp(making.at),
    )


def _meant(run: str, name: str, rows: Sequence[Made]) -> Made:
    """The artifact that a name means: `step.artifact`, a bare name, or a step that has one (planner, Names)."""
    kind, _, rest = name.partition(":")
    kind = kind.lower() if rest else ""
    plain = rest if kind in {"step", "producer", "artifact"} else name
    full = [row for row in rows if f"{row.step}.{row.artifact}" == plain]
    bare = [row for row in rows if row.artifact == plain]
    steps = [row for row in rows if row.step == plain]
    found = full or bare if kind == "artifact" else steps if kind in {"step", "producer"} else full or [*bare, *steps]
    found = list({(row.step, row.artifact): row for row in found}.values())
    if len(found) == 1:
        return found[0]
    if found:
        facts = _some([f"{row.step}.{row.artifact}" for row in found])
        headline = f'"{name}" may mean {len(found)} artifacts of run {run}'
        raise RequestError(headline, code="E_UNKNOWN_ID", facts=facts, hint="write the one that is meant")
    if not rows:
        raise RequestError(f"run {run} has no artifacts", code="E_UNKNOWN_ID")
    from difflib import get_close_matches

    names = [f"{row.step}.{row.artifact}" for row in rows]
    near = get_close_matches(plain, [*names, *(row.artifact for row in rows)], 1)
    hint = f"did you mean {near[0]}?" if near else f"`holdfast artifacts ls {run}` lists them"
    raise RequestError(f'run {run} has no artifact "{name}"', code="E_UNKNOWN_ID", hint=hint)


def _some(names: list[str]) -> list[str]:
    more = [f"and {len(names) - NAMED_MAX} more"] if len(names) > NAMED_MAX else []
    return names[:NAMED_MAX] + more


def _gives_way(target: Path, *, overwrite: bool) -> bool:
    """Whether what is at a path may be replaced: an empty folder, or a file where that is asked for."""
    if target.is_dir() and not target.is_symlink():
        return not any(target.iterdir())
    return overwrite


def _asked(artifact: Artifact, error: IntegrityError) -> RequestError:
    """An artifact that cannot be had although a request names it (exit 3)."""
    what = "is damaged, and was moved to the quarantine" if error.code == "E_ARTIFACT_DAMAGED" else "is missing"
    headline = f"{artifact.name} of run {artifact.run} {what}"
    facts = [f"step {artifact.step} made it in run {artifact.made_in}: {artifact.digest}", error.headline]
    return RequestError(headline, code=error.code, facts=facts, hint="run its plan again to make it again")
