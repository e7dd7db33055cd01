"""The forms of text in a plan (ids, names, paths, templates) and the small records that several keys share."""

from collections.abc import Sequence
from typing import Final

from holdfast.plan.format.containers import Field, ListOf, MapOf, Record
from holdfast.plan.format.kinds import As, Bool, Choice, Duration, Either, Kind, Number, Schema
from holdfast.plan.format.texts import Data, Expression, Text
from holdfast.plan.model import AllowDeny, Budget, Holds, Overdue, Prose, Valid
from holdfast.plan.problems import Fault, Found

STEP_FORM: Final = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}"
_ID_HINT: Final = "an id has letters, digits, _ . and -, at most 128"

PLAN_ID: Final = Text("a plan id", label="id", form=r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}", hint=_ID_HINT)
STEP_ID: Final = Text("a step id", label="id", form=STEP_FORM, hint=_ID_HINT)
DEPENDENCY: Final = Text("a step id", label="id", form=STEP_FORM + r"(?:\[\*\])?", hint=_ID_HINT)
NAME: Final = Text("a name", form=STEP_FORM, hint="a name has letters, digits, _ . and -, at most 128")
DOTTED: Final = Text(
    "a dotted name such as web.fetch", label="dotted name", form=r"[A-Za-z0-9_][A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_*\-]+)*"
)
LOCK: Final = Text("a lock's name", label="name", form=r"[A-Za-z0-9_][A-Za-z0-9_.:/@\-]{0,127}")
ENV_NAME: Final = Text(
    "a name of an environment variable",
    label="name",
    form=r"[^=\s\x00]+",
    hint='a name holds no "=" and no space',
)
ENV_GLOB: Final = Text("a name or glob of environment variables", label="name or glob", form=r"[^=\s\x00]+")
ARTIFACT: Final = Text(
    "an artifact such as step.artifact", label="step.artifact", form=r"[A-Za-z0-9_][A-Za-z0-9_.:\-]*"
)
GLOB_NAME: Final = Text("a name or glob", form=r"[^\s\x00]+")
MODULE_FUNCTION: Final = Text(
    "module:function", form=r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", scope="step"
)

TEXT: Final = Text()
FILLED: Final = Text("a text that is not empty", label="text", form=r"[\s\S]*\S[\s\S]*")
MOMENT: Final = Text(
    "a date or a time such as 2026-12-24T17:00:00Z",
    label="date or time",
    form=r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[Tt ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?(?:[Zz]|[+\-][0-2][0-9]:?[0-5][0-9])?)?",
)
_PATH_FORM: Final = r"(?!~(?:/|$))[^\x00]+"
_PATH_HINT: Final = "paths start at the plan file's folder; ~ is not expanded"
PATH: Final = Text("a path", form=_PATH_FORM, scope="step", hint=_PATH_HINT)
GLOB: Final = Text("a path or glob", form=r"(?!!?~(?:/|$))!?[^\x00!][^\x00]*", scope="step", hint=_PATH_HINT)
ROOT: Final = Text("a path", form=_PATH_FORM, hint=_PATH_HINT)
TEMPLATE: Final = Text("text", scope="step")

TEXTS: Final = ListOf(TEXT, "texts")
NAMES: Final = ListOf(NAME, "names", distinct=True)
LOCKS: Final = ListOf(LOCK, "names", distinct=True)
ENV_NAMES: Final = ListOf(ENV_NAME, "names", distinct=True)
FLAG: Final = Bool()
DURATION: Final = Duration()
ZERO_DURATION: Final = Duration(zero=True)
COUNT: Final = Number("a whole number, 1 or more", whole=True, least=1)
AMOUNT: Final = Number("a whole number, 0 or more", whole=True, least=0)
POSITIVE: Final = Number("a number above 0", least=0, open_bounds=True)
COST: Final = Number("a number, 0 or more", least=0)
RESOURCES: Final = MapOf(NAME, POSITIVE, "amounts")

INPUT_TYPES: Final = ("string", "int", "float", "bool", "date", "datetime", "duration", "path", "list", "map")
INPUT_TYPE: Final = Choice(INPUT_TYPES)


class DataMap(Kind):
    """A map of plain data with text keys, kept as written."""

    words = "a map"
    label = "map"

    def __init__(self, *, scope: str | None = None) -> None:
        self._data = Data(scope=scope)

    def read(self, value: object, found: Found) -> object:
        """The map itself."""
        return self._data.read(value, found) if isinstance(value, dict) else self.refuse(value, found)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """An object."""
        del defs
        return {"type": "object"}


class Values(Kind):
    """A list of plain data, kept as written; with a `scope` its texts may hold `${{ }}`."""

    words = "a list of values"
    label = "[value]"

    def __init__(self, *, least: int = 0, scope: str | None = None) -> None:
        self._least = least
        self._data = Data(scope=scope)

    def read(self, value: object, found: Found) -> object:
        """The list itself."""
        if not isinstance(value, list):
            return self.refuse(value, found)
        if len(value) < self._least:
            found.append(Fault("value.empty", f" must be {self.words}, not an empty list"))
        return self._data.read(value, found)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """An array."""
        del defs
        return {"type": "array", "minItems": self._least} if self._least else {"type": "array"}


def prose(build: type[Prose] = Prose) -> Record:
    """A criterion in words."""
    return Record({"prose": Field(FILLED, "a criterion in words, shown to a person", required=True)}, build)


def holds(scope: str) -> Kind:
    """An expression as a criterion."""
    return As(Expression(scope), lambda text: Holds(expression=str(text)))


class _Criterion(Kind):
    """A criterion: an expression, `{prose}`, or `{valid, schema}`."""

    words = "an expression, {prose: text} or {valid: artifact, schema: path}"
    label = "expression · {prose} · {valid, schema}"

    def __init__(self) -> None:
        self._holds = holds("after")
        self._prose = prose()
        self._valid = Record(
            {
                "valid": Field(
                    ARTIFACT,
                    "a JSON document, or .jsonl, that must match (holdfast[schema])",
                    required=True,
                ),
                "schema": Field(PATH, "the JSON Schema, all of it in this file", required=True),
            },
            Valid,
        )

    def read(self, value: object, found: Found) -> object:
        """Holds, Prose or Valid."""
        if isinstance(value, dict):
            kind = self._valid if "valid" in value or "schema" in value else self._prose
            return kind.read(value, found)
        if isinstance(value, str | bool):
            return self._holds.read(value, found)
        return self.refuse(value, found)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """Any of the three."""
        return {"anyOf": [kind.schema(defs) for kind in self.parts()]}

    def parts(self) -> Sequence[Kind]:
        """The three."""
        return (self._holds, self._prose, self._valid)


CRITERION: Final = _Criterion()
"""A criterion of `expect`."""


def judged(scope: str) -> Kind:
    """An expression or `{prose}`, over the names of a scope."""
    expression = holds(scope)
    words, label = "an expression or {prose: text}", "expression · {prose}"
    return Either(words=words, label=label, text=expression, bool=expression, map=prose())


BUDGET_FIELDS: Final = {
    "time": Field(DURATION, "time it may take", to="time_s"),
    "cost": Field(COST, "what it may cost, in USD", to="cost_usd"),
    "tokens": Field(AMOUNT, "tokens it may use"),
    "calls": Field(MapOf(DOTTED, AMOUNT, "amounts"), "calls by capability"),
    "on_exhausted": Field(Choice(("block", "fail")), "what happens at 100 %", default="block"),
}
BUDGET: Final = Record(BUDGET_FIELDS, Budget, name="budget")
OVERDUE: Final = Record(
    {
        "after": Field(DURATION, "an inbox item when it is not done by then", to="after_s", required=True),
        "escalate": Field(TEXT, "the role that is told"),
    },
    Overdue,
    name="overdue",
)
MEMORY: Final = Record(
    {"keys": Field(NAMES, "memory keys it reads and writes", required=True)}, lambda keys: keys, name="memory"
)


def allow_deny() -> Record:
    """`{allow, deny}` of names or globs."""
    names = ListOf(GLOB_NAME, "names or globs", distinct=True)
    return Record(
        {
            "allow": Field(names, "only these are allowed"),
            "deny": Field(names, "these are refused, whatever `allow` says"),
        },
        AllowDeny,
    )


def visits() -> Field:
    """How often a control edge may be taken to the same target."""
    return Field(COUNT, "how often the target may be visited, the first visit included", default="1")
