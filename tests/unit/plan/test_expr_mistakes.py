"""The expression language: what each mistake says, where, and with which advice."""

import pytest

from holdfast.errors import RequestError
from holdfast.plan.expr import ExpressionError, compile_expression
from tests.unit.plan.expressions import refusal

LIST = "steps.build.outputs.list"
DOTTED = "after a dot a name ends at a hyphen or a dot"
NO_METHODS = "values have no methods or attributes; functions are called like lower(x)"


@pytest.mark.parametrize(
    ("text", "headline", "offset", "hint"),
    [
        ("", "the expression is empty", 0, None),
        (" \n ", "the expression is empty", 0, None),
        ("1 +", "this is not an expression", 3, None),
        ("(1", "this is not an expression", 0, None),
        ("a = 1", "this is not an expression", 2, "write == to compare"),
        ("a && b", "this is not an expression", 3, "write and"),
        ("a || b", "this is not an expression", 3, "write or"),
        ("!a", "this is not an expression", 0, "write not"),
        ("a ? 1 : 2", "this is not an expression", 2, "write a if condition else b"),
        ("$a", "this is not an expression", 0, "a name is written as it is: inputs.day"),
        ("a\0b", "the text holds a NUL character", 1, None),
        ("1 # one", "an expression holds no comments", 2, None),
        (
            '"abc',
            "this text literal is never closed",
            0,
            r"a text literal ends on its line; a line break in it is written \n",
        ),
        (
            '"a\nb"',
            "this text literal is never closed",
            0,
            r"a text literal ends on its line; a line break in it is written \n",
        ),
        ('""" a """', "a text literal has one quote at each end, not three", 0, None),
        (r'"\d"', r"\d is not an escape", 1, r'write r"…" for a text in which a backslash is a backslash, or \\d'),
        (r'rr"\d"', r"\d is not an escape", 3, None),
        ('a\u0a71r"\\d"', r"\d is not an escape", 4, None),
        (r'"\777"', r"\7 is not an escape", 1, r'write r"…" for a text in which a backslash is a backslash, or \\7'),
        ('f"{a}"', "texts with the prefix f are not part of expressions", 0, None),
        ('b"a"', "texts with the prefix b are not part of expressions", 0, None),
        ('"\ud800"', "the text holds half of a surrogate pair", 1, None),
        (r'"\ud800"', "the text holds half of a surrogate pair", 0, None),
        ("1if a else b", '"1if" is neither a number nor a name', 0, None),
        ("1.if a else b", '"if" runs into a number', 2, None),
        ("00.if5", '"if5" runs into a number', 3, None),
        ("\u00a00inputs", "this is not an expression", 0, None),
        ("1j", '"1j" is neither a number nor a name', 0, None),
        ("...", "this literal is not part of expressions", 0, None),
        ("lambda: 1", '"lambda" is not part of expressions', 0, None),
        ("[x for x in y]", '"for" is not part of expressions', 3, None),
        ("(a := 1)", "an expression cannot assign", 1, "write == to compare"),
        ("(1, 2)", "tuples are not part of expressions", 0, "write a list: [1, 2]"),
        ("{1, 2}", "sets are not part of expressions", 0, "write a list: [1, 2]"),
        ("text[1:2]", "parts of lists and texts cannot be cut out", 5, None),
        ("[*a]", "* before an argument is not part of expressions", 1, None),
        ("{**a}", "** in a map is not part of expressions", 3, None),
        ("1 is 1", "is is not part of expressions", 0, "write == or !="),
        ("1 & 2", "bit operators are not part of expressions", 4, "write and, or, not, **"),
        ("~1", "~ is not part of expressions", 0, "write not"),
        ("text.upper()", "values have no methods", 0, "write upper(x)"),
        ("text.title()", "values have no methods", 0, None),
        ("len(text)()", "only a named function can be called", 0, None),
        ("eval('1')", 'there is no function "eval"', 0, None),
        ("lenght(text)", 'there is no function "lenght"', 0, "did you mean len?"),
        ("round(1, digits=2)", "arguments are given without names", 16, None),
        ("len()", "len takes 1 argument, not 0", 0, None),
        ("round(1, 2, 3)", "round takes 1 to 2 arguments, not 3", 0, None),
        ("max()", "max takes 1 or more arguments, not 0", 0, None),
        ("now_utc(1)", "now_utc takes 0 arguments, not 1", 0, None),
        ("exists(1)", "exists needs a path such as inputs.day", 7, None),
        ("_a", '"_a" begins with _, which names of expressions do not', 0, None),
        ("text.__class__", '"__class__" begins with _, which names of expressions do not', 4, None),
        ("steps.import.ok", '"import" cannot be written after a dot', 6, 'write steps["import"].ok'),
        ("inputs.from", '"from" cannot be written after a dot', 7, 'write ["from"]'),
        ("inputs.in", '"in" cannot be written after a dot', 7, 'write ["in"]'),
        ("steps.2fa.ok", '"2fa" is neither a number nor a name', 6, 'write steps["2fa"].ok'),
        ("steps.run-tests.ok", "steps.run is a whole step, not a number", 0, 'write steps["run-tests"].ok'),
        (
            "steps.run-all-tests.outputs.n",
            "steps.run is a whole step, not a number",
            0,
            'write steps["run-all-tests"].outputs',
        ),
        (
            "1 - steps.run",
            "steps.run is a whole step, not a number",
            4,
            "name what of the step you mean: .ok, .status, .outputs.x",
        ),
        ("steps.v1.2.ok", '"ok" runs into a number', 11, 'write steps["v1.2"].ok'),
        ("steps.phase-2.ok", '"ok" runs into a number', 14, 'write steps["phase-2"].ok'),
        ('matches(text, "(a")', "pattern: this ( is never closed (character 1 of the pattern)", 14, None),
        ('true or size("x") > 1', '"x" is not a size; write it like 1024, 50MB (decimal) or 50MiB (binary)', 8, None),
        ('true or date("x") == 1', '"x" is not a date or time', 8, "write it like 2026-01-31 or 2026-01-31T10:00:00Z"),
        ("9" * 700, "the number is too large: more than 2,048 bits", 0, None),
        ("1e999", "the number is too large", 0, None),
    ],
)
def test_a_mistake_in_the_text_is_found_when_it_is_compiled(
    text: str, headline: str, offset: int, hint: str | None
) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)
    assert (caught.value.headline, caught.value.offset) == (headline, offset)
    assert hint is None or caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "headline", "offset", "hint"),
    [
        ("nope", '"nope" is not known here', 0, "known here: inputs, now_utc, steps, text"),
        ("1 + input.day", '"input" is not known here', 4, "did you mean inputs?"),
        ("steps.biuld.ok", 'steps has no key "biuld"', 5, "did you mean build?"),
        ("steps.zzz.ok", 'steps has no key "zzz"', 5, "it has build, run-tests"),
        ('steps["run-tests"].outputs.x', 'steps["run-tests"].outputs has no key "x"', 26, "it is empty"),
        ("inputs.max-size", 'inputs has no key "max"', 6, f'write inputs["max-size"]: {DOTTED}'),
        ("steps.build.outputs.a.b", 'steps.build.outputs has no key "a"', 19, None),
        ("text.x", 'text is a text, which holds no "x"', 4, NO_METHODS),
        ("text[0]", "text is a text, which holds no 0", 4, None),
        ("steps[0]", "steps is a map: its key is a text, not 0", 5, None),
        ("steps[null]", "steps is a map: its key is a text, not null", 5, None),
        (LIST + "[true]", f"{LIST} is a list: its key is a whole number, not True", 24, None),
        (LIST + "[1.0]", f"{LIST} is a list: its key is a whole number, not a number", 24, None),
        (LIST + ".x", f'{LIST} is a list: its key is a whole number, not "x"', 24, None),
        ("json('{}').a", 'json(\'{}\') has no key "a"', 10, "it is empty"),
        ('"é" + nope', '"nope" is not known here', 6, None),
        ("  \n nope", '"nope" is not known here', 4, None),
        ("'a' < null", "cannot compare a text with null", 0, None),
        ("true < false", "true or false is neither before nor after another", 0, "only ==, != and in apply to it"),
        ("[1] < [2]", "a list is neither before nor after another", 0, None),
        ("1 < true", "cannot compare a number with true or false", 0, None),
        ("date('2026-01-01') < 1", "cannot compare a time with a number", 0, None),
        ("1 and true", "a condition must be true or false, this is a number", 0, "write x != 0"),
        ("true and text", "a condition must be true or false, this is a text", 9, None),
        ("null or true", "a condition must be true or false, this is null", 0, "write x != null"),
        ("1 if [] else 2", "a condition must be true or false, this is a list", 5, "write not empty(x)"),
        ("not now_utc()", "a condition must be true or false, this is a time", 4, None),
        ("any([1])", "a condition must be true or false, this is a number", 0, None),
        ("-text", "- needs a number, not a text", 0, None),
        ("-true", "- needs a number, not true or false", 0, None),
        ("+null", "+ needs a number, not null", 0, None),
        ("true * 2", "* cannot be applied to true or false and a number", 0, None),
        ("1 * [2]", "* cannot be applied to a number and a list", 0, None),
        ("'a' + 1", "+ cannot be applied to a text and a number", 0, None),
        ("'a' - 1", "- cannot be applied to a text and a number", 0, None),
        ("1 - now_utc()", "- cannot be applied to a number and a time", 0, None),
        ("now_utc() - 'a'", "- cannot be applied to a time and a text", 0, None),
        ("now_utc() + now_utc()", "+ cannot be applied to a time and a time", 0, None),
        ("1 % 0", "division by zero", 0, None),
        ("1 // 0.0", "division by zero", 0, None),
        ("0 ** -1", "division by zero", 0, None),
        ("2 ** 5000", "the number is too large: more than 2,048 bits", 0, None),
        ("9 ** 9 ** 9", "the number is too large: more than 2,048 bits", 0, None),
        ("10.0 ** 400", "the number is too large", 0, None),
        ("1e308 * 10", "the number is too large", 0, None),
        ("2 ** 2000 / 1", "the number is too large", 0, None),
        ("2 ** 2000 * 2 ** 2000", "the number is too large: more than 2,048 bits", 0, None),
        ("(-8) ** 0.5", "the result is not a real number", 0, None),
        ("1 in 'a'", "only a text can be in a text, not a number", 0, None),
        ("1 in steps", "the keys of a map are texts, not a number", 0, None),
        ("1 in 2", "nothing can be in a number; it must be a list, a map or a text", 0, None),
        ("{1: 2}", "the keys of a map are texts, not a number", 0, None),
        ("len(1)", "len needs a text, a list or a map, not a number", 0, None),
        ("max(1)", "max of one argument needs a list, not a number", 0, None),
        ("max([])", "max of an empty list", 0, "use max(x) if not empty(x) else …"),
        ("min([null])", "null is neither before nor after another", 0, None),
        ("sum([2 ** 2000, 0.5])", "the number is too large", 0, None),
        ("sum([1e308, 1e308])", "the number is too large", 0, None),
        ("sum(['a'])", "sum needs numbers, not a text", 0, None),
        ("abs('a')", "abs needs a number, not a text", 0, None),
        ("round(true)", "round needs a number, not true or false", 0, None),
        ("round(1, 9999)", "round needs a whole number of digits between -400 and 400", 0, None),
        ("round(1.7e308, -308)", "the number is too large", 0, None),
        ("sorted([1, 'a'])", "cannot compare a number with a text", 0, None),
        ("sorted([[1]])", "a list is neither before nor after another", 0, None),
        ("int('1.5')", '"1.5" is not a whole number', 0, None),
        ("int('" + "9" * 700 + "')", "the number is too large", 0, None),
        ("int(null)", "int needs a text, not null", 0, None),
        ("float('nan')", '"nan" is not a number', 0, None),
        ("float('1e999')", "the number is too large", 0, None),
        ("float(2 ** 2000)", "the number is too large", 0, None),
        ("float(null)", "float needs a number or a text, not null", 0, None),
        ("bool(now_utc())", "bool cannot tell what a time means", 0, None),
        ("lower(1)", "lower needs a text, not a number", 0, None),
        ("split('a', '')", "split needs a separator that is not empty", 0, None),
        ("join(', ', [1])", "join takes the list first", 0, 'write join(list, ", ")'),
        ("join([[1]], ',')", "join cannot join a list", 0, None),
        ("join(1, ',')", "join needs a list, not a number", 0, None),
        ("startswith('a', 1)", "startswith needs a text, not a number", 0, None),
        ("matches(1, 'a')", "matches needs a text, not a number", 0, None),
        ("matches(text, 'a')", "a pattern is matched on at most 65,536 characters", 0, None),
        ("empty(1)", "empty needs a text, a list, a map or null, not a number", 0, None),
        ("size(1.5)", "a size is a whole number of bytes or a text like 50MB or 50MiB", 0, None),
        ("duration([])", "duration needs a text or a number, not a list", 0, None),
        ("duration(-1)", "a duration cannot be negative", 0, None),
        ("date([])", "a time is written as a text like 2026-01-31 or 2026-01-31T10:00:00Z", 0, None),
        ("date('2026-02-30')", '"2026-02-30" is not a date or time', 0, None),
        (f"date('{'2' * 99}')", f'"{"2" * 40}…" is not a date or time', 0, None),
        ("date(1e300)", "a time must lie in the years 1 to 9999", 0, None),
        ("date(10 ** 400)", "a time must lie in the years 1 to 9999", 0, None),
        ("now_utc() + 1e300", "a time must lie in the years 1 to 9999", 0, None),
        ("now_utc() - 9999999999999", "a time must lie in the years 1 to 9999", 0, None),
        ("date('0001-01-01') - 1", "a time must lie in the years 1 to 9999", 0, None),
        ("json('[1')", '"[1" is not JSON', 0, None),
        ("json('" + "[" * 3000 + "')", '"' + "[" * 40 + '…" is not JSON', 0, None),
        ("get(steps, null)", "get needs a text or a whole number as key, not null", 0, None),
        ("get(steps, true)", "get needs a text or a whole number as key, not true or false", 0, None),
    ],
)  # fmt: skip
def test_a_mistake_in_the_data_says_what_is_wrong_and_where(
    text: str, headline: str, offset: int, hint: str | None
) -> None:
    error = refusal(text)
    assert (error.headline, error.offset) == (headline, offset)
    assert hint is None or error.hint == hint


def test_an_error_is_the_authors_and_shows_the_place_in_the_expression() -> None:
    error = refusal("1 +\n nope")
    assert isinstance(error, RequestError)
    assert error.code == "expression.invalid"
    assert str(error).splitlines()[:3] == ['"nope" is not known here', "  1 +  nope", "       ^"]


def test_of_a_long_expression_an_error_shows_the_part_around_the_place() -> None:
    error = refusal(" + ".join(["1"] * 100) + " + nope + 1")
    line, mark = error.facts
    assert len(line) == 100
    assert line[mark.index("^") :].startswith("nope")


def test_an_unknown_name_in_an_empty_context_has_no_hint() -> None:
    assert refusal("a", {}).hint is None


def test_now_utc_is_an_error_where_the_engine_gave_none() -> None:
    assert refusal("now_utc()", {}).headline == "now_utc() is not known here"
