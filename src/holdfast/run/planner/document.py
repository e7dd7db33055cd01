"""(Plan) -> one verdict per step, with its reason: in this version every step runs, because nothing is reused yet.

Only a step that another must choose may not run.
"""

from collections import Counter
from collections.abc import Mapping

from holdfast.plan.fanout import static_keys
from holdfast.plan.graph import Graph, of_plan
from holdfast.plan.model import Plan
from holdfast.run.control import control_of
from holdfast.run.growth import instance_id
from holdfast.run.planner.layers import layers_of

LATER = "instances: not known before the run, the list comes from it (an estimate needs an earlier run)"
UNKNOWN = {"low": None, "likely": None, "high": None, "basis": "unknown"}


def plan_document(plan: Plan, warnings: list[str]) -> dict[str, object]:
    """The `plan --json` document; steps sorted by layer, then id (planner 1)."""
    graph = of_plan(plan)
    control = control_of(plan, graph.index)
    dormant = {} if control is None else control.choosers
    layer_of = layers_of(graph, dormant, len(plan.steps))
    layers: list[list[str]] = [[] for _ in range(max(layer_of, default=-1) + 1)]
    for i, layer in enumerate(layer_of):
        layers[layer].append(graph.ids[i])
    for ids in layers:
        ids.sort()
    instances: dict[str, list[str]] = {}
    notes: dict[str, str] = {}
    for step in plan.steps + plan.finally_:
        if step.for_each is not None:
            keys = static_keys(step.for_each)
            instances[step.id] = [instance_id(step.id, key) for key in keys or ()]
            notes[step.id] = LATER if keys is None else f"instances: {len(keys)}"
    steps = [
        _planned(each, layer, [notes[each]] if each in notes else [], _choosers(graph, dormant, name))
        for layer, ids in enumerate(layers)
        for name in ids
        for each in (name, *instances.get(name, ()))
    ]
    for ids in layers:
        ids[:] = [each for name in ids for each in (name, *instances.get(name, ()))]
    return {
        "plan": plan.id,
        "revision": 1,
        "position": 0,
        "layers": layers,
        "steps": steps,
        "totals": dict(Counter(str(step["verdict"]) for step in steps)) if steps else {"run": 0},
        "warnings": warnings,
        "errors": [],
    }


def _choosers(graph: Graph, dormant: Mapping[int, tuple[int, ...]], step: str) -> list[str]:
    return [graph.ids[j] for j in dormant.get(graph.index[step], ())]


def _planned(step: str, layer: int, notes: list[str], choosers: list[str]) -> dict[str, object]:
    reason: dict[str, object] = {"code": "never-run", "detail": "nothing is reused in this version", "because": []}
    if choosers:
        detail = "dormant until the end of another step chooses it"
        reason = {"code": "condition-unknown", "detail": detail, "because": choosers}
    return {
        "step": step,
        "layer": layer,
        "verdict": "maybe" if choosers else "run",
        "reasons": [reason],
        "notes": notes,
        "pinned": [],
        "expected": {"time_s": UNKNOWN, "cost_usd": UNKNOWN},
    }
