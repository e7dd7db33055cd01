"""The step keys of the plan format, as a table. † keys (`shared`) may stand in `defaults`.

`to` names the place in the model: a group of `Step` and its attribute.
"""

from typing import Final

from holdfast.plan.format.containers import Field, ListOf, MapOf, Record
from holdfast.plan.format.forms import (
    ARTIFACT,
    BUDGET,
    CRITERION,
    DEPENDENCY,
    DOTTED,
    DURATION,
    ENV_NAME,
    ENV_NAMES,
    FLAG,
    GLOB,
    LOCKS,
    MEMORY,
    NAME,
    OVERDUE,
    PATH,
    RESOURCES,
    STEP_ID,
    TEMPLATE,
)
from holdfast.plan.format.kinds import Choice, Either, Null, Number
from holdfast.plan.format.runners import GATE, NESTED_STEPS, AsWritten
from holdfast.plan.format.step_records import (
    DEFINITE,
    EDGE,
    EVIDENCE,
    FAILURE_MODE,
    FOR_EACH,
    MATRIX,
    ON_FAILURE,
    OUTPUT,
    PRODUCT,
    RETRY,
    STDIN,
)
from holdfast.plan.format.texts import Expression
from holdfast.plan.format.work import RECONCILE, WORK, WORK_RULE, check_params, work_fields
from holdfast.plan.model import (
    Depends,
    Effect,
    Reuse,
    Shell,
)

MAX_STEPS: Final = 100_000

KINDS: Final = ("implement", "research", "validate", "debug", "refactor", "deploy", "synthesize", "analyze")

_TEXTS: Final = ListOf(TEMPLATE, "texts")
_CONDITION: Final = Expression("step")
_CONDITIONS: Final = ListOf(_CONDITION, "expressions")
_ENVIRONMENT: Final = MapOf(ENV_NAME, Either(text=TEMPLATE, null=Null()), "texts")
_MILESTONE = "shown in timelines and reports"


def _step_fields() -> dict[str, Field]:
    shown = {
        key: Field(kind, meaning, to=f"shown.{key}", default=default)
        for key, kind, meaning, default in (
            ("title", TEMPLATE, "shown", ""),
            ("description", TEMPLATE, "shown", ""),
            ("kind", Choice(KINDS), "shown; research comes first among equals", "implement"),
            ("labels", _TEXTS, "shown", ""),
            ("owner", TEMPLATE, "shown", ""),
            ("rationale", TEMPLATE, "shown", ""),
            ("risks", _TEXTS, "shown", ""),
            ("assumptions", _TEXTS, "shown", ""),
            ("group", TEMPLATE, "shown", ""),
            ("milestone", FLAG, _MILESTONE, "false"),
        )
    }
    return {**work_fields("step"), **shown, **_ORDER, **_PROCESS, **_FAILURE, **_RESULTS, **_SHARED}


_ORDER: Final = {
    "depends_on": Field(
        ListOf(DEPENDENCY, "step ids", distinct=True),
        "beside the steps that its expressions refer to; `id[*]` waits for all instances",
    ),
    "depends": Field(
        Choice({item.value: item for item in Depends}),
        "`done`: when they are finished, whatever came of it",
        default="ok",
    ),
    "when": Field(_CONDITION, "runs only if true; evaluated once", to="conditions.when"),
    "skip_if": Field(_CONDITIONS, "skipped if any is true; evaluated once", to="conditions.skip_if"),
    "requires": Field(_CONDITIONS, "waits until all are true, looked at every 5 s", to="conditions.requires"),
    "for_each": Field(FOR_EACH, "one instance per item: `id[key]`, with `item` and `index`"),
    "matrix": Field(MATRIX, "`for_each` over the product of the axes"),
    "next": Field(ListOf(EDGE, "edges"), "control edges: a target is dormant until chosen"),
    "priority": Field(Number("a whole number", whole=True), "high first", default="0"),
    "formerly": Field(ListOf(STEP_ID, "step ids", distinct=True), "names it had before", to="results.formerly"),
}
_PROCESS: Final = {
    "shell": Field(Choice({item.value: item for item in Shell}), "for `run`", to="shell", default="sh", shared=True),
    "cwd": Field(PATH, "relative to the plan file's folder", to="process.cwd", default=".", shared=True),
    "env": Field(_ENVIRONMENT, "merged over the plan's; null removes one", to="process.env", shared=True),
    "stdin": Field(STDIN, "standard input", to="process.stdin"),
    "leave_running": Field(
        FLAG, "what the attempt leaves running is not stopped", to="process.leave_running", default="false"
    ),
    "timeout": Field(DURATION, "of one attempt", to="limits.timeout_s", default="30m", shared=True),
    "heartbeat": Field(DURATION, "the longest silence of $HOLDFAST_HEARTBEAT", to="limits.heartbeat_s", shared=True),
    "quiet": Field(DURATION, "the longest silence of the output", to="limits.quiet_s", shared=True),
}
_FAILURE: Final = {
    "retry": Field(RETRY, "all attempts, the first included", shared=True),
    "on_failure": Field(ON_FAILURE, "what its failure means for the run", default="abort", shared=True),
    "failure_modes": Field(ListOf(FAILURE_MODE, "failure modes"), "looked at before `retry`; the first match wins"),
    "effect": Field(
        Choice({item.value: item for item in Effect}),
        "what repeating it does; default: that of what it does",
        to="effect.effect",
        shared=True,
    ),
    "definite_failures": Field(
        ListOf(DEFINITE, "exit codes", distinct=True),
        "exit codes that say: no effect happened",
        to="effect.definite_failures",
        shared=True,
    ),
    "reconcile": Field(RECONCILE, "finds out whether the effect happened", to="effect.reconcile"),
    "rollback": Field(Either(text=STEP_ID, map=WORK), "undoes it", to="effect.rollback"),
}
_RESULTS: Final = {
    "reads": Field(
        ListOf(GLOB, "paths or globs"),
        "files that decide whether it must run again; `!pattern` excludes",
        to="files.reads",
    ),
    "produces": Field(MapOf(NAME, PRODUCT, "paths"), "its artifacts: files or folders", to="files.produces"),
    "consumes": Field(
        ListOf(ARTIFACT, "artifacts or steps", distinct=True),
        "narrows which artifacts of the dependencies count; []: none",
        to="files.consumes",
    ),
    "backup": Field(ListOf(PATH, "paths"), "stored as an artifact before it starts", to="files.backup"),
    "fresh": Field(FLAG, "products are removed before the attempt", to="files.fresh", default="false"),
    "outputs": Field(MapOf(NAME, OUTPUT, "outputs"), "values it gives, checked", to="results.outputs"),
    "expect": Field(ListOf(CRITERION, "criteria"), "success criteria after exit 0", to="results.expect"),
    "metrics": Field(MapOf(NAME, Expression("after"), "expressions"), _MILESTONE, to="results.metrics"),
    "deterministic": Field(
        FLAG, "equal inputs give equal results", to="results.deterministic", default="true", shared=True
    ),
    "reuse": Field(
        Choice({item.value: item for item in Reuse}),
        "whether an earlier result may stand in",
        to="results.reuse",
        default="auto",
    ),
}
_SHARED: Final = {
    "locks": Field(LOCKS, "held for an attempt", to="sharing.locks", shared=True),
    "needs_resources": Field(RESOURCES, "amounts of `limits.resources`", to="sharing.needs_resources", shared=True),
    "breaker": Field(DOTTED, "the circuit breaker it counts for", to="sharing.breaker", shared=True),
    "capabilities": Field(
        ListOf(DOTTED, "dotted names", distinct=True), "what it uses, such as web.fetch", to="sharing.capabilities"
    ),
    "budget": Field(BUDGET, "what this step may spend", to="sharing.budget"),
    "secrets": Field(ENV_NAMES, "only these secrets are given to it", to="sharing.secrets"),
    "memory": Field(MEMORY, "memory keys it reads and writes", to="sharing.memory"),
    "gate": Field(AsWritten(GATE), "an approval right before this step", to="people.gate"),
    "overdue": Field(OVERDUE, "an inbox item when it is late", to="people.overdue"),
    "evidence": Field(ListOf(EVIDENCE, "evidence"), "what it says about hypotheses", to="people.evidence"),
    "checkpoint": Field(FLAG, "store the working directory after it", to="people.checkpoint", default="false"),
}

STEP: Final = Record(_step_fields(), dict, name="step", rules=(WORK_RULE, check_params))
STEP.label = "step"
STEPS: Final = MapOf(STEP_ID, STEP, "steps", least=1, most=MAX_STEPS)
DEFAULTS: Final = Record({key: field for key, field in STEP.fields.items() if field.shared}, dict, name="defaults")
DEFAULTS.label = "the step keys marked †"
NESTED_STEPS.kind = STEPS
