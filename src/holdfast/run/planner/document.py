"""The `plan --json` document: every step with its verdict and reasons, by layer, then by id (planner 1)."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from holdfast.plan.fanout import static_keys
from holdfast.plan.graph import Graph, of_plan
from holdfast.plan.model import Plan
from holdfast.run.control import control_of
from holdfast.run.growth import instance_id
from holdfast.run.planner.layers import layers_of

if TYPE_CHECKING:
    from holdfast.run.planner.planning import Answer
    from holdfast.run.planner.verdict import Decision, Fault, Reason

LATER = "instances: not known before the run, the list comes from it (an estimate needs an earlier run)"
UNKNOWN = {"low": None, "likely": None, "high": None, "basis": "unknown"}
EVERY_TIME = {"code": "action", "detail": "it leaves nothing that could stand in for it", "because": []}
MESSAGES = {
    "E_PIN_UNKNOWN": "a pin names nothing of this plan",
    "E_PIN_KIND": "a pin is on what cannot be kept",
    "E_PIN_INVALID": "a pin cannot hold",
    "E_PIN_FORCE_CONFLICT": "something is both forced and pinned",
    "E_UNKNOWN_ID": "a name means nothing, or more than one thing",
    "E_RANGE": "there is nothing in the range",
    "E_FORCE_OUT_OF_SCOPE": "something is forced that is left out",
    "E_INPUT_UNAVAILABLE": "what a step takes is not there",
    "E_INPUT_INACTIVE": "what a step takes is made by one that does not run",
    "E_IN_DOUBT": "an effect has no known outcome",
    "E_OUTPUT_EDITED": "a product was edited by hand",
    "E_FILE": "what a step reads cannot be read",
}


def plan_document(plan: Plan, warnings: list[str], answer: "Answer | None" = None) -> dict[str, object]:
    """The document; without an answer, of a plan of which every step runs every time."""
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
    steps = []
    for layer, ids in enumerate(layers):
        for name in ids:
            told = _told(graph, dormant, name, answer)
            for each in (name, *instances.get(name, ())):
                steps.append({"step": each, "layer": layer} | told)
                if each in notes:
                    steps[-1] |= {"notes": [*_notes(told), notes[each]]}
    for ids in layers:
        ids[:] = [each for name in ids for each in (name, *instances.get(name, ()))]
    return {
        "plan": plan.id,
        "revision": 1,
        "position": 0 if answer is None else answer.snapshot.position,
        "layers": layers,
        "steps": steps,
        "totals": dict(Counter(str(step["verdict"]) for step in steps)) if steps else {"run": 0},
        "warnings": warnings + ([] if answer is None else [f"{code}: {said}" for code, said in answer.warnings]),
        "to_do": answer is not None and not answer.idle,
        "errors": [] if answer is None else errors_of(answer.faults),
    }


def errors_of(faults: "tuple[Fault, ...]") -> list[dict[str, object]]:
    """Faults by code, each with what it is about and why (planner 5)."""
    codes = list(dict.fromkeys(fault.code for fault in faults))
    errors: list[dict[str, object]] = []
    for code in codes:
        items = [{"id": it.thing, "cause": it.cause} for it in faults if it.code == code]
        listed = "; ".join(f"{it['id']}: {it['cause']}" for it in items)
        errors.append({"code": code, "message": f"{MESSAGES.get(code, code)}: {listed}", "items": items})
    return errors


def _notes(told: Mapping[str, object]) -> list[str]:
    notes = told["notes"]
    assert isinstance(notes, list)
    return notes


def _told(
    graph: Graph, dormant: Mapping[int, tuple[int, ...]], step: str, answer: "Answer | None"
) -> dict[str, object]:
    i = graph.index[step]
    if answer is not None:
        return _decided(answer.decisions[i], back=i in answer.files)
    choosers = [graph.ids[j] for j in dormant.get(i, ())]
    reason: Mapping[str, object] = EVERY_TIME
    if choosers:
        detail = "dormant until the end of another step chooses it"
        reason = {"code": "condition-unknown", "detail": detail, "because": choosers}
    return {
        "verdict": "maybe" if choosers else "run",
        "reasons": [reason],
        "notes": [],
        "pinned": [],
        "expected": {"time_s": UNKNOWN, "cost_usd": UNKNOWN},
    }


def _decided(decision: "Decision", *, back: bool) -> dict[str, object]:
    return {
        "verdict": decision.verdict.value,
        "reasons": [_reason(reason) for reason in decision.reasons],
        "notes": [*decision.notes, *(["restored-file"] if back else [])],
        "pinned": [*decision.pinned],
        "expected": {"time_s": UNKNOWN, "cost_usd": UNKNOWN},
    }


def _reason(reason: "Reason") -> dict[str, object]:
    shown: dict[str, object] = {"code": reason.code, "detail": reason.detail or None, "because": [*reason.because]}
    if reason.changes:
        shown["changes"] = [{"port": it.port, "old": it.old, "new": it.new} for it in reason.changes]
    return shown
