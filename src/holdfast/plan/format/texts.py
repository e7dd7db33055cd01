"""The kinds of text in a plan: plain, with `${{ }}`, of a form, an expression, a pattern; and data that holds texts."""

import re
from typing import Final

from holdfast.plan.expr import ExpressionError, compile_expression, compile_pattern, compile_template
from holdfast.plan.format.kinds import BAD, Kind, Schema, shown
from holdfast.plan.problems import Fault, Found, Use, place

TEMPLATE_SCHEMA: Final[Schema] = {"type": "string", "pattern": r"\$\{\{"}


def read_template(text: str, scope: str, found: Found) -> None:
    """Add what the `${{ }}` of a text refer to, or what is wrong with them."""
    try:
        template = compile_template(text)
    except ExpressionError as error:
        found.append(Fault(error.code, f": {error.headline}", error.hint, excerpt=text, offset=error.offset))
        return
    if template is not None:
        found.append(Use(template, scope))


class Text(Kind):
    """Text, perhaps of a form; with a `scope` it may hold `${{ }}` over the names of that scope."""

    def __init__(
        self,
        words: str = "text",
        *,
        label: str = "",
        form: str | None = None,
        scope: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.words = words
        self.label = label or words.removeprefix("a ").removeprefix("an ")
        self.form = form
        self.scope = scope
        self.hint = hint
        self._match = None if form is None else re.compile(form).fullmatch

    def read(self, value: object, found: Found) -> object:
        """The text."""
        if type(value) is not str:
            return self.refuse(value, found)
        if self.scope is not None and "${{" in value:
            read_template(value, self.scope, found)
        elif self._match is not None and self._match(value) is None:
            found.append(Fault("value.format", f" must be {self.words}, not {shown(value)}", self.hint))
            return BAD
        return value

    def matches(self, text: str) -> bool:
        """Whether `text` has the form."""
        return self._match is None or self._match(text) is not None

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """A string; a form binds only where there is no template."""
        del defs
        if self.form is None:
            return {"type": "string"}
        form: Schema = {"type": "string", "pattern": f"^(?:{self.form})$"}
        return form if self.scope is None else {"anyOf": [form, TEMPLATE_SCHEMA]}


class Expression(Kind):
    """An expression over the names of a scope; a `condition` may also be a bare `true` or `false`."""

    words = "an expression"
    label = "expression"

    def __init__(self, scope: str, *, condition: bool = True) -> None:
        self.scope = scope
        self._condition = condition

    def read(self, value: object, found: Found) -> object:
        """The expression's text."""
        if self._condition and isinstance(value, bool):
            return "true" if value else "false"
        if type(value) is not str:
            return self.refuse(value, found)
        text, skipped = _bare(value)
        if text.lstrip().startswith("${{"):
            hint = "write the whole of it without ${{ }}"
            found.append(Fault("expression.template", " is an expression, of which a part is a template", hint))
            return BAD
        try:
            expression = compile_expression(text)
        except ExpressionError as error:
            offset = None if error.offset is None else error.offset + skipped
            found.append(Fault(error.code, f": {error.headline}", error.hint, excerpt=value, offset=offset))
            return BAD
        if expression.references or expression.facts:
            found.append(Use(expression, self.scope))
        return text

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """A string, or a boolean."""
        del defs
        return {"type": ["string", "boolean"] if self._condition else "string", "minLength": 1}


def _bare(value: str) -> tuple[str, int]:
    """The expression of a text that is one template and nothing else, and where it begins; any other text as it is."""
    inner = value.strip().removeprefix("${{").removesuffix("}}")
    if len(inner) != len(value.strip()) - len("${{}}") or "${{" in inner or "}}" in inner:
        return value, 0
    return inner.strip(), value.index(inner.strip())


class Pattern(Kind):
    """A regular expression of the bounded kind that `matches` takes."""

    words = "a pattern (text)"
    label = "pattern"

    def read(self, value: object, found: Found) -> object:
        """The pattern's text."""
        if type(value) is not str:
            return self.refuse(value, found)
        try:
            compile_pattern(value)
        except ExpressionError as error:
            why = error.headline.removeprefix("pattern: ")
            found.append(Fault("pattern.invalid", f": {why}", error.hint, excerpt=value, offset=error.offset))
            return BAD
        return value

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """A string; JSON Schema knows other patterns than we do."""
        del defs
        return {"type": "string"}


class Data(Kind):
    """Plain data of any shape; with a `scope` its texts may hold `${{ }}`."""

    def __init__(self, *, scope: str | None = None) -> None:
        self._scope = scope

    def read(self, value: object, found: Found) -> object:
        """The value itself."""
        if self._scope is not None:
            self._walk(value, self._scope, found)
        return value

    def _walk(self, value: object, scope: str, found: Found) -> None:
        if isinstance(value, str):
            if "${{" in value:
                read_template(value, scope, found)
        elif isinstance(value, dict | list):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                before = len(found)
                self._walk(item, scope, found)
                if len(found) != before:
                    place(found, before, key)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """Anything."""
        del defs
        return {}
