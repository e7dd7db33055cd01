"""The syntax tree of an expression, by Python's own parser, and what is said when there is none."""

import ast
import re
from typing import Final

from holdfast.plan.language.scan import SPACE, one_line, step_spelling
from holdfast.plan.language.work import ExpressionError

_REFUSED: Final = {
    "Tuple": ("tuples are not part of expressions", "write a list: [1, 2]"),
    "Set": ("sets are not part of expressions", "write a list: [1, 2]"),
    "Slice": ("parts of lists and texts cannot be cut out", "let a step compute this and give it as an output"),
    "Lambda": ("functions cannot be defined in an expression", None),
    "NamedExpr": ("an expression cannot assign", "write == to compare"),
    "Starred": ("* before an argument is not part of expressions", None),
}
_MISREAD: Final = (
    (r"&&", "write and"),
    (r"\|\|", "write or"),
    (r"!(?!=)", "write not"),
    (r"(?<![=!<>:])=(?!=)", "write == to compare"),
    (r"[`$]", "a name is written as it is: inputs.day"),
    (r"\?", "write a if condition else b"),
)


class Syntax:
    """The tree of one expression, and where its nodes stand in the text."""

    __slots__ = ("_bytes", "_shift", "text", "tree")

    def __init__(self, text: str) -> None:
        source = one_line(text)
        self.text = text
        self._shift = len(source) - len(source.lstrip(SPACE))
        source = source.strip(SPACE)
        if not source:
            raise ExpressionError("the expression is empty", offset=0)
        self._bytes = None if source.isascii() else source.encode()
        try:
            self.tree = ast.parse(source, mode="eval").body
        except SyntaxError as error:
            found = error.offset - 1 if error.offset else len(source)
            offset = self._shift + min(found, len(source))
            raise _misread(text, offset) from None

    def start(self, node: ast.expr) -> int:
        """The offset of the first character of `node`."""
        return self._shift + self._characters(node.col_offset)

    def end(self, node: ast.expr) -> int:
        """The offset behind the last character of `node`."""
        return self._shift + self._characters(node.end_col_offset or 0)

    def _characters(self, column: int) -> int:
        return column if self._bytes is None else len(self._bytes[:column].decode())


def literal_key(node: ast.expr) -> str | int | None:
    """The text or the whole number that `node` is, if it is a literal."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
        return None
    if isinstance(node.value, int):
        return sign * node.value
    return node.value if isinstance(node.value, str) and sign == 1 else None


def refused(node: ast.expr, offset: int) -> ExpressionError:
    """The error for a node that is Python but not part of the language."""
    message, hint = _REFUSED.get(type(node).__name__, ("this is not part of expressions", None))
    return ExpressionError(message, offset=offset, hint=hint)


def _misread(text: str, offset: int) -> ExpressionError:
    hint = step_spelling(text)
    if hint is None:
        bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", text)
        hint = next((hint for pattern, hint in _MISREAD if re.search(pattern, bare)), None)
    return ExpressionError("this is not an expression", offset=offset, hint=hint)
