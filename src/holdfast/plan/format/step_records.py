"""The maps inside of a step: retries, failures, edges, evidence, products, instances."""

from typing import Final

from msgspec.structs import replace

from holdfast.plan.format.containers import Field, ListOf, OneOf, Record
from holdfast.plan.format.forms import (
    ARTIFACT,
    COUNT,
    DURATION,
    FILLED,
    FLAG,
    INPUT_TYPE,
    NAME,
    PATH,
    STEP_ID,
    TEMPLATE,
    ZERO_DURATION,
    DataMap,
    Values,
    prose,
    visits,
)
from holdfast.plan.format.kinds import As, Choice, Either, Number
from holdfast.plan.format.texts import Expression, Text
from holdfast.plan.model import (
    ArtifactStdin,
    Edge,
    Evidence,
    FailureMode,
    FailurePolicy,
    OnFailure,
    Output,
    Product,
    Prose,
    Retry,
)
from holdfast.plan.problems import Fault, Found

_ERROR_CODE: Final = Text(
    "an error code such as exit.nonzero", label="code", form=r"[a-z][a-z0-9_]*(?:[.\-][a-z0-9_]+)*"
)
_RETRY_MAP: Final = Record(
    {
        "attempts": Field(COUNT, "all attempts, the first included", default="1"),
        "delay": Field(ZERO_DURATION, "before the second attempt", to="delay_s", default="1s"),
        "factor": Field(Number("a number, 1 or more", least=1), "growth of the delay", default="2"),
        "max_delay": Field(ZERO_DURATION, "the longest delay", to="max_delay_s", default="60s"),
        "jitter": Field(Number("a number from 0 to 1", least=0, most=1), "random part of the delay", default="0.2"),
        "on": Field(ListOf(_ERROR_CODE, "error codes", distinct=True), "only these; empty: all that are not fatal"),
    },
    Retry,
    name="retry",
)


def _attempts(count: object) -> Retry:
    assert isinstance(count, int)
    return Retry(attempts=count)


RETRY: Final = Either(
    label="int or " + _RETRY_MAP.label,
    words="a number of attempts or a map",
    number=As(COUNT, _attempts),
    map=_RETRY_MAP,
)

ON_FAILURE: Final = Either(
    words="one of abort, skip_dependents, continue, skip, rollback, or {fallback: step}",
    text=Choice({action.value: FailurePolicy(action=action) for action in OnFailure if action != OnFailure.FALLBACK}),
    map=Record(
        {"fallback": Field(STEP_ID, "the step that stands in", required=True)},
        lambda fallback: FailurePolicy(action=OnFailure.FALLBACK, fallback=fallback),
    ),
)

_DO_MAP: Final = Record(
    {"goto": Field(STEP_ID, "go on with it"), "fallback": Field(STEP_ID, "it stands in"), "max_visits": visits()},
    dict,
    rules=(OneOf(("goto", "fallback")),),
)
_DO: Final = Either(words="retry, fail, {goto: step} or {fallback: step}", text=Choice(("retry", "fail")), map=_DO_MAP)
_DETECT: Final = Either(
    words="an expression or {prose: text}", text=(_of_it := Expression("detect")), bool=_of_it, map=prose()
)


def _mode(name: str, detect: object, do: object = "fail", advice: str | None = None) -> FailureMode:
    mode = FailureMode(name=name, advice=advice)
    mode = replace(mode, prose=detect.prose) if isinstance(detect, Prose) else replace(mode, detect=detect)
    if not isinstance(do, dict):
        return replace(mode, do=do)
    verb = "goto" if "goto" in do else "fallback"
    return replace(mode, do=verb, target=do.get(verb), max_visits=do.get("max_visits", 1))


FAILURE_MODE: Final = Record(
    {
        "name": Field(FILLED, "its name", required=True),
        "detect": Field(_DETECT, "whether it is this one; prose never matches", required=True),
        "do": Field(_DO, "what follows", default="fail"),
        "advice": Field(TEMPLATE, "shown to people"),
    },
    _mode,
)

EDGE: Final = Record(
    {
        "on": Field(FILLED, "success, failure or an outcome's name", required=True),
        "to": Field(STEP_ID, "the step to go on with", required=True),
        "max_visits": visits(),
    },
    Edge,
)

_STRENGTH: Final = Either(
    text=Choice(("weak", "moderate", "strong")), number=Number("a likelihood ratio of 1 or more", least=1)
)
EVIDENCE: Final = Record(
    {
        "for": Field(NAME, "the hypothesis", to="hypothesis", required=True),
        "when": Field(Expression("after"), "whether it counts"),
        "supports": Field(_STRENGTH, "how much it speaks for it: weak 2, moderate 5, strong 20 or a likelihood ratio"),
        "refutes": Field(_STRENGTH, "how much it speaks against it"),
        "neutral": Field(FLAG, "it speaks neither way", default="false"),
        "artifact": Field(ARTIFACT, "the artifact it comes from"),
        "note": Field(TEMPLATE, "shown to people"),
    },
    Evidence,
    rules=(OneOf(("supports", "refutes", "neutral")),),
)

_PRODUCT_MAP: Final = Record(
    {
        "path": Field(PATH, "the file or folder", required=True),
        "type": Field(TEMPLATE, "what it is, for people"),
        "optional": Field(FLAG, "it may be missing", default="false"),
        "retention": Field(DURATION, "how long its bytes are kept, whatever the runs that made it", to="retention_s"),
        "keep": Field(
            Choice(("bytes", "digest")), "what is stored; its digest alone brings nothing back", default="bytes"
        ),
    },
    Product,
)
PRODUCT: Final = Either(
    label="path or " + _PRODUCT_MAP.label,
    words="a path or a map with path",
    text=As(PATH, lambda path: Product(path=str(path))),
    map=_PRODUCT_MAP,
)

_ITEMS: Final = Either(list=Values(scope="list"), text=Expression("list", condition=False))
_FOR_EACH_MAP: Final = Record(
    {
        "items": Field(_ITEMS, "the items; may be left out beside `matrix`"),
        "item_key": Field(Expression("item"), "what names the instance, such as item.name; default: the item itself"),
        "max_parallel": Field(COUNT, "how many run at once"),
        "fail": Field(Choice(("fast", "all")), "whether the first failure stops the others", default="fast"),
    },
    dict,
)


def _only_items(items: object) -> dict[str, object]:
    return {"items": items}


FOR_EACH: Final = Either(
    label="[value] or expression or " + _FOR_EACH_MAP.label,
    words="a list, an expression or a map with items",
    list=As(_ITEMS, _only_items),
    text=As(_ITEMS, _only_items),
    map=_FOR_EACH_MAP,
)


def _no_axes(axes: dict[str, object], found: Found) -> None:
    """What is said of the keys of `for_each` in a matrix: they are no axes, and stand beside it."""
    for key in ("max_parallel", "item_key", "fail"):
        for fault in found if key in axes else ():
            if isinstance(fault, Fault) and fault.path == [key] and fault.code == "value.type":
                fault.hint = f"it stands beside the matrix, under for_each: for_each: {{{key}: {axes[key]}}}"


MATRIX: Final = Record(
    {"exclude": Field(ListOf(DataMap(), "maps"), "combinations that are left out")},
    dict,
    rest=Values(least=1, scope="list"),
    rules=(_no_axes,),
)
MATRIX.label = "name → [value], {exclude}"

STDIN: Final = Either(
    label="text or {artifact}",
    words="text or {artifact: step.artifact}",
    text=TEMPLATE,
    map=Record({"artifact": Field(ARTIFACT, "the artifact that is read", required=True)}, ArtifactStdin),
)
DEFINITE: Final = Number("an exit code from 1 to 255", whole=True, least=1, most=255)
OUTPUT: Final = Record({"type": Field(INPUT_TYPE, "the type of the value")}, Output)
