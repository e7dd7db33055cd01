"""The expression language: a bounded subset of Python's expressions over plain data.

Pure: no clock, file, process or randomness, never `eval`. This is the door; the parts are in `plan.language`, and are
imported with the first expression, since every command line passes here and most plans have none.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from holdfast.plan.language.work import ExpressionError, Frame, Work, stack_used_up

if TYPE_CHECKING:
    from holdfast.plan.language.closures import Reference
    from holdfast.plan.language.functions import compile_pattern
    from holdfast.plan.language.paths import Closure

__all__ = (
    "Expression",
    "ExpressionError",
    "Reference",
    "Template",
    "compile_expression",
    "compile_pattern",
    "compile_template",
    "status_synonyms",
    "truth",
)


class Expression(msgspec.Struct, frozen=True, eq=False):
    """A compiled expression.

    `references` are what it reads, in the order of the text; `facts` are the host facts it needs, of `now_utc`,
    `network.online`, `disk.free`, `disk.store_free`.
    """

    text: str
    references: "tuple[Reference, ...]"
    facts: frozenset[str]
    closure: "Closure"

    def evaluate(self, context: Mapping[str, object]) -> object:
        """The value in `context`, as plain data; raises ExpressionError and nothing else."""
        from holdfast.plan.language.values import plain

        frame = Frame(context)
        try:
            return plain(self.closure(frame), frame)
        except ExpressionError as error:
            raise error.shown_in(self.text) from None
        except RecursionError:
            raise stack_used_up() from None


@lru_cache(maxsize=1_024)
def compile_expression(text: str) -> Expression:
    """The compiled expression; raises ExpressionError, whose offset is in `text`."""
    from holdfast.plan.language.closures import compiled

    try:
        return Expression(text, *compiled(text))
    except ExpressionError as error:
        raise error.shown_in(text) from None
    except RecursionError:
        raise stack_used_up() from None


class Template(msgspec.Struct, frozen=True, eq=False):
    """A text with `${{ expression }}` in it; `parts` are its texts, and its expressions with the offset of each."""

    text: str
    parts: tuple[str | tuple[int, Expression], ...]
    references: "tuple[Reference, ...]"
    facts: frozenset[str]

    def render(self, context: Mapping[str, object]) -> object:
        """The text with the values in it; a template that is a single expression gives the value itself.

        Raises ExpressionError, whose offset is in the text of the template.
        """
        from holdfast.plan.language.values import check_text_length, in_words

        if len(self.parts) == 1 and not isinstance(self.parts[0], str):
            return _value(self.parts[0], context)
        words: list[str] = []
        length = 0
        for part in self.parts:
            words.append(part if isinstance(part, str) else in_words(_value(part, context), Work()))
            length += len(words[-1])
            check_text_length(length)
        return "".join(words)


def _value(part: tuple[int, Expression], context: Mapping[str, object]) -> object:
    start, expression = part
    try:
        return expression.evaluate(context)
    except ExpressionError as error:
        raise _moved(error, start) from None


def compile_template(text: str) -> Template | None:
    """The compiled template, or None if `text` holds no `${{`; raises ExpressionError, whose offset is in `text`.

    A `${{` itself is written `${{ "${{" }}`.
    """
    opened = text.find("${{")
    if opened < 0:
        return None
    from holdfast.plan.language.scan import check_unicode, end_of_expression
    from holdfast.plan.language.values import check_text_length

    check_unicode(text)
    check_text_length(len(text))
    parts: list[str | tuple[int, Expression]] = []
    references: list[Reference] = []
    facts: frozenset[str] = frozenset()
    done = 0
    while opened >= 0:
        start = opened + 3
        end = end_of_expression(text, start, opened)
        try:
            expression = compile_expression(text[start:end])
        except ExpressionError as error:
            raise _moved(error, start) from None
        if opened > done:
            parts.append(text[done:opened])
        parts.append((start, expression))
        references += [reference._replace(offset=start + reference.offset) for reference in expression.references]
        facts |= expression.facts
        done = end + 2
        opened = text.find("${{", done)
    if done < len(text):
        parts.append(text[done:])
    return Template(text, tuple(parts), tuple(references), facts)


def truth(value: object) -> bool:
    """`value`, which a condition gave, if it is true or false; raises ExpressionError for every other value.

    Neither 0 nor "false" nor null is taken for false, and no text for true: what a condition means is never guessed.
    """
    from holdfast.plan.language.operators import condition

    return condition(value)


def status_synonyms(expression: Expression) -> list[tuple[int, str, str]]:
    """Each word that a step's status is compared with and never is: its offset, the word, the right word.

    `steps.x.status == "success"` gives (18, "success", "succeeded").
    """
    from holdfast.plan.language.statuses import wrong_statuses

    return wrong_statuses(expression.text)


def __getattr__(name: str) -> object:
    if name == "Reference":
        from holdfast.plan.language.closures import Reference

        return Reference
    if name == "compile_pattern":
        from holdfast.plan.language.functions import compile_pattern

        return compile_pattern
    raise AttributeError(name)


def _moved(error: ExpressionError, start: int) -> ExpressionError:
    offset = None if error.offset is None else start + error.offset
    return ExpressionError(error.headline, offset=offset, hint=error.hint, facts=error.facts)
