"""(Plan) -> one verdict per step, with its reason: in this version every step runs, because nothing is reused yet."""

from holdfast.plan.graph import of_plan
from holdfast.plan.model import Plan

UNKNOWN = {"low": None, "likely": None, "high": None, "basis": "unknown"}


def plan_document(plan: Plan, warnings: list[str]) -> dict[str, object]:
    """The `plan --json` document; steps sorted by layer, then id (planner 1)."""
    graph = of_plan(plan)
    layer_of = graph.layers()
    layers: list[list[str]] = [[] for _ in range(max(layer_of, default=-1) + 1)]
    for i, layer in enumerate(layer_of):
        layers[layer].append(graph.ids[i])
    for ids in layers:
        ids.sort()
    steps = [
        {
            "step": name,
            "layer": layer,
            "verdict": "run",
            "reasons": [{"code": "never-run", "detail": "nothing is reused in this version", "because": []}],
            "notes": [],
            "pinned": [],
            "expected": {"time_s": UNKNOWN, "cost_usd": UNKNOWN},
        }
        for layer, ids in enumerate(layers)
        for name in ids
    ]
    return {
        "plan": plan.id,
        "revision": 1,
        "position": 0,
        "layers": layers,
        "steps": steps,
        "totals": {"run": len(steps)},
        "warnings": warnings,
        "errors": [],
    }
