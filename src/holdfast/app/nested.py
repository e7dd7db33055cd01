"""A plan file with the plan files that its steps run: read, checked and put together before anything runs."""

from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import RequestError
from holdfast.plan.nested import DEPTH_MAX, Place, misfits, places, with_nested
from holdfast.plan.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.plan.model import Plan
    from holdfast.plan.parse import Parsed

    Parse = Callable[[Path, bytes], Parsed]


class Whole:
    """One plan with all that it runs; `plan` is `None` where anything of it has an error."""

    def __init__(self, parse: "Parse", read: "Callable[[Path], bytes]") -> None:
        self._parse = parse
        self._read = read
        self.parts: list[tuple[Path, Parsed]] = []  # every file that was read, the outermost first

    def plan(self, file: Path, source: bytes, chain: tuple[Path, ...] = ()) -> "tuple[Plan | None, list[Problem]]":
        """The plan in `file` with its nested ones, and all problems of all files."""
        parsed = self._parse(file, source)
        self.parts.append((file, parsed))
        problems = list(parsed.problems)
        if parsed.plan is None:
            return None, problems
        plan, inside = self._filled(parsed.plan, _Here(file, parsed, (*chain, file.resolve())))
        problems += inside
        return (plan if not any(each.severity == "error" for each in problems) else None), problems

    def _filled(self, plan: "Plan", here: "_Here", prefix: tuple[str | int, ...] = ()) -> "tuple[Plan, list[Problem]]":
        found: dict[str, Plan] = {}
        problems: list[Problem] = []
        for place in places(plan):
            inner = plan.nested.get(place.step.id)
            if inner is not None:  # inline: it may run files of its own
                deeper = (*prefix, *place.path, "with")
                found[place.step.id], inside = self._filled(inner, here, deeper)
                problems += inside
            elif place.file is not None:
                filled, inside = self._of_file(place, here, prefix)
                problems += inside
                if filled is not None:
                    found[place.step.id] = filled
        return with_nested(plan, found), problems

    def _of_file(
        self, place: Place, here: "_Here", prefix: tuple[str | int, ...]
    ) -> "tuple[Plan | None, list[Problem]]":
        assert place.file is not None
        where = (*prefix, *place.path, "with", "file")
        file = here.file.parent / place.file
        refused = _refusal(place.file, file, here.chain)
        if refused is not None:
            return None, [here.problem(where, *refused)]
        try:
            source = self._read(file)
        except RequestError as error:
            return None, [here.problem(where, "file.unreadable", error.headline, error.hint)]
        plan, problems = self.plan(file, source, here.chain)
        if plan is None:
            return None, problems
        wrong = [
            here.problem((*prefix, *reversed(fault.path)), fault.code, fault.message, fault.hint)
            for fault in misfits(place, plan)
        ]
        return plan, problems + wrong


class _Here:
    """The file that is being put together, and the files it is nested in."""

    def __init__(self, file: Path, parsed: "Parsed", chain: tuple[Path, ...]) -> None:
        self.file = file
        self.chain = chain
        self._parsed = parsed

    def problem(self, path: tuple[str | int, ...], code: str, message: str, hint: str | None = None) -> Problem:
        """A problem at a place of this file."""
        line, column = self._parsed.positions.of(path)
        return Problem(
            code=code, severity="error", message=message, file=str(self.file), line=line, column=column, hint=hint
        )


def _refusal(written: str, file: Path, chain: tuple[Path, ...]) -> tuple[str, str, str] | None:
    if "${{" in written:
        return (
            "plan.nested",
            "the file of a nested plan is read before the run and cannot be a template",
            "write it out",
        )
    if file.resolve() in chain:
        names = " → ".join(each.name for each in (*chain[chain.index(file.resolve()) :], file))
        return "plan.recursion", f"a plan cannot run itself: {names}", "take one of them out"
    if file.exists() and not (file.is_file() or file.is_dir()):
        return "file.unreadable", f"{file} is a pipe or a device, on which one may wait for ever", "name a plain file"
    if len(chain) >= DEPTH_MAX:
        return "plan.depth", f"plans may be nested at most {DEPTH_MAX} deep", "flatten some of them"
    return None
