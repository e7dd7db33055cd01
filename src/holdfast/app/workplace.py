"""A project's files and the store, as the planner sees them: what steps read, what stands at their products' places."""

import os
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from holdfast.artifacts.statcache import StatCache
from holdfast.artifacts.store import Store
from holdfast.artifacts.tree import WorkingTree
from holdfast.errors import RequestError
from holdfast.plan.model import Plan, Step, Uses
from holdfast.run.particulars import ArtifactRef
from holdfast.run.planner.kind import Kind
from holdfast.run.planner.record import digest_of
from holdfast.run.planner.snapshot import NO_HISTORY, History, Snapshot
from holdfast.run.planner.subject import Field

ABSENT = "absent"
"""The content of a port whose file is not there."""


class Workplace:
    """One project and its store; what it reads goes through one stat cache."""

    def __init__(self, project: str, state: Path) -> None:
        """`project` is the plan file's folder."""
        self._project = project
        self._state = state
        self.store = Store(state)
        self._cache = StatCache.of(str(state), project)

    def snapshot(
        self, field: Field, histories: Mapping[str, History], inputs: Mapping[str, object], position: int
    ) -> Snapshot:
        """All that a plan's decisions look at; each file is looked at once."""
        tree = WorkingTree(self._project, self._cache)
        files: dict[str, Mapping[str, str]] = {}
        trouble: dict[str, str] = {}
        refs: list[ArtifactRef] = []
        working: dict[str, str | None] = {}
        for i, subject in enumerate(field.subjects):
            if subject.kind not in {Kind.REUSABLE, Kind.ONCE}:
                continue
            step = subject.step
            try:
                read = self.files(field, i, tree)
            except RequestError as error:
                trouble[step.id] = error.headline
                continue
            if read:
                files[step.id] = read
            history = histories.get(step.id, NO_HISTORY)
            for name in step.results.formerly:
                history = histories.get(name, NO_HISTORY) if history is NO_HISTORY else history
            refs += [ref for record in history.records for ref in record.artifacts.values()]
            if history.current is not None:
                for ref in history.current.artifacts.values():
                    working[ref.path] = self._product(tree, ref.path)
        self._cache.save()
        return Snapshot(
            position=position,
            inputs=inputs,
            environment=environment(field.plan, os.environ),
            history=histories,
            files=files,
            trouble=trouble,
            working=working,
            missing=self.lost(refs),
        )

    def files(self, field: Field, i: int, tree: WorkingTree | None = None) -> dict[str, str]:
        """What the files hold that a step reads, now; raises `RequestError` for one that cannot be read."""
        subject = field.subjects[i]
        reads = (*subject.reads, *implicit(subject.step, self._project))
        if not reads:
            return {}
        made = [product.path for product in subject.step.files.produces.values()]
        for j in field.graph.needs[i]:
            made += [product.path for product in field.subjects[j].step.files.produces.values()]
        found = (tree or WorkingTree(self._project, self._cache)).snapshot(reads, [os.path.normpath(it) for it in made])
        return {path: ABSENT if digest is None else digest for path, digest in found.items()}

    def products(self, refs: Iterable[ArtifactRef]) -> dict[str, str | None]:
        """What stands at the places of artifacts, now."""
        tree = WorkingTree(self._project, self._cache)
        return {ref.path: self._product(tree, ref.path) for ref in refs}

    def lost(self, refs: Iterable[ArtifactRef]) -> frozenset[str]:
        """The digests of those artifacts whose bytes should be in the store and are not."""
        kept = [ref for ref in refs if not ref.digest_only]
        return frozenset({ref.digest for ref in kept} - self.store.present(kept)) if kept else frozenset()

    def put_back(self, ref: ArtifactRef, roots: Iterable[str]) -> None:
        """Put an artifact's bytes at its place; raises `IntegrityError` or `StoreError`."""
        target = Path(self._project, ref.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.store.place(ref, str(target), [os.path.realpath(Path(self._project, root)) for root in roots])

    @staticmethod
    def _product(tree: WorkingTree, path: str) -> str | None:
        try:
            return tree.product(path)
        except RequestError:
            return "unreadable"


def environment(plan: Plan, outside: Mapping[str, str]) -> dict[str, str]:
    """The variables that the plan lets through by name, as contents: the record never shows their values."""
    if not plan.env_pass:
        return {}
    passed = {name: text for name, text in outside.items() if any(fnmatchcase(name, it) for it in plan.env_pass)}
    return {name: digest_of("env", text) for name, text in passed.items()}


def implicit(step: Step, project: str) -> tuple[str, ...]:
    """The scripts that a step reads without saying so (planner, Terms)."""
    if not isinstance(step.work, Uses) or step.work.runner != "python":
        return ()
    script = step.work.params.get("script")
    if isinstance(script, str):
        return (os.path.normpath(script),)
    call = step.work.params.get("call")
    if isinstance(call, str):
        from holdfast.artifacts.modules import files_of_module

        return files_of_module(call.partition(":")[0], project)
    return ()
