"""Plan files from disk to checked plans; what would run, as a document."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from holdfast.app.nested import Whole
from holdfast.app.remembered import Remembered
from holdfast.errors import HoldfastError, RequestError
from holdfast.plan.door import Door
from holdfast.plan.model import Plan, Valid

if TYPE_CHECKING:
    from holdfast.plan.parse import Parsed, Positions
    from holdfast.plan.problems import Problem

NOT_YET_SHOWN = 20
PLAN_BYTES_MAX = 64 * 1024 * 1024


class PlanInvalidError(HoldfastError):
    """The plan file has problems; its author acts. `problems` holds them all, warnings too."""

    exit_code = 3

    def __init__(self, file: str, problems: "Sequence[Problem]") -> None:
        errors = [problem for problem in problems if problem.severity == "error"]
        what = "one problem" if len(errors) == 1 else f"{len(errors)} problems"
        super().__init__(f"{file} has {what}", code="E_PLAN_INVALID", facts=[str(problem) for problem in problems])
        self.problems = tuple(problems)


class CheckedPlan(msgspec.Struct, frozen=True):
    """What `check` says of one file."""

    file: str
    plan: str | None
    problems: "tuple[Problem, ...]"


class CheckReport(msgspec.Struct, frozen=True):
    """What `check` says of all files."""

    ok: bool
    plans: list[CheckedPlan]


class LoadedPlan(msgspec.Struct, frozen=True, eq=False):
    """A plan that may run, with its file and stored form; `key` is set where it should be remembered."""

    file: Path
    shown: str  # the file, absolute
    project: str  # its folder
    plan: Plan
    data: bytes
    digest: str
    warnings: "tuple[Problem, ...]" = ()
    key: str | None = None


class Converted(msgspec.Struct, frozen=True):
    """A foreign plan in the native format: its data, and the same as YAML."""

    file: str
    dialect: str
    plan: dict[str, object]
    yaml: str
    warnings: "tuple[Problem, ...]"


def check(files: Sequence[Path], door: Door) -> CheckReport:
    """Validate every file; every problem of every file. A file that cannot be read is a problem of its own."""
    plans = []
    for file in files:
        try:
            data = read_file(file)
        except RequestError as error:
            plans.append(CheckedPlan(str(file), None, (_unreadable(file, error),)))
            continue
        plan, problems = _whole(file, door).plan(file, data)
        plans.append(CheckedPlan(str(file), plan.id if plan else None, tuple(problems)))
    ok = not any(problem.severity == "error" for plan in plans for problem in plan.problems)
    return CheckReport(ok, plans)


def convert(file: Path, door: Door) -> Converted:
    """A foreign plan in the native format; raises `PlanInvalidError`, `RequestError` for one that is native."""
    from holdfast.plan.dialects.names import NATIVE
    from holdfast.plan.source.write import yaml_of

    parsed = _parsed(read_file(file), file, door)
    _refuse_variables(parsed, file, door)
    if parsed.plan is None or any(problem.severity == "error" for problem in parsed.problems):
        raise PlanInvalidError(str(file), parsed.problems)
    if parsed.dialect == NATIVE:
        hint = "holdfast check shows what is wrong with a plan; --dialect says which format a file is in"
        raise RequestError(f"{file} is in the native format already", code="E_DIALECT", hint=hint)
    assert isinstance(parsed.native, dict)
    head = f"# Converted from {file.name}, a plan in the format {parsed.dialect}.\n"
    return Converted(str(file), parsed.dialect, parsed.native, head + yaml_of(parsed.native), parsed.problems)


def _parsed(data: bytes, file: Path, door: Door) -> "Parsed":
    from holdfast.plan.parse import parse_plan

    return parse_plan(data, str(file), door=door)


def _refuse_variables(parsed: "Parsed", file: Path, door: Door) -> None:
    from holdfast.plan.dialects.names import NATIVE

    if door.variables and parsed.dialect == NATIVE:
        hint = f"its inputs are given with -i {next(iter(door.variables))}=VALUE"
        said = f"{file} is a native plan, which has no variables; --var is for foreign formats"
        raise RequestError(said, code="E_DIALECT", hint=hint)


def load(file: Path, door: Door, remembered: Remembered) -> LoadedPlan:
    """A plan that may run; raises `PlanInvalidError`, or `RequestError` where it cannot be read or honoured yet."""
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise RequestError(
            f"{file} is a pipe or a device, in no project's folder",
            code="E_FILE",
            hint="write the plan to a file; check takes it from anywhere",
        )
    source = read_file(file)
    path = file.absolute()
    _refuse_odd_name(path)
    places = (path, str(path), str(path.parent))
    key = remembered.key(file, source, door)
    known = remembered.find(key)
    if known is not None:
        return LoadedPlan(*places, *known)
    whole = _whole(file, door)
    plan, problems = _sound(whole, file, source, door)
    for part, parsed in whole.parts:
        assert parsed.plan is not None
        _refuse_unsupported(part, parsed.plan, parsed.positions)
    has_schemas = any(_refuse_unchecked(part, it.plan) for part, it in whole.parts if it.plan is not None)
    data = msgspec.json.encode(plan, order="deterministic")
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    # What was read of other files is not in the key, nor what is installed.
    alone = not problems and len(whole.parts) == 1 and not has_schemas
    return LoadedPlan(*places, plan, data, digest, problems, key if alone else None)


def sound(file: Path, door: Door) -> Plan:
    """A plan without errors, to be looked at; what this version cannot run may be in it. Raises what `load` raises."""
    return _sound(_whole(file, door), file, read_file(file), door)[0]


def _whole(file: Path, door: Door) -> Whole:
    """For reading a plan with the files it runs; what was said of the file is not said of those."""
    return Whole(lambda part, source: _parsed(source, part, door if part is file else Door()), read_file)


def _sound(whole: Whole, file: Path, source: bytes, door: Door) -> "tuple[Plan, tuple[Problem, ...]]":
    plan, problems = whole.plan(file, source)
    _refuse_variables(whole.parts[0][1], file, door)
    if plan is None:
        raise PlanInvalidError(str(file), problems)
    return plan, tuple(problems)


def _refuse_odd_name(file: Path) -> None:
    """The record is UTF-8 text, and so must be the place of what it records."""
    try:
        str(file).encode()
    except UnicodeEncodeError:
        shown = str(file).encode(errors="backslashreplace").decode()
        hint = "rename the folder or the file"
        raise RequestError(f"the path {shown} is not UTF-8 text", code="E_FILE", hint=hint) from None


_WHY_NOT = {"shell.cmd": "a shell of Windows, where Holdfast does not run; write sh, bash or pwsh"}


def _refuse_unsupported(file: Path, plan: Plan, positions: "Positions") -> None:
    """Refuse a plan that uses what this version cannot honour yet, naming each; raises `RequestError`."""
    from holdfast.plan.notyet import unsupported

    missing = unsupported(plan)
    if missing:
        facts = []
        for step, key, path in missing[:NOT_YET_SHOWN]:
            line, column = positions.of(path)
            owner = f'step "{step}": ' if step is not None else ""
            facts.append(f"{file.name}:{line}:{column}: {owner}{key}: {_WHY_NOT.get(key, 'not yet')}")
        if len(missing) > NOT_YET_SHOWN:
            facts.append(f"… and {len(missing) - NOT_YET_SHOWN} more")
        raise RequestError(
            f"{file.name} uses what this version of Holdfast cannot honour yet",
            code="E_NOT_YET",
            facts=facts,
            hint="nothing was run; remove these, or wait for a later version",
        )


def _refuse_unchecked(file: Path, plan: Plan) -> bool:
    """Whether a plan checks documents by schemas; raises `RequestError` where that cannot be done here."""
    steps = (step for step in plan.steps + plan.finally_ if step.results.expect)
    asking = next((step.id for step in steps if any(isinstance(it, Valid) for it in step.results.expect)), None)
    if asking is None:
        return False
    from holdfast.engine.schemas import EXTRA, is_there

    if not is_there():
        said = f'{file.name}: step "{asking}" checks an artifact by a JSON Schema, which needs the extra "schema"'
        raise RequestError(said, code="E_EXTRA", hint=f"nothing was run; {EXTRA}")
    return True


def read_file(file: Path) -> bytes:
    """A plan file's bytes; raises `RequestError` with one clear sentence."""
    try:
        with file.open("rb") as opened:
            data = opened.read(PLAN_BYTES_MAX + 1)
    except FileNotFoundError:
        raise RequestError(f"there is no file {file}", code="E_FILE", hint=_neighbour(file)) from None
    except IsADirectoryError:
        raise RequestError(f"{file} is a folder, not a plan file", code="E_FILE", hint=_plan_in(file)) from None
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror}", code="E_FILE") from error
    if len(data) > PLAN_BYTES_MAX:
        raise RequestError(
            f"{file} is larger than {PLAN_BYTES_MAX // 1024**2} MiB, too large for a plan", code="E_FILE"
        )
    return data


def _unreadable(file: Path, error: RequestError) -> "Problem":
    from holdfast.plan.problems import Problem

    return Problem(
        code="file.unreadable",
        severity="error",
        message=error.headline,
        file=str(file),
        line=1,
        column=1,
        hint=error.hint,
    )


def _neighbour(file: Path) -> str | None:
    try:
        names = sorted(path.name for path in file.parent.iterdir() if path.suffix in {".yaml", ".yml", ".json"})
    except OSError:
        return None
    return f"plan files here: {', '.join(names[:5])}" if names else None


def _plan_in(folder: Path) -> str | None:
    found = next((name for name in ("plan.yaml", "plan.yml", "plan.json") if (folder / name).is_file()), None)
    return f"did you mean {folder / found}?" if found else None
