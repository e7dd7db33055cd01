"""Random plans of the format `orchestrator`."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from holdfast.plan.dialects.orchestrator_table import ORCHESTRATOR, STEP
from tests.property.plan_values import values

IDS = ("a", "b-c", "d.e", "f_1", "class", "g")
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)  # any text a JSON file can hold
CONDITIONS = (
    *("true", "prev.{} == null", "prev.{}.status == 'success'", "'failed' != prev.{}.status", "disk.free > 5MB"),
    *("prev.{}.status in ['completed', 'skipped']", "env.CI != null", "env.SET == 'x'", "prev.{}.duration_s < 10m"),
)


def shaped() -> st.SearchStrategy[Any]:
    """Plans that have the right shape; what they name need not exist."""
    return values(ORCHESTRATOR).map(_mended)


def _mended(data: Any) -> Any:  # noqa: ANN401 - plain data
    return {**data, "steps": [_mended_step(step) for step in data["steps"]]}


def _mended_step(step: dict[str, Any]) -> dict[str, Any]:
    """The step with what the rules between its keys ask for."""
    made = {key: held for key, held in step.items() if key not in {"on_failure", "fallback_step"}}
    if isinstance(made.get("step_def"), dict):
        made = {key: held for key, held in made.items() if key not in {"command", "args", "shell"}}
        definition = made["step_def"]
        kind = definition["type"]
        script = definition.get("script") or "x"
        made["step_def"] = {"type": kind, "args": {}} if kind in {"http", "file"} else {"type": kind, "script": script}
        return made
    made.pop("step_def", None)
    if not made.get("command"):
        made["command"] = "x"
    if made.get("shell"):
        made["shell"] = isinstance(made["command"], str) and not made.get("args")
    return made


@st.composite
def plans(draw: Callable[..., Any]) -> dict[str, Any]:
    """Plans without errors: what they name exists, and steps wait for earlier ones only."""
    names = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=4, unique=True))
    steps = [_step(draw, name, names[:number]) for number, name in enumerate(names)]
    made: dict[str, Any] = {"plan_id": "p", "steps": steps}
    if draw(st.booleans()):
        made["globals"] = {
            "max_concurrency": draw(st.integers(1, 9)),
            "default_timeout_sec": draw(st.sampled_from([0, 0.5, 60, 5400])),
            "default_retries": draw(st.integers(0, 2)),
            "max_step_duration_sec": draw(st.sampled_from([0.25, 45, 7200])),
            "env": {"SET": _text(draw)},
        }
    if draw(st.booleans()):
        made |= {"version": draw(st.one_of(TEXTS, st.floats(-5, 5))), "description": _text(draw)}
        made["metadata"] = draw(st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(), st.lists(TEXTS)), max_size=2))
    return dict(_doubled(made))


def _step(draw: Callable[..., Any], name: str, before: list[str]) -> dict[str, Any]:
    step: dict[str, Any] = {"id": name}
    match draw(st.integers(0, 4)):
        case 0:
            step |= {"command": f"echo {_text(draw)}", "shell": True}
        case 1:
            step["step_def"] = {"type": draw(st.sampled_from(["shell", "python"])), "script": f"x{_text(draw)}\ny\n"}
        case 2:
            step["command"] = ["x", *draw(st.lists(TEXTS, max_size=2))]
        case _:
            step |= {"command": f"x{_text(draw)}", "args": draw(st.lists(TEXTS, max_size=2))}
    rest: dict[str, Any] = {
        "name": _text(draw),
        "cwd": "sub folder",
        "env": {"OWN": _text(draw)},
        "depends_on": draw(st.lists(st.sampled_from(before), unique=True)) if before else [],
        "timeout_sec": draw(st.sampled_from([0, 1, 0.001, 90, 100_000])),
        "retries": draw(st.integers(0, 3)),
        "retry_delay_sec": draw(st.sampled_from([0, 0.1, 5, 3600])),
        "critical": draw(st.booleans()),
        "on_failure": draw(st.sampled_from(["abort", "continue", "skip_dependents"])),
        "tags": draw(st.lists(TEXTS, max_size=2)),
        "ui_hints": {"group": _text(draw), "weight": draw(st.floats(0, 9))},
    }
    if before:
        condition = draw(st.sampled_from(CONDITIONS)).format(draw(st.sampled_from(before)))
        rest |= {"condition": condition, "skip_if": [condition, False]}
    chosen = draw(st.lists(st.sampled_from(sorted(rest)), unique=True))
    assert set(rest) <= set(STEP.fields)
    return step | {key: rest[key] for key in chosen}


def _text(draw: Callable[..., Any]) -> str:
    return str(draw(TEXTS))


def _doubled(value: Any) -> Any:  # noqa: ANN401 - plain data
    """Every dollar doubled, so that none begins a variable; and no `${{` for a shell, which is refused."""
    if isinstance(value, str):
        return value.replace("${{", "").replace("$", "$$")
    if isinstance(value, dict):
        return {key: _doubled(held) for key, held in value.items()}
    return [_doubled(held) for held in value] if isinstance(value, list) else value
