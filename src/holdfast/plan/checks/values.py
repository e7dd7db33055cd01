"""Values that must fit each other: inputs, defaults, resources, locks, breakers, hypotheses, runners, codes."""

from collections.abc import Collection, Iterator
from typing import Final

from holdfast.plan.checks.paths import is_template
from holdfast.plan.draft import Draft
from holdfast.plan.expr import Expression, ExpressionError, status_synonyms
from holdfast.plan.fanout import static_keys
from holdfast.plan.format.kinds import shown
from holdfast.plan.format.runners import LATER
from holdfast.plan.inputs import WrongValueError, checked, converted
from holdfast.plan.model import Input, Plan, Step, Uses
from holdfast.plan.problems import Fault, Path, Use, fault_at, warning_at

ERROR_CODES: Final = (
    *("exit.nonzero", "signal", "timeout", "stalled", "expect.failed", "output.missing", "output.invalid"),
    *("input.changed", "http.status", "http.connect", "lost", "uncertain"),
)
"""The codes of attempts that may be retried (semantics S22)."""

FATAL_CODES: Final = ("spawn.failed", "expression.invalid", "budget.exhausted", "canceled")
"""The codes that are never retried."""


def check_values(made: Draft, runners: Collection[str]) -> Iterator[Fault]:
    """The faults of values."""
    for name, declared in made.plan.inputs.items():
        yield from _input(("inputs", name), declared)
    for path, step in made.steps():
        yield from _runner(path, step, runners)
        yield from _shell(made, path, step)
        yield from _codes(path, step)
        if not made.names.steps[step.id].broken:
            yield from _items(path, step)
        yield from _shared(made.plan, path, step)
        yield from _hypotheses(made, path, step)
    used = {step.sharing.breaker for _, step in made.steps()}
    for name in made.plan.breakers:
        if name not in used:
            message = f' is for "{name}", which no step names in `breaker`'
            yield warning_at(("breakers", name), "breaker.unused", message, "name it in a step, or take it out")
    for uses in made.uses.values():
        for use in uses:
            yield from _synonyms(use)


def _input(path: Path, declared: Input) -> Iterator[Fault]:
    for number, option in enumerate(declared.enum):
        try:
            converted(declared, option)
        except WrongValueError as error:
            yield fault_at((*path, "enum", number), "input.type", f" {error}, not {shown(option)}")
    if declared.pattern is not None and declared.type not in {"string", "path"}:
        message = f" is for inputs of type string or path, not {declared.type}"
        yield fault_at((*path, "pattern"), "key.unused", message, "take it out")
    if not declared.has_default:
        return
    try:
        checked(declared, declared.default)
    except WrongValueError as error:
        yield fault_at((*path, "default"), "input.default", f" {error}, not {shown(declared.default)}")
    if declared.required:
        message = " has no effect: a value must be given, as the input is required"
        yield warning_at((*path, "default"), "key.unused", message, "take one of the two out")
    if declared.secret:
        message = " stands in the file, where everybody who reads it sees the secret"
        yield warning_at((*path, "default"), "input.secret", message, "take it out, and give the value to each run")


def _runner(path: Path, step: Step, runners: Collection[str]) -> Iterator[Fault]:
    if isinstance(step.work, Uses):
        name = step.work.runner
        if name not in runners and name.partition(".")[0] not in LATER:
            fault = fault_at((*path, "uses"), "runner.unknown", f' names the runner "{name}", which is not installed')
            fault.near = (name, runners)
            yield fault


def _shell(made: Draft, path: Path, step: Step) -> Iterator[Fault]:
    raw = made.raw.get(step.id, {})
    if "shell" in raw and "run" not in raw:
        yield warning_at((*path, "shell"), "key.unused", " is for `run`, which this step does not have", "take it out")


def _codes(path: Path, step: Step) -> Iterator[Fault]:
    for number, code in enumerate(step.retry.on):
        where = (*path, "retry", "on", number)
        if code in FATAL_CODES:
            yield warning_at(where, "retry.fatal", f' names "{code}", which is fatal and never retried', "take it out")
        elif code not in ERROR_CODES:
            message = f' names "{code}", with which no attempt ends'
            fault = fault_at(where, "retry.unknown", message)
            fault.near = (code, ERROR_CODES)
            yield fault


def _items(path: Path, step: Step) -> Iterator[Fault]:
    many = step.for_each
    if many is None:
        return
    if many.items is not None and many.matrix:
        yield fault_at((*path, "for_each"), "key.conflict", " has items beside `matrix`, which makes the items")
    if many.items is None and not many.matrix:
        yield fault_at((*path, "for_each"), "key.missing", ' needs "items", or a `matrix` beside it')
    try:
        static_keys(many)
    except ExpressionError as error:
        key = "matrix" if many.matrix else "for_each"
        yield fault_at((*path, key), "items.invalid", error.headline.removeprefix("for_each"), error.hint)
    for name, product in step.files.produces.items():
        if not is_template(product.path):
            message = " is the same for every instance of the step, so each writes over the others"
            hint = "make it different by item, such as out/${{ item }}.csv"
            yield warning_at((*path, "produces", name), "product.shared", message, hint)
    for number, excluded in enumerate(many.exclude):
        for axis in excluded:
            if axis not in many.matrix:
                where = (*path, "matrix", "exclude", number, axis)
                fault = fault_at(where, "matrix.axis", f' names "{axis}", which is no axis of the matrix')
                fault.near = (axis, many.matrix)
                yield fault


def _shared(plan: Plan, path: Path, step: Step) -> Iterator[Fault]:
    held = plan.limits.resources
    for name, amount in step.sharing.needs_resources.items():
        where = (*path, "needs_resources", name)
        if name not in held:
            message = f' needs "{name}", of which limits.resources has nothing'
            fault = fault_at(where, "resource.unknown", message, f"write limits: {{resources: {{{name}: …}}}}")
            fault.near = (name, held)
            yield fault
        elif amount > held[name]:
            message = f' needs {amount:g} of "{name}"; limits.resources has {held[name]:g}, so it would wait for ever'
            yield fault_at(where, "resource.exceeded", message)
    for number, lock in enumerate(step.sharing.locks):
        if lock in plan.locks:
            message = f' names "{lock}", which the run holds already'
            yield warning_at((*path, "locks", number), "lock.held", message, "take it out here or in the plan's locks")
    ceiling, own = plan.limits.step_time_s, step.limits.timeout_s
    if ceiling is not None and own is not None and own > ceiling:
        message = " is longer than limits.step_time, which no step may raise"
        yield warning_at((*path, "timeout"), "timeout.ceiling", message, "raise step_time, or shorten it")


def _hypotheses(made: Draft, path: Path, step: Step) -> Iterator[Fault]:
    for number, evidence in enumerate(step.people.evidence):
        if evidence.hypothesis not in made.names.hypotheses:
            message = f' names hypothesis "{evidence.hypothesis}", which this plan does not define'
            fault = fault_at((*path, "evidence", number, "for"), "hypothesis.unknown", message)
            fault.near = (evidence.hypothesis, made.names.hypotheses)
            yield fault


def _synonyms(use: Use) -> Iterator[Fault]:
    expression = use.expression
    parts = (
        [(0, expression)]
        if isinstance(expression, Expression)
        else [it for it in expression.parts if not isinstance(it, str)]
    )
    for start, part in parts:
        for offset, wrong, right in status_synonyms(part):
            message = f': no step has the status "{wrong}"'
            fault = Fault("expression.synonym", message, f'write "{right}"', path=[*use.path])
            fault.excerpt, fault.offset = expression.text, start + offset
            yield fault
