"""Model values from what the table's kinds have read: `Step` and `Plan` with their groups of keys."""

from collections.abc import Mapping
from typing import Any, Final

from holdfast.plan.model import (
    AttemptLimits,
    Command,
    Conditions,
    Depends,
    EffectPolicy,
    FailurePolicy,
    Files,
    ForEach,
    OnFailure,
    People,
    Plan,
    PlanShown,
    Process,
    Reconcile,
    Results,
    Run,
    Sharing,
    Shell,
    Step,
    StepShown,
    Uses,
    Value,
    Work,
)

Values = Mapping[str, Any]
"""What was read, by `group.attribute` or attribute. Its types are those of the table."""

_GROUPS: Final[dict[str, type[Value]]] = {
    "conditions": Conditions,
    "process": Process,
    "limits": AttemptLimits,
    "effect": EffectPolicy,
    "files": Files,
    "results": Results,
    "sharing": Sharing,
    "people": People,
    "shown": StepShown,
}
_PLACES: Final = {
    f"{group}.{name}": (group, name) for group, held in _GROUPS.items() for name in held.__struct_fields__
}
_DIRECT: Final = ("depends", "priority", "retry", "on_failure", "failure_modes", "next")


def step(name: str, values: Values, needs: tuple[str, ...], *, templated: bool, final: bool) -> Step:
    """The step of these values. A `final` one runs whatever happened and tolerates its own failure (S15)."""
    fields: dict[str, Any] = {key: values[key] for key in _DIRECT if key in values}
    groups: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if key in _PLACES:
            group, attribute = _PLACES[key]
            groups.setdefault(group, {})[attribute] = value
    shell = values.get("shell", Shell.SH)
    if "effect" in groups:
        _finish_effect(groups["effect"], shell)
    own = _own_capability(values) if "uses" in values else None
    if own is not None:
        groups.setdefault("sharing", {}).setdefault("capabilities", (own,))
    for group, attributes in groups.items():
        fields[group] = _GROUPS[group](**attributes)
    if "for_each" in values or "matrix" in values:
        fields["for_each"] = _for_each(values)
    if final:
        fields.setdefault("on_failure", FailurePolicy(action=OnFailure.CONTINUE))
        fields["depends"] = Depends.DONE
    return Step(id=name, work=work(values, shell), needs=needs, templated=templated, **fields)


def _own_capability(values: Values) -> str | None:
    """What a step of a runner uses that names no capability: those that reach out have one of their own."""
    if values["uses"] == "http":
        return "web.fetch"
    return "git.push" if values["uses"] == "git" and values.get("params", {}).get("op") == "push" else None


def work(values: Values, shell: Shell) -> Work:
    """What a step, a reconcile or a rollback does; of several the first, as a fault was found then."""
    if "command" in values:
        return Command(argv=values["command"])
    if "uses" in values:
        return Uses(runner=values["uses"], params=values.get("params", {}))
    return Run(text=values.get("run", ""), shell=shell)


def plan(values: Values, steps: tuple[Step, ...], finally_: tuple[Step, ...]) -> Plan:
    """The plan of these values."""
    fields: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    for key, value in values.items():
        group, dot, attribute = key.partition(".")
        if dot:
            assert group == "shown"
            shown[attribute] = value
        elif key not in {"steps", "finally", "defaults"}:
            fields[key] = value
    fields.setdefault("id", "")
    if shown:
        fields["shown"] = PlanShown(**shown)
    return Plan(steps=steps, finally_=finally_, **fields)


def _finish_effect(effect: dict[str, Any], shell: Shell) -> None:
    reconcile = effect.get("reconcile")
    if reconcile is not None:
        clocks = {key: reconcile[name] for name, key in _RECONCILE_CLOCKS if name in reconcile}
        effect["reconcile"] = Reconcile(work=work(reconcile, shell), **clocks)
    if isinstance(effect.get("rollback"), dict):
        effect["rollback"] = work(effect["rollback"], shell)


_RECONCILE_CLOCKS: Final = (("settle", "settle_s"), ("timeout", "timeout_s"))


def _for_each(values: Values) -> ForEach:
    matrix = dict(values.get("matrix", {}))
    exclude = matrix.pop("exclude", ())
    return ForEach(**values.get("for_each", {}), matrix=matrix, exclude=exclude)
