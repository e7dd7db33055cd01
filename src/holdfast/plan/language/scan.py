"""The text of an expression before it is parsed: where it ends in a template, and what Python must never see.

What is refused here could make Python's parser slow, recurse deeply or warn, or would be read otherwise than meant.
"""

import keyword
import re
from collections.abc import Iterator
from typing import Final

from holdfast.plan.language.work import MAX_DEPTH, MAX_NODES, MAX_TEXT, ExpressionError

SPACE: Final = " \t\n\r\v\f"
"""What stands between the parts of an expression."""

MAX_LEXEMES: Final = 4 * MAX_NODES

# As Python's tokenizer has it: every character beyond ASCII continues a name, whatever the parser says of it later.
_LEXEME = re.compile(
    r"""(?P<space>[ \t\n\r\v\f]+)
    |(?P<literal>(?P<prefix>[uU]|[bBfFtT]?[rR]?|[rR][bBfFtT])(?:"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*'))
    |(?P<word>[A-Za-z0-9_\x80-\U0010ffff]+)
    |(?P<mark>\*\*|.)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"[0-9][0-9_]*(?:[eE][0-9_]*)?|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+")
_EXPONENT = re.compile(r"[eE][0-9_]*")
_BAD_ESCAPE = re.compile(r"""\\(?:(?P<good>[\\'"abfnrtv0-3xNuU]|[4-7](?![0-7]{2}))|.)""", re.DOTALL)
_DIGITS: Final = "0123456789"
_WORDS: Final = frozenset({"and", "or", "not", "in", "is", "if", "else", "True", "False", "None"})
_NEVER: Final = frozenset(keyword.kwlist) - _WORDS
_STEP: Final = (  # compiled at the first mistake, not at start-up
    r"\bsteps\.(?P<id>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}?)"
    r"(?P<rest>\.(?:status|ok|exit_code|outputs|artifacts|error|attempts|duration_s|choice|answer|why|started_at)\b"
    r"|(?![A-Za-z0-9_.-]))"
)


class _Counter:
    """The counts that are limited while an expression is read."""

    __slots__ = ("depth", "lexemes", "nests", "prefixes")

    def __init__(self) -> None:
        self.depth = self.lexemes = self.nests = self.prefixes = 0

    def take(self, lexeme: str, offset: int) -> None:
        self.lexemes += 1
        if lexeme in "([{":
            self.depth += 1
        elif lexeme in ")]}":
            self.depth -= 1
        self.prefixes = self.prefixes + 1 if lexeme in {"-", "+", "~", "not"} else 0
        self.nests += lexeme in {"if", "**"}
        if max(self.depth, self.prefixes, self.nests) > MAX_DEPTH:
            raise ExpressionError(f"the expression is nested deeper than {MAX_DEPTH}", offset=offset)
        if self.lexemes > MAX_LEXEMES:
            raise ExpressionError(f"the expression has more than {MAX_NODES} parts", offset=offset)


def check_unicode(text: str) -> None:
    """Raises ExpressionError if `text` holds half of a surrogate pair, which no file can hold."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ExpressionError("the text holds half of a surrogate pair", offset=error.start) from None


def one_line(text: str) -> str:
    """`text` with every line break made a space, so that offsets stay the same.

    Raises ExpressionError for what no expression may hold.
    """
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"the expression is longer than {MAX_TEXT:,} characters", hint=_LONG_HINT)
    check_unicode(text)
    if "\0" in text:
        raise ExpressionError("the text holds a NUL character", offset=text.index("\0"))
    number_end = -1
    for match in _lexemes(text, 0):
        word, offset = match["word"], match.start()
        if word is None:
            continue
        if word[0] in _DIGITS:
            _check_number(text, word, offset)
            number_end = match.end()
        elif number_end == offset - 1 and text[number_end] == "." and not _EXPONENT.fullmatch(word):
            raise ExpressionError(f'"{word}" runs into a number', offset=offset, hint=step_spelling(text))
        elif word in _NEVER or word in _WORDS:
            before = text[:offset].rstrip()
            _check_keyword(text, match, dotted=before.endswith(".") and number_end != len(before) - 1)
    return _LINE_BREAKS.sub(" ", text)


def end_of_expression(text: str, start: int, opened: int) -> int:
    """Where in `text` the `}}` stands that ends the expression which begins at `start`; `opened` is its `${{`."""
    depth = 0
    for match in _lexemes(text, start):
        lexeme = match[0]
        if lexeme == "}" and depth <= 0 and text.startswith("}}", match.start()):
            return match.start()
        depth += (lexeme in {"(", "[", "{"}) - (lexeme in {")", "]", "}"})
    raise ExpressionError(
        f"this ${{{{ is not closed within {MAX_TEXT:,} characters", offset=opened, hint="end the expression with }}"
    )


def step_spelling(text: str) -> str | None:
    """A hint if `text` reaches a step whose id cannot be written with a dot, such as `steps.run-tests.ok`."""
    for match in re.finditer(_STEP, text):
        name = match["id"]
        if not name.isidentifier() or name in _NEVER or name in _WORDS:
            return f'write steps["{name}"]{match["rest"]}'
    return None


_LONG_HINT: Final = "let a step compute this and give it as an output"
_LINE_BREAKS = re.compile(r"[\n\r]")  # no text literal holds one


def _lexemes(text: str, start: int) -> Iterator[re.Match[str]]:
    counter = _Counter()
    for match in _LEXEME.finditer(text, start, start + MAX_TEXT + 2):
        if match["space"] is not None:
            continue
        if match["literal"] is not None:
            _check_literal(text, match)
        elif match[0] in {'"', "'"}:
            raise ExpressionError("this text literal is never closed", offset=match.start(), hint=_QUOTE_HINT)
        elif match[0] == "#":
            raise ExpressionError("an expression holds no comments", offset=match.start())
        counter.take(match[0], match.start())
        yield match


_QUOTE_HINT: Final = r"a text literal ends on its line; a line break in it is written \n"


def _check_literal(text: str, match: re.Match[str]) -> None:
    prefix = match["prefix"].lower()
    if set(prefix) - {"r", "u"}:
        raise ExpressionError(
            f"texts with the prefix {prefix} are not part of expressions",
            offset=match.start(),
            hint='join texts with +, or write a template: "${{ a }} and ${{ b }}"',
        )
    if match[0] in {prefix + '""', prefix + "''"} and text[match.end() : match.end() + 1] == match[0][-1]:
        raise ExpressionError("a text literal has one quote at each end, not three", offset=match.start())
    if "\\" not in match[0] or "r" in prefix:
        return
    for escape in _BAD_ESCAPE.finditer(match[0]):
        if escape["good"] is None:
            raise ExpressionError(
                f"{escape[0]} is not an escape",
                offset=match.start() + escape.start(),
                hint=f'write r"…" for a text in which a backslash is a backslash, or \\{escape[0]}',
            )


def _check_number(text: str, word: str, offset: int) -> None:
    if not _NUMBER.fullmatch(word):
        raise ExpressionError(f'"{word}" is neither a number nor a name', offset=offset, hint=step_spelling(text))


def _check_keyword(text: str, match: re.Match[str], *, dotted: bool) -> None:
    word = match[0]
    if dotted:
        hint = step_spelling(text) or f'write ["{word}"]'
        raise ExpressionError(f'"{word}" cannot be written after a dot', offset=match.start(), hint=hint)
    if word in _NEVER:
        raise ExpressionError(f'"{word}" is not part of expressions', offset=match.start())
