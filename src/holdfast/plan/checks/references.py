"""What the references of an expression mean: which steps they need, and which of them lead nowhere."""

from collections.abc import Collection, Iterator
from typing import Final

from holdfast.plan.checks.names import Known, Names
from holdfast.plan.expr import Reference
from holdfast.plan.problems import Fault, Use

_BASE: Final = ("inputs", "env", "plan", "run", "steps", "hypotheses", "memory", "budget", "network", "disk")
_AFTER: Final = ("outputs", "artifacts", "exit_code", "stdout", "stderr", "duration_s")

SCOPES: Final[dict[str, frozenset[str]]] = {
    "plan": frozenset(_BASE),
    "step": frozenset((*_BASE, "item", "index")),
    "list": frozenset(_BASE),
    "item": frozenset((*_BASE, "item", "index")),
    "after": frozenset((*_BASE, "item", "index", *_AFTER)),
    "detect": frozenset((*_BASE, "item", "index", *_AFTER, "error")),
    "undo": frozenset((*_BASE, "item", "index", *_AFTER, "effect")),
    "environment": frozenset(("inputs", "plan", "run")),
    "defaults": frozenset(("inputs", "env", "plan", "run", "hypotheses", "memory", "budget", "network", "disk")),
}
"""The first names an expression may use, by where it stands."""

_STEP_KEYS: Final = frozenset(
    ("status", "ok", "exit_code", "outputs", "artifacts", "error", "attempts", "duration_s", "choice", "answer")
)
_GROUP_KEYS: Final = frozenset(("status", "ok", "outputs", "instances", "error", "attempts", "duration_s"))
_KEYS: Final[dict[str, frozenset[str]]] = {
    "run": frozenset(("id", "attempt", "outcome", "started_at")),
    "network": frozenset(("online",)),
    "disk": frozenset(("free", "store_free")),
    "effect": frozenset(("key",)),
}
_ARTIFACT_KEYS: Final = frozenset(("path", "digest", "size"))
_ERROR_KEYS: Final = frozenset(("code", "message"))
_OWN: Final = {"outputs", "artifacts", "exit_code", "duration_s", "error"}


def resolve(use: Use, names: Names, step: str | None) -> tuple[list[str], list[Fault]]:
    """The steps that an expression of `step` (None: of the plan) needs, and its faults."""
    needs: list[str] = []
    faults: list[Fault] = []
    hidden_until = -1
    for reference in use.expression.references:
        if reference.offset < hidden_until:
            continue
        fault = _Resolver(use, names, step).fault(reference)
        if fault is not None:
            hidden_until = _end_of_misread(use.expression.text, reference.offset, names)
            fault.path = [*use.path]
            fault.excerpt, fault.offset = use.expression.text, reference.offset
            faults.append(fault)
        elif reference.path[0] == "steps":
            needs.append(_meant(str(reference.path[1]), names))
    return needs, faults


class _Resolver:
    """One expression's references against the names it may use."""

    def __init__(self, use: Use, names: Names, step: str | None) -> None:
        self._names = names
        self._step = step
        self._text = use.expression.text
        self._scope = use.scope
        self._finally = use.path[-1:] == ["finally"]

    def fault(self, reference: Reference) -> Fault | None:
        """What is wrong with a reference."""
        root = str(reference.path[0])
        if root not in SCOPES[self._scope]:
            return self._foreign(root)
        match root:
            case "steps":
                return self._of_step(reference)
            case "inputs" if len(reference.path) > 1:
                return self._known(reference, self._names.inputs, "input")
            case "env" if len(reference.path) > 1:
                return self._variable(str(reference.path[1]))
            case "hypotheses" if len(reference.path) > 1:
                return self._known(reference, self._names.hypotheses, "hypothesis")
            case "memory" if len(reference.path) > 1 and self._names.memory is not None:
                return self._known(reference, self._names.memory, "memory key")
            case "item" | "index" if self._step is not None and not self._here.many and not self._here.broken:
                return Fault("reference.item", f': "{root}" is only there in a step with for_each or matrix')
            case "artifacts" if len(reference.path) > 1 and self._step is not None:
                return _artifact(self._step, self._here, reference.path[1:])
            case "run" if reference.path[1:2] == ("outcome",) and not (self._finally or self._scope == "plan"):
                return Fault("reference.unknown", ': "run.outcome" is only known in `finally` steps and at the end')
            case "error" if len(reference.path) > 1:
                return _key(root, str(reference.path[1]), _ERROR_KEYS)
            case _ if root in _KEYS and len(reference.path) > 1:
                return _key(root, str(reference.path[1]), _KEYS[root])
        return None

    @property
    def _here(self) -> Known:
        assert self._step is not None
        return self._names.steps[self._step]

    def _foreign(self, root: str) -> Fault:
        """A first name that does not exist here."""
        if root in {"steps", "item", "index"} and self._scope in {"defaults", "environment"}:
            what = (
                "`defaults` hold for every step" if self._scope == "defaults" else "`env` of the plan is for every step"
            )
            return Fault("reference.misplaced", f': {what}, so they cannot refer to "{root}"', "write it in the step")
        if root in {"item", "index"} and self._scope == "list":
            message = f': "{root}" is there for each instance, when the list is known'
            return Fault("reference.misplaced", message, "name each item with item_key; use it in the rest of the step")
        if root in SCOPES["detect"]:
            where = "`detect`" if root == "error" else "`expect`, `detect`, `metrics` and `evidence`"
            other = f"write steps.<id>.{root} for another step's" if root in _OWN else None
            return Fault("reference.misplaced", f': "{root}" is the step\'s own and only there in {where}', other)
        if root == "secrets":
            how = "name it in `secrets`; the step finds it in its environment"
            return Fault("reference.unknown", ": expressions never see secrets", how)
        hint: str | None = None
        if root in self._names.steps:
            hint = f"write {_spelled('steps', root)}"
        elif root in self._names.inputs:
            hint = f"write {_spelled('inputs', root)}"
        return Fault(
            "reference.unknown",
            f': "{root}" is not a name that expressions know here',
            hint,
            near=(root, SCOPES[self._scope]),
        )

    def _of_step(self, reference: Reference) -> Fault | None:
        path = reference.path
        if len(path) < 2 or not isinstance(path[1], str):
            hint = "write steps.<id>; which step is meant must be clear before it runs"
            return Fault("reference.computed", ': "steps" must be followed by the id of a step', hint)
        name = _meant(path[1], self._names)
        known = self._names.steps.get(name)
        if known is None:
            message = f' refers to step "{name}", which this plan does not define'
            return self._missing(reference, "step.unknown", message, self._names.steps)
        if name == self._step:
            hint = "in `expect` and the like its own results are `outputs`, `artifacts`, `exit_code` …"
            return Fault("reference.self", " refers to the step itself, which cannot wait for itself", hint)
        if known.section == "finally" and not self._finally and self._step is not None:
            return Fault("step.finally", f' refers to "{name}", a `finally` step, which runs after all others')
        if name != path[1] and not known.many and not known.broken:
            message = f' refers to an instance of "{name}", which has no for_each and no matrix'
            return Fault("step.unknown", message, f"write {_spelled('steps', name)}")
        if len(path) == 2 or known.broken:
            return None
        if known.many and name == path[1]:
            return _group_key(name, path[2:])
        return _step_key(path[1], known, path[2:])

    def _known(self, reference: Reference, known: frozenset[str], what: str) -> Fault | None:
        name = str(reference.path[1])
        if name in known:
            return None
        message = f' refers to {what} "{name}", which this plan does not define'
        return self._missing(reference, f"{what.split(maxsplit=1)[0]}.unknown", message, known)

    def _missing(self, reference: Reference, code: str, message: str, known: Collection[str]) -> Fault:
        misread = _misread(self._text, reference.offset, self._names)
        return Fault(code, message, misread, near=None if misread else (str(reference.path[1]), known))

    def _variable(self, name: str) -> Fault | None:
        own = self._here.env if self._step is not None else frozenset()
        if name in self._names.env or name in own or name in self._names.secrets or self._names.passes(name):
            return None
        hint = f"declare it: env: {{{name}: …}}, or name it in `env_pass`"
        message = f' refers to the variable "{name}", which this plan does not declare'
        return Fault("env.unknown", message, hint, near=(name, self._names.env | own))


def _meant(name: str, names: Names) -> str:
    """The step that `id[key]` and `id[*]` are instances of; any other name as it is."""
    step, bracket, _ = name.partition("[")
    return step if bracket and name.endswith("]") and step in names.steps else name


def _group_key(name: str, rest: tuple[str | int, ...]) -> Fault | None:
    """What a step with a list has of its own: no exit code and no artifacts, but all instances."""
    key = str(rest[0])
    if key == "artifacts":
        hint = f'write steps["{name}[key]"].artifacts for one, steps["{name}[*]"].artifacts for all'
        return Fault("artifact.unknown", f' refers to artifacts of "{name}", which each of its instances has', hint)
    return _key(f"steps.{name}", key, _GROUP_KEYS)


def _step_key(name: str, known: Known, rest: tuple[str | int, ...]) -> Fault | None:
    key = str(rest[0])
    if key not in _STEP_KEYS:
        return _key(f"steps.{name}", key, _STEP_KEYS)
    if key == "artifacts" and len(rest) > 1:
        return _artifact(name, known, rest[1:])
    if key == "error" and len(rest) > 1:
        return _key(f"steps.{name}.error", str(rest[1]), _ERROR_KEYS)
    if key == "outputs" and len(rest) > 1 and known.outputs and rest[1] not in known.outputs:
        message = f' refers to output "{rest[1]}" of step "{name}", which declares {", ".join(sorted(known.outputs))}'
        fault = Fault("output.unknown", message, near=(str(rest[1]), known.outputs))
        fault.severity = "warning"  # a step may give outputs that it does not declare
        return fault
    return None


def _artifact(step: str, known: Known, rest: tuple[str | int, ...]) -> Fault | None:
    name = str(rest[0])
    if name in known.artifacts:
        return _key(f"artifacts.{name}", str(rest[1]), _ARTIFACT_KEYS) if len(rest) > 1 else None
    if known.broken:
        return None
    listed = f"it produces {', '.join(sorted(known.artifacts))}" if known.artifacts else "it produces nothing"
    message = f' refers to artifact "{name}", which step "{step}" does not produce'
    return Fault("artifact.unknown", message, listed, near=(name, known.artifacts))


def _key(owner: str, key: str, known: frozenset[str]) -> Fault | None:
    if key in known:
        return None
    return Fault(
        "reference.unknown", f': "{owner}" has no "{key}"', f"it has {', '.join(sorted(known))}", near=(key, known)
    )


def _spelled(root: str, name: str) -> str:
    return f"{root}.{name}" if name.isidentifier() else f'{root}["{name}"]'


def _misread(text: str, offset: int, names: Names) -> str | None:
    """The hint for `steps.run-tests`, which reads as a subtraction, where there is a step or input of that name."""
    found = _written(text, offset, names)
    return None if found is None else f'write {found[0]}["{found[1]}"]'


def _written(text: str, offset: int, names: Names) -> tuple[str, str] | None:
    for root, known in (("steps", names.steps), ("inputs", names.inputs)):
        if text.startswith(f"{root}.", offset):
            rest = text[offset + len(root) + 1 :]
            fitting = [name for name in _prefixes(rest) if name in known and not name.isidentifier()]
            if fitting:
                return root, fitting[-1]
    return None


def _prefixes(text: str) -> Iterator[str]:
    """Every beginning of `text` that might be an id, up to its first character that cannot be in one."""
    for end, char in enumerate(text, 1):
        if not (char.isalnum() or char in "_.-"):
            return
        yield text[:end]


def _end_of_misread(text: str, offset: int, names: Names) -> int:
    found = _written(text, offset, names)
    return -1 if found is None else offset + len(found[0]) + 1 + len(found[1])
