"""The foreign format `orchestrator` as a table: validation, hints and its JSON Schema come from it.

A key may be null, which is as if it were not there. A text may hold `${VAR}`, so that its form binds only when that is
filled in.
"""

from typing import Final

from holdfast.plan.format.containers import FREE, Bound, Field, ListOf, MapOf, Record
from holdfast.plan.format.forms import COUNT, ENV_NAME, FILLED, FLAG, PLAN_ID, ROOT, STEP_ID, TEXT, DataMap
from holdfast.plan.format.kinds import BAD, As, Choice, Either, Kind, Number, Schema, shown
from holdfast.plan.format.texts import Data
from holdfast.plan.problems import Fault, Found

POLICIES: Final = ("abort", "skip_dependents", "continue", "fallback_step")
STEP_TYPES: Final = ("powershell", "shell", "python", "http", "file")


class OrNull(As):
    """Another kind, or null for a key that is not meant to be there."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind, lambda value: value)

    def read(self, value: object, found: Found) -> object:
        """The value; of null nothing, and no fault."""
        return BAD if value is None else super().read(value, found)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """The kind's schema, or null."""
        return {"anyOf": [super().schema(defs), {"type": "null"}]}


class Varied(As):
    """A text of a form, which holds when its variables are filled in."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind, lambda value: value)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """The form, or a text with a dollar."""
        return {"anyOf": [super().schema(defs), {"type": "string", "pattern": r"\$"}]}


def _key(kind: Kind, meaning: str, *, default: str = "", required: bool = False) -> Field:
    return Field(kind if required else OrNull(kind), meaning, default=default, required=required)


_PLAN_ID: Final = Varied(PLAN_ID)
_STEP_ID: Final = Varied(STEP_ID)
_TOKENS: Final = ListOf(FILLED, "tokens", distinct=True)
_TEXTS: Final = ListOf(TEXT, "texts")
_ENVIRONMENT: Final = MapOf(ENV_NAME, TEXT, "texts")
_SECONDS: Final = Number("a number of seconds, 0 or more", least=0)
_SECONDS_ABOVE_0: Final = Number("a number of seconds above 0", least=0, open_bounds=True)
_RETRIES: Final = Number("a whole number, 0 or more", whole=True, least=0, most=1_000_000)
_CONDITION: Final = Either(words="an expression", label="expression", text=FILLED, bool=FLAG)

GLOBALS: Final = Record(
    {
        "max_concurrency": _key(COUNT, "steps at once", default="1"),
        "default_timeout_sec": _key(_SECONDS, "of steps that give none", default="1800"),
        "default_retries": _key(_RETRIES, "of steps that give none", default="0"),
        "max_step_duration_sec": _key(_SECONDS_ABOVE_0, "a ceiling that no step may raise", default="3600"),
        "env": _key(_ENVIRONMENT, "for every step"),
    },
    dict,
    name="globals",
    partial=True,
)

_UI_HINTS: Final = Record(
    {"group": _key(TEXT, "shown"), "weight": _key(Number("a number"), "kept, never interpreted")}, dict, name="ui_hints"
)

_ARGUMENTS: Final = Either(
    words="a list of texts, or a map of parameters", list=_TEXTS, map=DataMap(), label="[text] or {parameters}"
)


def _check_definition(definition: dict[str, object], found: Found) -> None:
    """What each type of a step definition needs and takes."""
    kind, args = definition.get("type"), definition.get("args")
    if kind in _BY_PARAMETERS:
        if definition.get("script") is not None:
            found.append(Fault("key.conflict", f" is not for type {kind}", "remove it", path=["script"]))
        if args is None:
            found.append(Fault("key.missing", f' needs the key "args" for type {kind}: a map of its parameters'))
        elif not isinstance(args, dict):
            said = f" must be a map of parameters for type {kind}, not {shown(args)}"
            found.append(Fault("value.type", said, path=["args"]))
    elif kind in STEP_TYPES:
        if definition.get("script") is None:
            found.append(Fault("key.missing", f' needs the key "script" for type {kind}'))
        if isinstance(args, dict) and kind != "python":
            said = f" must be a list of texts for type {kind}, not a map"
            found.append(Fault("value.type", said, path=["args"]))


_BY_PARAMETERS: Final = ("http", "file")
_NO_NULL: Final[Schema] = {"not": {"type": "null"}}


def _of_type(*kinds: str) -> Schema:
    return {"properties": {"type": {"enum": [*kinds]}}, "required": ["type"]}


_DEFINITION_RULE: Final = Bound(
    _check_definition,
    {
        "allOf": [
            {
                "if": _of_type(*_BY_PARAMETERS),
                "then": {
                    "properties": {"script": {"type": "null"}, "args": {"type": "object"}},
                    "required": ["args"],
                },
            },
            {
                "if": _of_type("powershell", "shell", "python"),
                "then": {"properties": {"script": _NO_NULL}, "required": ["script"]},
            },
            {
                "if": _of_type("powershell", "shell"),
                "then": {"properties": {"args": {"not": {"type": "object"}}}},
            },
        ]
    },
)


STEP_DEFINITION: Final = Record(
    {
        "type": Field(Varied(Choice(STEP_TYPES)), "what kind of work it is", required=True),
        "script": _key(FILLED, "the script's text, or the path of a file with the type's ending"),
        "args": _key(_ARGUMENTS, "its arguments; of http and file the parameters"),
    },
    dict,
    name="step_def",
    rules=(_DEFINITION_RULE,),
    partial=True,
)


def _check_work(step: dict[str, object], found: Found) -> None:
    """A step has one kind of work, and only that one's keys."""
    command, defined = step.get("command"), step.get("step_def")
    if command is None and defined is None:
        found.append(Fault("key.missing", ' needs the key "command", or "step_def"'))
    elif command is not None and defined is not None:
        found.append(Fault("key.conflict", " has command and step_def", "keep one of them"))
    elif command is None:
        for key in ("args", "shell"):
            if step.get(key) is not None:
                hint = "its arguments stand in step_def" if key == "args" else "remove it"
                found.append(Fault("key.conflict", " is for command, which is not there", hint, path=[key]))
    elif step.get("shell") is True and (isinstance(command, list) or step.get("args")):
        hint = "write the whole command line as one text, or leave shell out"
        path: list[str | int] = ["command"] if isinstance(command, list) else ["args"]
        found.append(Fault("key.conflict", ": shell: true needs a single text as command", hint, path=path))


def _given(key: str) -> Schema:
    return {"properties": {key: _NO_NULL}, "required": [key]}


_WORK_RULE: Final = Bound(
    _check_work,
    {
        "oneOf": [_given("command"), _given("step_def")],
        "allOf": [
            {
                "if": _given("step_def"),
                "then": {"properties": {"args": {"type": "null"}, "shell": {"type": "null"}}},
            },
            {
                "if": {"properties": {"shell": {"const": True}}, "required": ["shell"]},
                "then": {"properties": {"command": {"not": {"type": "array"}}, "args": {"maxItems": 0}}},
            },
        ],
    },
)


def _check_policy(step: dict[str, object], found: Found) -> None:
    """`fallback_step` and the policy of that name belong together."""
    policy, target = step.get("on_failure"), step.get("fallback_step")
    if policy == "fallback_step" and target is None:
        found.append(Fault("key.needed", ' needs "fallback_step", the step that stands in', path=["on_failure"]))
    elif target is not None and policy != "fallback_step":
        hint = 'write "on_failure": "fallback_step", or remove it'
        found.append(Fault("key.unused", " does nothing without that policy", hint, path=["fallback_step"]))


STEP: Final = Record(
    {
        "id": Field(_STEP_ID, "its name in the plan", required=True),
        "name": _key(TEXT, "shown"),
        "description": _key(TEXT, "shown"),
        "command": _key(
            Either(words="a text or a list of texts", text=FILLED, list=ListOf(TEXT, "texts", least=1)),
            "the program; with `shell` a command line",
        ),
        "args": _key(_TEXTS, "its arguments"),
        "cwd": _key(Varied(ROOT), "relative to the plan file's folder", default="."),
        "shell": _key(FLAG, "`command` is one text for the shell", default="false"),
        "env": _key(_ENVIRONMENT, "merged over that of `globals`"),
        "depends_on": _key(ListOf(_STEP_ID, "step ids", distinct=True), "the steps it waits for"),
        "timeout_sec": _key(_SECONDS, "of one attempt; 0: only the ceiling holds", default="default_timeout_sec"),
        "retries": _key(_RETRIES, "extra attempts after the first", default="default_retries"),
        "retry_delay_sec": _key(_SECONDS, "the same delay before each retry"),
        "critical": _key(FLAG, "whether its failure may abort the plan", default="true"),
        "condition": _key(_CONDITION, "runs only if true"),
        "skip_if": _key(ListOf(_CONDITION, "expressions"), "skipped if any is true"),
        "on_failure": _key(Varied(Choice(POLICIES)), "what its failure means", default="abort"),
        "fallback_step": _key(_STEP_ID, "the step that stands in"),
        "provides": _key(_TOKENS, "tokens that are there when it is ok"),
        "consumes": _key(_TOKENS, "tokens it needs, each of exactly one step before it"),
        "tags": _key(_TEXTS, "shown"),
        "ui_hints": _key(_UI_HINTS, "shown"),
        "step_def": _key(STEP_DEFINITION, "typed work, instead of `command`"),
    },
    dict,
    name="step",
    rules=(_WORK_RULE, _check_policy),
    partial=True,
)


def _warn_of_unknown(plan: dict[str, object], found: Found) -> None:
    """Keys beside the known ones are for other programs; one that is near a known key is worth a word."""
    for key in plan:
        if key not in ORCHESTRATOR.fields and not key.startswith(FREE):
            said = f' does not use the key "{key}"'
            fault = Fault(
                "key.ignored", said, "a key that begins with x- is never mentioned", severity="warning", part="key"
            )
            fault.path, fault.near = [key], (key, ORCHESTRATOR.fields)
            found.append(fault)


ORCHESTRATOR: Final = Record(
    {
        "plan_id": Field(_PLAN_ID, "identity; results and history belong to it", required=True),
        "version": _key(Either(text=TEXT, number=Number("a number")), "the author's own label"),
        "name": _key(TEXT, "shown"),
        "description": _key(TEXT, "shown"),
        "metadata": _key(DataMap(), "free, shown, never interpreted"),
        "globals": _key(GLOBALS, "what holds for all steps"),
        "steps": Field(ListOf(STEP, "steps", least=1), "what is done", required=True),
    },
    dict,
    rest=Data(),
    rules=(_warn_of_unknown,),
    partial=True,
)
"""The whole format."""
