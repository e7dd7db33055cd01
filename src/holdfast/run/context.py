"""What expressions see of a run: plain data, built for the references an expression makes (plan-format, Context)."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from holdfast.run.machine import Run
from holdfast.run.standing import Failed, Result, Retrying, Running, Skipped, Succeeded, Uncertain
from holdfast.run.states import OK_STEP

if TYPE_CHECKING:
    from holdfast.plan.expr import Reference

FACT_NAMES = ("now_utc", "network.online", "disk.free", "disk.store_free")


def context_for(run: Run, references: "Iterable[Reference]", facts: Mapping[str, object]) -> dict[str, object]:
    """The names that `references` reach: inputs, env, plan, run, the steps asked for, and the facts given."""
    names = {reference.path[0]: reference for reference in references if reference.path}
    context: dict[str, object] = {}
    if "inputs" in names:
        context["inputs"] = run.inputs
    if "plan" in names:
        context["plan"] = {"id": run.plan.id, "title": run.plan.shown.title, "version": run.plan.shown.version}
    if "run" in names:
        context["run"] = {"id": run.id, "started_at": _rfc3339(run.started_at), "outcome": run.outcome}
    if "env" in names:
        context["env"] = {name: value for name, value in run.plan.env.items() if value is not None}
    if "steps" in names:
        context["steps"] = _steps(run, references)
    context.update(facts_context(facts))
    return context


def facts_context(facts: Mapping[str, object]) -> dict[str, object]:
    """Host facts by dotted name as the nested data that expressions reach."""
    context: dict[str, object] = {}
    for name, value in facts.items():
        head, _, tail = name.partition(".")
        if tail:
            group = context.setdefault(head, {})
            assert isinstance(group, dict)
            group[tail] = value
        else:
            context[head] = value
    return context


def _steps(run: Run, references: "Iterable[Reference]") -> dict[str, object]:
    wanted: set[str] = set()
    for reference in references:
        if reference.path[:1] != ("steps",):
            continue
        if len(reference.path) == 1:
            wanted.update(run.graph.ids)
        else:
            wanted.add(str(reference.path[1]))
    index = run.graph.index
    return {name: step_view(run, index[name]) for name in sorted(wanted) if name in index}


def step_view(run: Run, i: int) -> dict[str, object]:
    """What `steps.<id>` holds: `status`, `ok`, `attempts`, and what the step's state carries."""
    state = run.states[i]
    view: dict[str, object] = {
        "status": state.status.value,
        "ok": state.status in OK_STEP,
        "attempts": run.attempts_of(i).total,
    }
    if isinstance(state, Succeeded | Uncertain):
        view |= _result_view(run, state.result)
    if isinstance(state, Failed) and state.result is not None:
        view |= _result_view(run, state.result)
    if isinstance(state, Failed | Uncertain | Retrying):
        view["error"] = {"code": state.error.code, "message": state.error.message}
    if isinstance(state, Skipped):
        view["why"] = state.why
    if isinstance(state, Running):
        view["started_at"] = _rfc3339(state.since)
    view.setdefault("outputs", {})
    view.setdefault("artifacts", {})
    return view


def _result_view(run: Run, result: Result) -> dict[str, object]:
    return {
        "exit_code": result.exit_code,
        "outputs": run.outputs_of(result),
        "duration_s": (result.ended - result.started) / 1e6,
        "artifacts": {
            name: {"path": ref.path, "digest": ref.digest, "size": ref.size} for name, ref in result.artifacts.items()
        },
    }


def _rfc3339(at: int | None) -> str | None:
    from datetime import UTC, datetime  # noqa: PLC0415 - only expressions that ask for a time pay for the import

    return None if at is None else datetime.fromtimestamp(at / 1e6, UTC).isoformat().replace("+00:00", "Z")
