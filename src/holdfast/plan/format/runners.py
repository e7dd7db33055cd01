"""The parameters (`with`) of the runners that come with Holdfast."""

from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.plan.format.containers import Field, ListOf, MapOf, OneOf, Record
from holdfast.plan.format.forms import (
    ARTIFACT,
    COUNT,
    DURATION,
    FILLED,
    FLAG,
    INPUT_TYPE,
    MODULE_FUNCTION,
    NAME,
    PATH,
    STEP_ID,
    TEMPLATE,
    DataMap,
    judged,
    visits,
)
from holdfast.plan.format.kinds import BAD, Choice, Either, Kind, Number, Schema, shown
from holdfast.plan.format.texts import TEMPLATE_SCHEMA, Data, Text, read_template
from holdfast.plan.language.moments import moment
from holdfast.plan.language.work import ExpressionError
from holdfast.plan.problems import Fault, Found, Use

LATER: Final = ("agent", "bisect", "research")
"""Runners of the format that no engine has yet; `research` stands for `research.*`."""


class AsWritten(Kind):
    """Another kind, of which the model keeps what the file has."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self.words = kind.words
        self.label = kind.label

    def read(self, value: object, found: Found) -> object:
        """The value itself."""
        return BAD if self._kind.read(value, found) is BAD else value

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """The schema of the other kind."""
        return self._kind.schema(defs)

    def parts(self) -> Sequence[Kind]:
        """The other kind."""
        return (self._kind,)


class Param(AsWritten):
    """A parameter; where it is a text with `${{ }}`, it is judged when it has its value."""

    def read(self, value: object, found: Found) -> object:
        """The value itself."""
        if isinstance(value, str) and "${{" in value:
            read_template(value, "step", found)
            return value
        return super().read(value, found)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """What the kind takes, or a template."""
        return {"anyOf": [self._kind.schema(defs), TEMPLATE_SCHEMA]}


class Apart(AsWritten):
    """A part with names of its own: what its expressions refer to is not of the plan around it."""

    def read(self, value: object, found: Found) -> object:
        """The value itself."""
        inside: Found = []
        super().read(value, inside)
        found += [item for item in inside if not isinstance(item, Use)]
        return value


class Moment(Text):
    """A point in time."""

    def __init__(self) -> None:
        super().__init__("a time such as 2026-12-24T18:00:00Z", label="time", form=r"[^\s].*")

    def read(self, value: object, found: Found) -> object:
        """The text, where it is a time."""
        read = super().read(value, found)
        if isinstance(read, str) and "${{" not in read:
            try:
                moment(read)
            except ExpressionError:
                found.append(Fault("value.format", f" must be {self.words}, not {shown(read)}"))
                return BAD
        return read


def _param(kind: Kind, meaning: str, *, default: str = "", required: bool = False) -> Field:
    return Field(Param(kind), meaning, default=default, required=required)


_TEXT_OR_NUMBER: Final = Either(text=TEMPLATE, number=Number("a number"))
_TEXT_OR_LIST: Final = Either(text=TEMPLATE, list=ListOf(TEMPLATE, "texts"))
_STATUS: Final = Number("a status code, 100 to 599", whole=True, least=100, most=599)

_OPTION: Final = Record(
    {
        "id": Field(NAME, "the option's name", required=True),
        "label": Field(TEMPLATE, "what is shown"),
        "pros": Field(_TEXT_OR_LIST, "what speaks for it"),
        "cons": Field(_TEXT_OR_LIST, "what speaks against it"),
        "cost": Field(_TEXT_OR_NUMBER, "what it costs"),
        "risk": Field(_TEXT_OR_NUMBER, "what may go wrong"),
    },
    dict,
)
_ON_EXPIRY: Final = Either(
    words="reject, default or {escalate: role}",
    text=Choice(("reject", "default")),
    map=Record({"escalate": Field(TEMPLATE, "the role that is asked next", required=True)}, dict),
)
_ON_REJECT: Final = Either(
    words="fail, skip_dependents or {goto: step}",
    text=Choice(("fail", "skip_dependents")),
    map=Record({"goto": Field(STEP_ID, "the step to go on with", required=True), "max_visits": visits()}, dict),
)


def _check_gate(gate: dict[str, object], found: Found) -> None:
    """What the kind of a gate needs and takes."""
    kind = gate.get("kind", "approve")
    if kind == "choose" and "options" not in gate:
        found.append(Fault("key.needed", ' needs "options" for kind choose'))
    if kind == "check" and "checks" not in gate:
        found.append(Fault("key.needed", ' needs "checks" for kind check'))
    for key, kinds in (("options", {"choose"}), ("recommended", {"choose"}), ("type", {"ask"}), ("default", {"ask"})):
        if key in gate and isinstance(kind, str) and kind not in kinds and "${{" not in kind:
            fault = Fault(
                "key.unused", f" is for gates of kind {' or '.join(kinds)}, not {kind}", "remove it", path=[key]
            )
            found.append(fault)
    if gate.get("on_expiry") == "default" and "default" not in gate:
        fault = Fault("key.needed", ' is "default", but the gate has no default', "give it one", path=["on_expiry"])
        found.append(fault)
    _check_options(gate, found)


def _check_options(gate: dict[str, object], found: Found) -> None:
    options = gate.get("options")
    if not isinstance(options, list):
        return
    ids = [option.get("id") for option in options if isinstance(option, dict)]
    for number, name in enumerate(ids):
        if name in ids[:number]:
            found.append(Fault("value.repeated", f': the option "{name}" stands there twice', path=[number, "options"]))
    wanted = gate.get("recommended")
    if isinstance(wanted, str) and wanted not in ids and "${{" not in wanted:
        fault = Fault("option.unknown", f' is "{wanted}", which is no option of the gate', path=["recommended"])
        fault.near = (wanted, [name for name in ids if isinstance(name, str)])
        found.append(fault)


GATE: Final = Record(
    {
        "kind": _param(Choice(("approve", "choose", "ask", "review", "check")), "what is asked", default="approve"),
        "question": _param(FILLED, "the question, as people see it"),
        "checks": Field(ListOf(judged("step"), "expressions or {prose}"), "must be true; prose is shown"),
        "role": _param(TEMPLATE, "who may answer"),
        "quorum": _param(COUNT, "how many must approve", default="1"),
        "options": Field(ListOf(_OPTION, "options", least=1), "what can be chosen"),
        "recommended": _param(NAME, "the option that is recommended"),
        "type": Field(INPUT_TYPE, "the type of the answer (ask)", default="string"),
        "default": Field(Data(scope="step"), "the answer when nobody gives one (ask)"),
        "evidence": Field(ListOf(ARTIFACT, "artifacts", distinct=True), "artifacts that must exist"),
        "shows": Field(ListOf(ARTIFACT, "artifacts", distinct=True), "artifacts the approval binds to"),
        "expires": _param(DURATION, "when the question lapses"),
        "on_expiry": Field(_ON_EXPIRY, "what lapsing means", default="reject"),
        "on_reject": Field(_ON_REJECT, "what a rejection means", default="fail"),
    },
    dict,
    name="gate",
    rules=(_check_gate,),
)

_FILE_SOURCES: Final[Mapping[str, str | None]] = {
    "write": "content",
    "copy": "from",
    "move": "from",
    "patch": "diff",
    "delete": None,
}


def _check_file(params: dict[str, object], found: Found) -> None:
    """Each operation has its one source, and no other."""
    op = params.get("op")
    if not isinstance(op, str) or op not in _FILE_SOURCES:
        return
    wanted = _FILE_SOURCES[op]
    if wanted is not None and wanted not in params:
        found.append(Fault("key.needed", f' needs "{wanted}" for op {op}'))
    for key in ("content", "from", "diff"):
        if key in params and key != wanted:
            found.append(Fault("key.unused", f" is not for op {op}", "remove it", path=[key]))


class Later(Kind):
    """A kind that is defined later, as it holds what is defined here."""

    def __init__(self, words: str, label: str) -> None:
        self.words = words
        self.label = label
        self.kind: Kind = self

    def read(self, value: object, found: Found) -> object:
        """As the kind."""
        return self.kind.read(value, found)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """As the kind."""
        return self.kind.schema(defs)


NESTED_STEPS: Final = Later("a map of steps", "id → step")

_URL: Final = Text("an http or https URL", label="URL", form=r"https?://[^\s/?#][^\s]*")
_WORDS: Final = MapOf(Text("a name", form=r"[^\s\x00]+"), TEMPLATE, "texts")
_ARGS: Final = Either(map=DataMap(scope="step"), list=ListOf(Data(scope="step"), "arguments"))


def _check_python(params: dict[str, object], found: Found) -> None:
    """What only a function, or only a script, can have."""
    if isinstance(params.get("args"), list) and "call" in params:
        found.append(Fault("value.type", " must be a map, as a function takes its arguments by name", path=["args"]))
    if params.get("inline") is True and "script" in params:
        found.append(Fault("key.unused", " is not for a script, which has a process of its own", path=["inline"]))


_PYTHON: Final = Record(
    {
        "call": _param(MODULE_FUNCTION, "the function, as `module:function`"),
        "script": _param(PATH, "a script, instead of `call`"),
        "args": Field(_ARGS, "named arguments; for a script also a list"),
        "inline": Field(FLAG, "run in the engine itself", default="false"),
        "python": _param(FILLED, "the interpreter, instead of the engine's"),
    },
    dict,
    rules=(OneOf(("call", "script")), _check_python),
)
_HTTP: Final = Record(
    {
        "method": _param(
            Choice(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")), "the method", default="GET"
        ),
        "url": _param(
            Text("an http or https URL", label="URL", form=r"https?://[^\s/?#][^\s]*"), "the address", required=True
        ),
        "headers": Field(_WORDS, "header fields"),
        "query": Field(DataMap(scope="step"), "added to the URL"),
        "json": Field(Data(scope="step"), "the body, as JSON"),
        "form": Field(DataMap(scope="step"), "the body, as a form"),
        "body": _param(TEMPLATE, "the body, as text"),
        "expect_status": _param(
            Either(number=_STATUS, list=ListOf(_STATUS, "status codes", least=1)), "what counts as success"
        ),
        "to": _param(PATH, "the file for the answer, resumed by range and ETag"),
        "follow": _param(FLAG, "follow redirects", default="true"),
        "verify": _param(Either(bool=FLAG, text=PATH), "check the certificate; or a file of authorities"),
        "idempotency_header": _param(FILLED, "the header for the key of an effect", default="Idempotency-Key"),
    },
    dict,
    rules=(OneOf(("json", "form", "body"), may_lack=True),),
)
_PLAN: Final = Record(
    {
        "file": _param(PATH, "the nested plan's file"),
        "steps": Field(Apart(NESTED_STEPS), "its steps, inline"),
        "inputs": Field(DataMap(scope="step"), "its inputs"),
    },
    dict,
    rules=(OneOf(("file", "steps")),),
)
_WAIT: Final = Record(
    {
        "for": _param(DURATION, "a duration"),
        "until": _param(Moment(), "a time; one without a zone is UTC"),
        "file": _param(PATH, "a file that must exist"),
        "topic": _param(FILLED, "a message on a topic"),
    },
    dict,
    rules=(OneOf(("for", "until", "file", "topic")),),
)
_FILE: Final = Record(
    {
        "op": Field(Choice((*_FILE_SOURCES,)), "what to do", required=True),
        "path": _param(PATH, "the file", required=True),
        "content": _param(TEMPLATE, "the text to write"),
        "from": _param(PATH, "the file to copy or move"),
        "diff": _param(TEMPLATE, "the patch, in unified format"),
        "mode": _param(Text('permissions such as "0644"', form=r"[0-7]{3,4}"), "permissions"),
    },
    dict,
    rules=(_check_file,),
)
_GIT_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "branch": ("name", "at", "switch"),
    "commit": ("message", "type", "scope", "subject", "body", "paths", "allow_empty", "author"),
    "tag": ("name", "at", "message", "force"),
    "push": ("remote", "branch", "tag", "to", "tags", "force"),
    "merge": ("branch", "message", "ff"),
    "status": (),
}
_GIT_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "commit": ("message", "subject"),
    "tag": ("name",),
    "merge": ("branch",),
}


def _check_git(params: dict[str, object], found: Found) -> None:
    """Each operation takes its own parameters."""
    op = params.get("op")
    if not isinstance(op, str) or op not in _GIT_KEYS:
        return
    needs = _GIT_NEEDS.get(op, ())
    if needs and not any(key in params for key in needs):
        named = " or ".join(f'"{key}"' for key in needs)
        found.append(Fault("key.needed", f" needs {named} for op {op}"))
    for key in params:
        if key in _GIT.fields and key not in {"op", "repo", *_GIT_KEYS[op]}:
            found.append(Fault("key.unused", f" is not for op {op}", "remove it", path=[key]))
    if "message" in params and op == "commit":
        for key in ("type", "scope", "subject", "body"):
            if key in params:
                fault = Fault("key.unused", " is beside message, which says it all", "keep one of them", path=[key])
                found.append(fault)


_GIT: Final = Record(
    {
        "op": Field(Choice((*_GIT_KEYS,)), "what to do", required=True),
        "repo": _param(PATH, "a folder of the repository; default: the step's `cwd`"),
        "name": _param(FILLED, "the branch (default: `plan/` and the plan's id) or tag"),
        "at": _param(FILLED, "where the branch or tag begins", default="HEAD"),
        "switch": _param(FLAG, "go to the branch", default="true"),
        "message": _param(FILLED, "the message of the commit, tag or merge"),
        "type": _param(FILLED, "of a message `type(scope): subject`", default="feat"),
        "scope": _param(FILLED, "of such a message; default: the plan's id"),
        "subject": _param(FILLED, "of such a message, instead of `message`"),
        "body": _param(TEMPLATE, "what follows below it"),
        "paths": Field(ListOf(TEMPLATE, "paths", least=1), "what is committed; default: all changes"),
        "allow_empty": _param(FLAG, "commit also when nothing changed", default="false"),
        "author": _param(FILLED, "the author, as `Name <address>`"),
        "remote": _param(FILLED, "where to", default="origin"),
        "branch": _param(FILLED, "the branch that is pushed (default: the current one) or merged"),
        "tag": _param(FILLED, "the tag that is pushed, instead of a branch"),
        "to": _param(FILLED, "the branch of the remote; default: the same name"),
        "tags": _param(FLAG, "push annotated tags of what is pushed too", default="false"),
        "force": _param(FLAG, "replace what is there; a push only what it has seen", default="false"),
        "ff": _param(Choice(("auto", "only", "no")), "whether a merge may or must be a fast forward", default="auto"),
    },
    dict,
    rules=(_check_git, OneOf(("branch", "tag"), may_lack=True)),
)
_NOOP: Final = Record({}, dict)

RUNNERS: Final = {
    "python": _PYTHON,
    "http": _HTTP,
    "gate": GATE,
    "plan": _PLAN,
    "wait": _WAIT,
    "file": _FILE,
    "git": _GIT,
    "noop": _NOOP,
}
"""The parameters of each runner by its name."""
