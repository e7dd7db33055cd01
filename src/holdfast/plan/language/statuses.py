"""The words that `steps.<id>.status` has, and the words that are written by mistake for them."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from holdfast.plan.language.paths import nearest
from holdfast.plan.language.syntax import Syntax

_UNFINISHED: Final = ("pending", "ready", "running", "retrying", "waiting", "uncertain")
STATUS_WORDS: Final = (*_UNFINISHED, "succeeded", "reused", "recovered", "failed", "skipped", "canceled")
_SYNONYMS: Final = {
    "succeeded": "success successful succeed complete completed done ok okay pass passed finished finish true",
    "failed": "failure fail error errored broken crashed false timeout timed_out",
    "canceled": "cancelled cancel cancelling canceling abort aborted killed terminated stopped",
    "skipped": "skip omitted ignored bypassed",
    "running": "run started in_progress in-progress active executing",
    "pending": "queued scheduled created new",
    "waiting": "wait blocked paused held",
    "retrying": "retry restarting up_for_retry",
    "reused": "cached cache up_to_date unchanged",
    "uncertain": "unknown lost",
}
_RIGHT: Final = {wrong: right for right, words in _SYNONYMS.items() for wrong in words.split()}


def wrong_statuses(text: str) -> list[tuple[int, str, str]]:
    """Each word that a step's status is compared with and never is: its offset, the word, the right word.

    `text` is an expression that compiles. A word that is no status and like none is left alone.
    """
    syntax = Syntax(text)
    found = [
        (syntax.start(node), word, right)
        for node, word in _compared(syntax.tree)
        if (right := _right_word(word)) is not None
    ]
    return sorted(found)


def _compared(tree: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """The literal texts that a step's status is compared with anywhere in the tree."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        operands = [node.left, *node.comparators]
        for left, right in pairwise(operands):
            for status, other in ((left, right), (right, left)):
                if _is_status(status):
                    yield from _texts(other)


def _is_status(node: ast.expr) -> bool:
    """True for `steps.<id>.status`, `steps["<id>"]["status"]` and `get(steps.<id>, "status")`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "get":
        step, key = node.args[0], node.args[1]
    elif isinstance(node, ast.Attribute):
        return node.attr == "status" and _is_step(node.value)
    elif isinstance(node, ast.Subscript):
        step, key = node.value, node.slice
    else:
        return False
    return isinstance(key, ast.Constant) and key.value == "status" and _is_step(step)


def _is_step(node: ast.expr) -> bool:
    if not isinstance(node, ast.Attribute | ast.Subscript):
        return False
    return isinstance(node.value, ast.Name) and node.value.id == "steps"


def _texts(node: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    for item in node.elts if isinstance(node, ast.List) else [node]:
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            yield item, item.value


def _right_word(word: str) -> str | None:
    if word in STATUS_WORDS:
        return None
    folded = word.strip().lower()
    if folded in STATUS_WORDS:
        return folded
    if folded in _RIGHT:
        return _RIGHT[folded]
    return next(iter(nearest(folded, STATUS_WORDS)), None)
