"""What a step does: shell text, a command, or a runner with its parameters; also to find out, and to undo."""

from typing import Final

from holdfast.plan.format.containers import Field, ListOf, OneOf, Record
from holdfast.plan.format.forms import (
    DURATION,
    ZERO_DURATION,
    DataMap,
)
from holdfast.plan.format.kinds import Kind, Schema
from holdfast.plan.format.runners import RUNNERS
from holdfast.plan.format.texts import Text
from holdfast.plan.problems import Fault, Found, place

_ANY_PARAMS: Final = DataMap(scope="step")


class _ShellText(Kind):
    """Shell text, in which no template may stand: expressions never reach a shell."""

    words = "shell text"
    label = "shell text"

    def read(self, value: object, found: Found) -> object:
        """The text."""
        if not isinstance(value, str):
            return self.refuse(value, found)
        if not value.strip():
            found.append(Fault("value.empty", " must be shell text, not an empty text"))
        elif "${{" in value:
            hint = 'pass the value through env: env: {NAME: "${{ … }}"}, and write "$NAME" here'
            message = " holds ${{, but expressions never reach a shell"
            found.append(Fault("run.template", message, hint, excerpt=value, offset=value.find("${{")))
        return value

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """A string without `${{`."""
        del defs
        return {"type": "string", "pattern": r"\S", "not": TEMPLATE_PATTERN}


TEMPLATE_PATTERN: Final[Schema] = {"pattern": r"\$\{\{"}


def check_params(step: dict[str, object], found: Found) -> None:
    """Read `with` as the parameters of the runner that `uses` names."""
    runner = step.get("uses")
    if runner is None and "with" in step:
        found.append(Fault("key.unused", ' is the parameters of "uses", which is not there', path=["with"]))
        return
    params = step.get("with", {})
    if not isinstance(runner, str) or not isinstance(params, dict):
        return
    before = len(found)
    RUNNERS.get(runner, _ANY_PARAMS).read(params, found)
    place(found, before, "with")


WORK_RULE: Final = OneOf(("run", "command", "uses"))
_RUNNER: Final = Text("a runner's name", form=r"[A-Za-z_][A-Za-z0-9_.\-]*")


def work_fields(scope: str) -> dict[str, Field]:
    """The keys that say what is done; texts may use the names of `scope`."""
    argument = Text("text", scope=scope)
    return {
        "run": Field(_ShellText(), "shell text"),
        "command": Field(
            ListOf(argument, "texts", least=1, hint="write a list such as [python, build.py]; shell text is `run`"),
            "an argument list",
        ),
        "uses": Field(_RUNNER, "a runner by name"),
        "with": Field(DataMap(), "the runner's parameters", to="params"),
    }


WORK: Final = Record(work_fields("undo"), dict, name="work", rules=(WORK_RULE, check_params))
WORK.words = "{run, command or uses}"
RECONCILE: Final = Record(
    {
        **work_fields("undo"),
        "settle": Field(ZERO_DURATION, "how long “not found” does not count", default="0s"),
        "timeout": Field(DURATION, "how long it may take", default="30s"),
    },
    dict,
    name="reconcile",
    rules=(WORK_RULE, check_params),
)
