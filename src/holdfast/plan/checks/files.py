"""What steps read and leave behind: paths that leave the project, products in each other's way, reads without order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from holdfast.plan.checks import paths
from holdfast.plan.checks.control import fallback_of
from holdfast.plan.draft import Draft
from holdfast.plan.model import Step, Uses
from holdfast.plan.problems import Fault, Path, fault_at, warning_at

MAX_MATCHES: Final = 20
"""Products without a dependency that are named for one step's reads."""


@dataclass(frozen=True, slots=True)
class _StandIns:
    """Which steps stand in for each other: of a step and its fallbacks only one leaves anything behind."""

    families: Mapping[str, frozenset[int]]

    @classmethod
    def of(cls, steps: Mapping[str, Step]) -> "_StandIns":
        """The step and its fallbacks, and those of these, make a family."""
        families: dict[str, set[int]] = {}
        for number, name in enumerate(steps):
            if fallback_of(steps[name]):
                seen, waiting = {name}, [name]
                while waiting:
                    behind = [it for it in fallback_of(steps[waiting.pop()]) if it in steps and it not in seen]
                    seen.update(behind)
                    waiting += behind
                for it in seen:
                    families.setdefault(it, set()).add(number)
        return cls({name: frozenset(numbers) for name, numbers in families.items()})

    def hold(self, left: str, right: str) -> bool:
        """Whether the two are of one family."""
        return not self.families.get(left, _NONE).isdisjoint(self.families.get(right, _NONE))


_NONE: Final[frozenset[int]] = frozenset()


def check_files(made: Draft) -> Iterator[Fault]:
    """The faults of paths, products and reads."""
    roots = [paths.plain(root) for root in made.plan.policy.write_roots] if made.plan.policy else ["."]
    steps = {step.id: step for _, step in made.steps()}
    stand_ins = _StandIns.of(steps)
    for path, step in made.steps():
        yield from _outside(roots, path, step)
        if step.results.expect or step.people.evidence:
            yield from _own_artifacts(made, path, step)
        if made.products.at and step.files.reads:
            yield from islice(_undeclared_reads(made, path, steps, stand_ins), MAX_MATCHES)
    yield from _duplicates(made, stand_ins)


def _outside(roots: list[str], path: Path, step: Step) -> Iterator[Fault]:
    written: list[tuple[str, Path]] = [(step.process.cwd, (*path, "cwd"))] if step.process.cwd != "." else []
    for name, product in step.files.produces.items():
        if "." not in roots or not paths.is_simple(product.path):
            written.append((product.path, (*path, "produces", name, "path")))
    written += _written(path, step)
    for text, where in written:
        if paths.is_template(text):
            continue
        place = paths.plain(text)
        if not any(paths.inside(place, root) for root in roots):
            hint = f"name its folder in policy.write_roots, now [{', '.join(roots)}]"
            what = "lies outside of policy.write_roots" if paths.inside(place, ".") else "leaves the project"
            yield fault_at(where, "path.outside", f' is "{text}", which {what}', hint)
        elif "cwd" not in where and (place == "." or paths.STATE_FOLDER in place.split("/")):
            what = (
                "the project's folder itself" if place == "." else f"inside {paths.STATE_FOLDER}, the engine's folder"
            )
            yield fault_at(where, "path.reserved", f' is "{text}", {what}', "give it a place of its own")


_WRITES: Final[Mapping[str, tuple[str, ...]]] = {"file": ("path",), "http": ("to",)}


def _written(path: Path, step: Step) -> Iterator[tuple[str, Path]]:
    """The paths that our own runners write to."""
    if isinstance(step.work, Uses) and step.work.runner in _WRITES:
        params = step.work.params
        moved = ("from",) if step.work.runner == "file" and params.get("op") == "move" else ()
        for key in (*_WRITES[step.work.runner], *moved):
            text = params.get(key)
            if isinstance(text, str):
                yield text, (*path, "with", key)


def _own_artifacts(made: Draft, path: Path, step: Step) -> Iterator[Fault]:
    """Artifacts that `expect` and `evidence` name: the step's own by name, or step.artifact."""
    known = made.names.steps[step.id]
    if known.broken:
        return
    named: list[tuple[Path, str]] = []
    for number, criterion in enumerate(step.results.expect):
        artifact = getattr(criterion, "valid", None)
        if artifact is not None:
            named.append(((*path, "expect", number, "valid"), artifact))
    for number, evidence in enumerate(step.people.evidence):
        if evidence.artifact is not None:
            named.append(((*path, "evidence", number, "artifact"), evidence.artifact))
    for where, name in named:
        if name not in known.artifacts:
            found = made.names.artifact(name)
            if isinstance(found, Fault):
                found.path = [*reversed(where)]
                yield found


def _duplicates(made: Draft, stand_ins: _StandIns) -> Iterator[Fault]:
    for path, makers in made.products.at.items():
        first = makers[0]
        for other in makers[1:]:
            if not stand_ins.hold(first.step, other.step):
                where = (made.names.steps[other.step].section, other.step, "produces", other.artifact)
                message = f' is "{path}", which step "{first.step}" produces as "{first.artifact}"'
                yield fault_at(where, "product.duplicate", message, "one path has one producer; give it another path")
        for folder in paths.parents(path):
            for outer in made.products.at[folder] if folder != path and folder in made.products.at else ():
                if outer.step != first.step and not stand_ins.hold(outer.step, first.step):
                    where = (made.names.steps[first.step].section, first.step, "produces", first.artifact)
                    message = f' lies in "{folder}", which step "{outer.step}" produces as a whole'
                    hint = "each changes what the other left; give it a place of its own"
                    yield warning_at(where, "product.nested", message, hint)


def _undeclared_reads(made: Draft, path: Path, steps: Mapping[str, Step], stand_ins: _StandIns) -> Iterator[Fault]:
    step = steps[str(path[1])]
    before: set[str] | None = None
    for number, read in enumerate(step.files.reads):
        if read.startswith("!"):
            continue
        for product in made.products.matched_by(read):
            if product.step == step.id or product.step in step.needs:
                continue
            if made.products.excluded(step.files.reads, product.path):
                continue
            before = _ancestors(step, steps) if before is None else before
            if product.step in before or stand_ins.hold(product.step, step.id):
                continue
            what = "matches" if paths.is_glob(read) else "is a folder that holds"
            message = f' "{read}" {what} "{product.path}", which step "{product.step}" produces'
            hint = f'add "{product.step}" to depends_on, or exclude it with "!{product.path}"'
            yield fault_at((*path, "reads", number), "reads.undeclared", message, hint)


def _ancestors(step: Step, steps: Mapping[str, Step]) -> set[str]:
    seen: set[str] = set()
    waiting: list[Iterable[str]] = [step.needs]
    while waiting:
        for name in waiting.pop():
            if name not in seen:
                seen.add(name)
                waiting.append(steps[name].needs)
    return seen
