"""What expressions see of a run: plain data, built for the references an expression makes (plan-format, Context)."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from holdfast.run.budgets import CALLS
from holdfast.run.standing import (
    Expanded,
    Failed,
    Falling,
    GivenUp,
    Recovered,
    Result,
    Retrying,
    Reused,
    Reviewed,
    Running,
    Skipped,
    Succeeded,
    Uncertain,
)
from holdfast.run.states import FINAL_STEP, OK_STEP

if TYPE_CHECKING:
    from holdfast.plan.expr import Reference
    from holdfast.run.growth import Group
    from holdfast.run.reached import Reached

FACT_NAMES = ("now_utc", "network.online", "disk.free", "disk.store_free")


def context_for(
    run: "Reached", references: "Iterable[Reference]", facts: Mapping[str, object], at: int | None = None
) -> dict[str, object]:
    """The names that `references` reach: inputs, env, plan, run, the steps asked for, and the facts given.

    `at` is the position of the step whose expression it is: an instance of a `for_each` has its `item` and `index`.
    """
    names = {reference.path[0]: reference for reference in references if reference.path}
    context: dict[str, object] = {}
    if "inputs" in names:
        context["inputs"] = run.inputs
    if "plan" in names:
        context["plan"] = {"id": run.plan.id, "title": run.plan.shown.title, "version": run.plan.shown.version}
    if "run" in names:
        context["run"] = {"id": run.id, "started_at": _rfc3339(run.started_at), "outcome": run.outcome}
    if "env" in names:
        context["env"] = _environment(run)
    if "budget" in names:
        context["budget"] = _budget(run)
    if "steps" in names:
        context["steps"] = _steps(run, references)
    if at in run.group_of and ("item" in names or "index" in names):
        assert at is not None
        group = run.groups[run.group_of[at]]
        context["item"], context["index"] = group.item(run, at), at - group.first
    context.update(facts_context(facts))
    return context


def _budget(run: "Reached") -> dict[str, object]:
    """`budget.<key>` and `budget.calls["<capability>"]`: what is spent, the limit and what is left of it, or null."""
    found: dict[str, object] = {key: _left(0.0, None) for key in ("cost", "tokens")}
    calls: dict[str, object] = {}
    for key, spent, limit in run.account.overview() if run.account is not None else ():
        if key.startswith(CALLS):
            calls[key.removeprefix(CALLS)] = _left(spent, limit)
        else:
            found[key] = _left(spent, limit)
    watch = run.stopwatch
    time = _left(watch.ran_us(run.at) / 1e6, watch.limit_us / 1e6) if watch is not None else _left(0.0, None)
    return found | {"calls": calls, "time": time}


def _left(spent: float, limit: float | None) -> dict[str, object]:
    return {"spent": spent, "limit": limit, "left": None if limit is None else max(0.0, limit - spent)}


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


def _environment(run: "Reached") -> dict[str, str]:
    """What steps get from outside, as it was recorded when the run was taken in hand, and what the plan sets."""
    recorded = run.owner.environment if run.owner is not None else {}
    own = {name: text for name, text in run.plan.env.items() if text is not None and "${{" not in text}
    return {**recorded, **own}


def _steps(run: "Reached", references: "Iterable[Reference]") -> dict[str, object]:
    wanted: set[str] = set()
    for reference in references:
        if reference.path[:1] != ("steps",):
            continue
        if len(reference.path) == 1:
            wanted.update(run.index)
        else:
            wanted.add(str(reference.path[1]))
    views: dict[str, object] = {}
    for name in sorted(wanted):
        at = run.found(name)
        if at is not None:
            views[name] = step_view(run, at)
    for name in wanted - views.keys():
        at = run.found(name.removesuffix("[*]"))
        if at in run.groups and name.endswith("[*]"):
            assert at is not None
            views[name] = columns_view(run, run.groups[at])
    return views


def step_view(run: "Reached", i: int) -> dict[str, object]:
    """What `steps.<id>` holds: `status`, `ok`, `attempts`, and what the step's state carries."""
    state = run.states[i]
    view: dict[str, object] = {
        "status": state.status.value,
        "ok": state.status in OK_STEP,
        "attempts": run.attempts_of(i).total,
    }
    if isinstance(state, Succeeded | Reused | Recovered | Uncertain | Reviewed):
        view |= _result_view(run, state.result)
    if isinstance(state, Failed | GivenUp | Falling) and state.result is not None:
        view |= _result_view(run, state.result)
    if isinstance(state, Failed | GivenUp | Falling | Recovered | Uncertain | Retrying):
        view["error"] = {"code": state.error.code, "message": state.error.message}
    if isinstance(state, Skipped):
        view["why"] = state.why
    if isinstance(state, Running | Expanded):
        view["started_at"] = _rfc3339(state.since)
    if i in run.groups:
        view |= _group_view(run, run.groups[i])
    view.setdefault("outputs", {})
    view.setdefault("artifacts", {})
    return view


def _group_view(run: "Reached", group: "Group") -> dict[str, object]:
    """What an expanded step has beside its status: the outputs of its instances by key, and each as a step of its own.

    Built once, since nothing of it changes when the group has ended.
    """
    if group.view is not None:
        return group.view
    views = {key: step_view(run, i) for key, i in zip(group.keys, group.positions, strict=True)}
    view: dict[str, object] = {
        "outputs": {key: each["outputs"] for key, each in views.items() if each["outputs"]},
        "instances": views,
    }
    if run.states[group.at].status in FINAL_STEP:
        group.view = view
    return view


def columns_view(run: "Reached", group: "Group") -> dict[str, object]:
    """What `steps["id[*]"]` holds: of each thing that steps have, the list over the instances, in the list's order."""
    instances = _group_view(run, group)["instances"]
    assert isinstance(instances, dict)
    views = list(instances.values())
    columns: dict[str, object] = dict(_turned([{**view, "outputs": None, "artifacts": None} for view in views]))
    columns["outputs"] = _turned([view["outputs"] for view in views])
    artifacts = _turned([view["artifacts"] for view in views])
    columns["artifacts"] = {name: _turned(refs) for name, refs in artifacts.items()}
    return columns


def _turned(maps: list[Any]) -> dict[str, list[Any]]:
    """Maps turned inside out: for each name the list of what the maps have under it."""
    names = dict.fromkeys(name for each in maps for name in each)
    return {name: [each[name] for each in maps if name in each] for name in names}


def _result_view(run: "Reached", result: Result) -> dict[str, object]:
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
