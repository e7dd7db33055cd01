"""What an expression may cost, and the error when it is wrong or costs more."""

from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.errors import RequestError

MAX_TEXT: Final = 4_096
"""Characters of one expression or pattern."""

MAX_NODES: Final = 512
"""Names, literals, operators and calls of one expression."""

MAX_DEPTH: Final = 32
"""Nesting of one expression."""

MAX_RESULT: Final = 1_048_576
"""Bytes of a result, and characters of any text made on the way to it."""

MAX_ITEMS: Final = 100_000
"""Items of any list made on the way to a result."""

MAX_DATA_DEPTH: Final = 100
"""Nesting of data that is compared, copied or written."""

MAX_BITS: Final = 2_048
"""Size of a whole number; its text stays within the least limit that Python may be told to put on such texts."""

MAX_WORK: Final = 1_000_000
"""Units of work of one evaluation: an item looked at is one, 16 characters looked at are one."""

TEXT_PER_UNIT: Final = 16


class ExpressionError(RequestError):
    """An expression, template or pattern that cannot be compiled or evaluated; the author of the plan acts.

    `offset` is the 0-based character in the text where it is wrong, or None where no place can be named.
    """

    def __init__(
        self, headline: str, *, offset: int | None = None, hint: str | None = None, facts: Sequence[str] = ()
    ) -> None:
        super().__init__(headline, code="expression.invalid", hint=hint, facts=facts)
        self.offset = offset

    def placed(self, offset: int) -> "ExpressionError":
        """The error itself, now with a place if it had none."""
        if self.offset is None:
            self.offset = offset
        return self

    def shown_in(self, text: str) -> "ExpressionError":
        """The error itself with the line of `text` it is about and a mark under the place, unless it has them."""
        if not self.facts:
            line, column = _window(text, self.offset)
            self.facts = (line,) if column is None else (line, " " * column + "^")
        return self


class Work:
    """What is left of the work one evaluation may do."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_WORK

    def charge(self, units: int) -> None:
        """Take `units` away; raises ExpressionError when there are not so many left."""
        self.left -= units
        if self.left < 0:
            raise ExpressionError(
                f"it takes more than {MAX_WORK:,} units of work",
                hint="let a step compute this and give it as an output",
            )

    def charge_text(self, text: str) -> None:
        """Charge for one look at the whole of `text`."""
        if len(text) >= TEXT_PER_UNIT:
            self.charge(len(text) // TEXT_PER_UNIT)


class Frame(Work):
    """One evaluation: the names it sees and the work it has left."""

    __slots__ = ("context",)

    def __init__(self, context: Mapping[str, object]) -> None:
        self.left = MAX_WORK
        self.context = context


def stack_used_up() -> ExpressionError:
    """The error for the caller who leaves too little of the stack; no expression alone can use it up."""
    return ExpressionError("there is too little stack left for an expression")


def _window(text: str, offset: int | None) -> tuple[str, int | None]:
    """The 100 characters of `text` around `offset` on one line, and the column of `offset` in them."""
    start = 0 if offset is None else max(0, min(offset - 50, len(text) - 100))
    part = text[start : start + 100]
    line = "".join(char if char.isprintable() else " " for char in part)
    return line, None if offset is None else offset - start
