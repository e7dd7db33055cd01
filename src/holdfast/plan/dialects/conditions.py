"""Conditions of the format `orchestrator`, rewritten as expressions of ours.

`prev.x.status` is compared in the words of that format, ids stand in it as they are (also with hyphens), `env.NAME` is
null where the variable is not set, and `50MB` or `10m` are numbers.
"""

import json
import keyword
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from holdfast.plan.dialects.rewritten import Rewritten

_TEXT: Final = r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'"""
_PART: Final = re.compile(
    rf"""(?P<text>{_TEXT})
    |(?<![\w.])prev(?:\.(?P<id>[A-Za-z0-9_])|\[\s*(?P<quoted>{_TEXT})\s*\])
    |(?<![\w.])env(?:\.(?P<variable>[A-Za-z_]\w*)|\[\s*(?P<named>{_TEXT})\s*\])
    |(?<![\w.])(?P<size>[0-9]+(?:\.[0-9]+)?(?P<unit>[kKMGTP]i?[Bb]|[kmgtp]b|B)\b)
    |(?<![\w.])(?P<duration>(?:[0-9]+(?:\.[0-9]+)?(?:ms|[dhms]))+\b)
    |\w+""",
    re.VERBOSE,
)
_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_SHORT_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]*")
_STATUS: Final = re.compile(r"\s*\.\s*status\b|\s*\[\s*(?:'status'|\"status\")\s*\]")
_COMPARED: Final = re.compile(rf"\s*(?P<sign>==|!=)\s*(?P<word>{_TEXT})(?=\s*(?:$|[)\],}}]|and\b|or\b|if\b|else\b))")
_COMPARING: Final = re.compile(
    rf"(?P<before>(?:^|[(\[,{{]|\band\b|\bor\b|\bnot\b|\bif\b|\belse\b)\s*)(?P<word>{_TEXT})\s*(?P<sign>==|!=)\s*$"
)
_LISTED: Final = re.compile(rf"\s*(?:not\s+)?in\s*\[(?:\s*(?:{_TEXT})\s*,?)*\s*\]")
_ALONE: Final = re.compile(r"(?:^|[(\[,{]|\band|\bor|\bnot|\bif|\belse)\s*$")
_BEHIND: Final = re.compile(r"\s*(?:$|[)\],}]|and\b|or\b|if\b|else\b)")

OK_WORDS: Final = ("success", "completed", "succeeded")
"""What the format calls a step that is ok."""


@dataclass(slots=True)
class Names:
    """What conditions may speak of: the plan's steps, and the variables that the plan itself sets."""

    steps: Collection[str]
    plan_env: Collection[str]
    passed: dict[str, None] = field(default_factory=dict)
    """The variables that conditions take from outside, in the order of the file."""


@dataclass(slots=True)
class Condition:
    """A condition in our language, and the steps it speaks of."""

    text: Rewritten
    steps: list[str]


def rewrite(condition: Rewritten, names: Names, step_env: Mapping[str, str]) -> Condition:
    """The condition in our language; `step_env` is what its step sets itself."""
    return _Rewriter(condition, names, step_env).run()


class _Rewriter:
    def __init__(self, condition: Rewritten, names: Names, step_env: Mapping[str, str]) -> None:
        self._source = condition.text
        self._names = names
        self._step_env = step_env
        self._made = Rewritten(condition.text, earlier=condition)
        self._steps: list[str] = []
        self._done = 0

    def run(self) -> Condition:
        position = 0
        while (part := _PART.search(self._source, position)) is not None:
            position = part.end()
            if part["id"] is not None or part["quoted"] is not None:
                position = self._step(part)
            elif part["variable"] is not None or part["named"] is not None:
                self._replace(part.start(), part.end(), self._variable(part["variable"] or _read(part["named"])))
            elif part["size"] is not None:
                unit = part["unit"]
                number = part["size"].removesuffix(unit)
                self._replace(part.start(), part.end(), f'size("{number}{_unit(unit)}")')
            elif part["duration"] is not None:
                self._replace(part.start(), part.end(), f'duration("{part["duration"]}")')
        self._made.copy(self._done, len(self._source))
        return Condition(self._made, self._steps)

    def _replace(self, start: int, end: int, text: str) -> None:
        self._made.copy(self._done, start)
        self._made.put(text, start)
        self._done = end

    def _step(self, part: re.Match[str]) -> int:
        """Rewrite a reference to a step; gives the place behind it."""
        if part["quoted"] is not None:
            name, end = _read(part["quoted"]), part.end()
        else:
            name = self._id(part.end() - 1)
            end = part.end() - 1 + len(name)
        self._steps.append(name)
        step = spelled("steps", name)
        status = _STATUS.match(self._source, end)
        if status is None:
            self._replace(part.start(), end, step)
            return end
        return self._status(step, part.start(), status.end())

    def _status(self, step: str, start: int, end: int) -> int:
        before = self._source[:start]
        after = _COMPARED.match(self._source, end)
        if after is not None and _ALONE.search(before):
            self._replace(start, after.end(), _compared(step, after["sign"], _read(after["word"])))
            return after.end()
        comparing = _COMPARING.search(before)
        if comparing is not None and comparing.start("word") >= self._done and _BEHIND.match(self._source, end):
            compared = _compared(step, comparing["sign"], _read(comparing["word"]))
            self._replace(comparing.start("word"), end, compared)
            return end
        self._replace(start, end, f'("success" if {step}.ok else {step}.status)')
        listed = _LISTED.match(self._source, end)
        if listed is None:
            return end
        for word in re.finditer(_TEXT, listed[0]):
            if _read(word[0]) in OK_WORDS:
                self._replace(end + word.start(), end + word.end(), '"success"')
        return listed.end()

    def _id(self, start: int) -> str:
        """The id that begins at `start`: the longest that the plan has, else what has an id's form."""
        whole = _ID.match(self._source, start)
        assert whole is not None
        text = whole[0]
        for length in range(len(text), 0, -1):
            if text[:length] in self._names.steps and (length == len(text) or text[length] == "."):
                return text[:length]
        short = _SHORT_ID.match(text)
        assert short is not None
        return short[0]

    def _variable(self, name: str) -> str:
        if name in self._step_env:
            return json.dumps(self._step_env[name], ensure_ascii=False)
        if name in self._names.plan_env:
            return spelled("env", name)
        self._names.passed[name] = None
        return f"get(env, {json.dumps(name)}, null)"


def spelled(root: str, name: str) -> str:
    """How an expression reaches a name below a root."""
    plain = name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
    return f"{root}.{name}" if plain else f"{root}[{json.dumps(name, ensure_ascii=False)}]"


def _compared(step: str, sign: str, word: str) -> str:
    if word in OK_WORDS:
        return f"{step}.ok" if sign == "==" else f"not {step}.ok"
    return f"{step}.status {sign} {json.dumps(word, ensure_ascii=False)}"


def _read(literal: str) -> str:
    """The text that a literal in quotes stands for, where it has no escape but those of quotes."""
    return re.sub(r"\\(.)", r"\1", literal[1:-1])


def _unit(unit: str) -> str:
    """The unit as `size` knows it."""
    if unit == "B":
        return unit
    prefix, middle = unit[0].upper(), "i" if "i" in unit else ""
    return ("k" if prefix == "K" and not middle else prefix) + middle + "B"
