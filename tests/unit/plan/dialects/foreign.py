"""Plans of the format `orchestrator` for tests: keys in, problems or a native plan out."""

import json
from collections.abc import Mapping
from typing import Any

from holdfast.plan.door import Door
from holdfast.plan.model import Plan, Step
from holdfast.plan.parse import Parsed, parse_plan

NONE: Mapping[str, str] = {}


def read(data: object, variables: Mapping[str, str] = NONE) -> Parsed:
    """The data as a file, read and checked; each step on a line of its own, from line 2 on."""
    return parse_plan(text_of(data).encode(), "plan.json", door=Door(variables=variables))


def text_of(data: object) -> str:
    """The text of the file."""
    if not isinstance(data, dict) or "steps" not in data:
        return json.dumps(data)
    head = json.dumps({key: value for key, value in data.items() if key != "steps"})[1:-1]
    steps = ",\n".join(json.dumps(step) for step in data["steps"])
    return "{" + head + (", " if head else "") + '"steps": [\n' + steps + "\n]}"


def plan_of(*steps: dict[str, Any], **top: object) -> dict[str, Any]:
    """A plan of these steps; one without work does nothing."""
    return {"plan_id": "p", **top, "steps": [step_of(**step) for step in steps]}


def step_of(**keys: object) -> dict[str, object]:
    """A step that runs `x` if it says nothing else, called `a` if it is not called otherwise."""
    work = {} if "step_def" in keys or "command" in keys else {"command": "x"}
    return {"id": "a", **work, **keys}


def plan(*steps: dict[str, Any], variables: Mapping[str, str] = NONE, **top: object) -> Plan:
    """The native plan."""
    made = read(plan_of(*steps, **top), variables)
    assert made.plan is not None, made.problems
    return made.plan


def step(variables: Mapping[str, str] = NONE, **keys: object) -> Step:
    """The native step."""
    return plan(keys, variables=variables).steps[0]


def said(*steps: dict[str, Any], variables: Mapping[str, str] = NONE, **top: object) -> list[str]:
    """All problems, each with its line and the beginning of what stands at its place: `2|prev.x| code: message`."""
    data = plan_of(*steps, **top)
    lines = text_of(data).split("\n")
    return [
        f"{it.line}|{lines[it.line - 1][it.column - 1 :][:8]}| {it.code}: {it.message}"
        + (f"; {it.hint}" if it.hint else "")
        for it in read(data, variables).problems
    ]
