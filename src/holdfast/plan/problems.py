"""What is wrong with a plan file: `Fault` while it is read, `Problem` when its place is known."""

from collections.abc import Collection
from typing import Literal

import msgspec

from holdfast.plan.expr import Expression, Template

Severity = Literal["error", "warning"]
Part = Literal["value", "key"]
Path = tuple[str | int, ...]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One problem of a plan file; `line` and `column` count from 1. An error makes the plan invalid, a warning not."""

    code: str
    severity: Severity
    message: str
    file: str
    line: int
    column: int
    hint: str | None = None

    def __str__(self) -> str:
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.severity} {self.code}: {self.message}{hint}"


class Fault(msgspec.Struct):
    """A problem at a path of the plan's data. A message that begins with a space goes behind the thing's name.

    `path` is kept in reverse: it grows from the inside out while the reader returns, and a good plan costs none.
    `excerpt` and `offset` name a place inside a text. `near` is a name that was not found and those it may be meant to
    be: a hint is made of it when the problem is shown, as that takes time.
    """

    code: str
    message: str
    hint: str | None = None
    severity: Severity = "error"
    part: Part = "value"
    path: list[str | int] = []
    excerpt: str | None = None
    offset: int | None = None
    near: tuple[str, Collection[str]] | None = None


class Use(msgspec.Struct):
    """An expression that stands at a path, with the names it may use there (`scope`)."""

    expression: Expression | Template
    scope: str
    path: list[str | int] = []


Found = list[Fault | Use]


def place(found: Found, since: int, *steps: str | int) -> None:
    """Put what was found after `since` one or more steps deeper, innermost step first."""
    for item in found[since:]:
        item.path.extend(steps)


def fault_at(path: Path, code: str, message: str, hint: str | None = None) -> Fault:
    """An error at a full path."""
    return Fault(code, message, hint, path=[*reversed(path)])


def warning_at(path: Path, code: str, message: str, hint: str | None = None) -> Fault:
    """A warning at a full path."""
    return Fault(code, message, hint, severity="warning", path=[*reversed(path)])
