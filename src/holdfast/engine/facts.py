"""Which facts of the host a plan's expressions ask for: only those are taken."""

from holdfast.plan.expr import compile_expression
from holdfast.plan.model import Holds, Plan
from holdfast.run.admission import wanted_texts


def facts_wanted(plan: Plan) -> frozenset[str]:
    """The host facts that the plan's conditions, criteria and outputs ask for."""
    texts = [*plan.outputs.values(), *wanted_texts(plan)]
    for step in plan.steps + plan.finally_:
        if step.conditions is not None:
            texts += [text for text in (step.conditions.when, *step.conditions.skip_if) if text is not None]
        if step.for_each is not None:
            texts += [text for text in (step.for_each.items, step.for_each.item_key) if isinstance(text, str)]
        if step.results.expect:
            texts += [criterion.expression for criterion in step.results.expect if isinstance(criterion, Holds)]
        if step.failure_modes:
            texts += [mode.detect for mode in step.failure_modes if mode.detect is not None]
    if plan.goal is not None:
        texts += [criterion.expression for criterion in plan.goal.done_when if isinstance(criterion, Holds)]
    wanted: set[str] = set()
    for text in texts:
        wanted |= compile_expression(text).facts
    return frozenset(wanted)
