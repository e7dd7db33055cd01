"""The expression language against Python itself, and what holds for any text."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from holdfast.plan.expr import ExpressionError, compile_expression, compile_pattern, compile_template
from holdfast.plan.units import MAX_DURATION_S, format_duration, parse_duration, parse_size
from tests.fuzz.fuzz_expr import fuzz

# --- texts of values

scalars = st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
data = st.recursive(
    scalars | texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)


def literal(value: object) -> str:
    """The text of a value in the language."""
    if isinstance(value, float | str):
        return repr(value)
    return json.dumps(value) if not isinstance(value, list | dict) else _container(value)


def _container(value: list[object] | dict[str, object]) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"


def same(left: object, right: object) -> bool:
    """Equal and of equal types all the way down."""
    return repr(left) == repr(right)


@given(data)
def test_any_plain_value_can_be_written_and_comes_out_as_it_is(value: object) -> None:
    text = literal(value)
    assume(len(text) <= 4_096)
    assert same(compile_expression(text).evaluate({}), value)


@given(data)
def test_any_plain_value_passes_through_a_name_a_template_and_json(value: object) -> None:
    context = {"x": value}
    assert same(compile_expression("x").evaluate(context), value)
    template = compile_template("${{ x }}")
    assert template is not None
    assert same(template.render(context), value)
    if isinstance(value, list | dict):
        assert compile_expression("json(str(x)) == x").evaluate(context) is True


@given(data, data)
def test_equality_is_that_of_json_but_for_the_kind_of_number(left: object, right: object) -> None:
    context = {"a": left, "b": right}
    equal = compile_expression("a == b").evaluate(context)
    assert equal is compile_expression("b == a").evaluate(context)
    assert equal is not compile_expression("a != b").evaluate(context)
    assert compile_expression("a == a").evaluate(context) is True
    assert equal is compile_expression("a in [b]").evaluate(context)
    if equal:
        assert left == right


# --- expressions against Python

names = {
    "i": 7,
    "f": 2.5,
    "s": "text",
    "t": "tex",
    "xs": [1, 2, 2.5],
    "ws": ["b", "a", "tex"],
    "yes": True,
    "no": False,
}
python: dict[str, Any] = {
    "len": len, "abs": abs, "sorted": sorted, "str": str, "int": int,
    "max": max, "min": min, "sum": sum, "float": float, "round": round, "any": any, "all": all,
    "lower": str.lower, "upper": str.upper, "strip": str.strip, "split": str.split,
    "join": lambda items, separator: separator.join(items), "startswith": str.startswith, "endswith": str.endswith,
    "contains": lambda whole, part: part in whole, "empty": lambda whole: not whole,
    "get": lambda whole, key, default: whole.get(key, default), "json": json.loads,
}  # fmt: skip


GRAMMAR = {
    "number": (
        *("i", "f", "0", "1", "3", "2.5", "1e3", "0x1F", "10", "xs[2]", "(number + number)", "(number - number)"),
        *("(number * number)", "(number / number)", "(number // number)", "(number % number)", "(number ** 3)"),
        *(
            "(number ** -1)",
            "-number",
            "+number",
            "(number if flag else number)",
            "len(text)",
            "len(numbers)",
            "len(words)",
        ),
        *("max(numbers)", "min(numbers)", "sum(numbers)", "max(number, number)", "min(number, number)", "abs(number)"),
        *("round(number)", "round(number, 2)", "round(number, -1)", "int(number)", "float(number)", "numbers[1]"),
        *("numbers[-1]", 'int("12")', 'float("1.5")', '{"k": number}["k"]', 'json("[1, 2.5]")[1]'),
    ),
    "text": (
        *("s", "t", '"a b"', '"é"', '""', "'it'", "(text + text)", "lower(text)", "upper(text)", "strip(text)"),
        *("join(words, text)", "str(text)", "str(number)", "words[0]", "max(words)", "(text if flag else text)"),
        *('get({"a": text}, "a", "b")', 'get({"a": text}, "b", text)'),
    ),
    "flag": (
        *(
            "yes",
            "no",
            "True",
            "False",
            "(number < number)",
            "(number == number)",
            "(number != number)",
            "(text > text)",
        ),
        *(
            "(number <= number < number)",
            "(text == text)",
            "(text in words)",
            "(text not in text)",
            "(number in numbers)",
        ),
        *(
            "(numbers == numbers)",
            "(words != words)",
            "(number >= number)",
            "startswith(text, text)",
            "endswith(text, text)",
        ),
        *(
            "contains(text, text)",
            "contains(words, text)",
            "empty(text)",
            "empty(words)",
            "(flag and flag)",
            "(flag or flag)",
        ),
        *(
            "(not flag)",
            "any([flag, flag])",
            "all([flag, flag])",
            "(flag == flag)",
            "(text < number)",
            "(text + number)",
        ),
    ),
    "numbers": ("xs", "[]", "[1]", "[number, number]", "sorted(numbers)", "(numbers + numbers)"),
    "words": ("ws", "[]", "[text, text]", "split(text)", 'split(text, "e")', "sorted(words)", "(words + words)"),
}
"""What each kind of expression may be made of; short forms first, so that examples shrink to them."""

KIND = re.compile(rf"\b({'|'.join(GRAMMAR)})\b")


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Any expression of the grammar, a few levels deep."""

    def part(kind: str, depth: int) -> str:
        forms = [form for form in GRAMMAR[kind] if depth < 4 or not KIND.search(form)]
        return KIND.sub(lambda match: part(match[0], depth + 1), draw(st.sampled_from(forms)))

    return part(draw(st.sampled_from([*GRAMMAR])), 0)


@settings(max_examples=300)
@given(expressions())
@example("(2 ** 5)")
def test_a_generated_expression_gives_what_python_gives(text: str) -> None:
    """Where Python raises, or leaves what plain data can hold, the language refuses as well."""
    try:
        expected = eval(text, {"__builtins__": {}}, python | names)
    except (ArithmeticError, LookupError, ValueError, TypeError):
        expected = ExpressionError
    if isinstance(expected, complex) or (isinstance(expected, float) and not math.isfinite(expected)):
        expected = ExpressionError
    try:
        found: object = compile_expression(text).evaluate(names)
    except ExpressionError as error:
        assume("deeper than" not in error.headline and "more than 512" not in error.headline)
        assume("2,048 bits" not in error.headline)
        assume(not _inner_overflow(error))
        found = ExpressionError
    assert same(found, expected)


def _inner_overflow(error: ExpressionError) -> bool:
    return error.headline in {"the number is too large", "the result is not a real number"}


# --- patterns against re

atoms = st.sampled_from(
    [*"abA0_ -\n.", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", "[ab]", "[^a]", r"[0-9_]", "(a|b)", "(?:ab|)"]
)
quantified = st.builds(
    "{}{}".format, atoms, st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{,2}", "*?", "+?"])
)
anchors = st.sampled_from(["^", "$", r"\b", r"\B", r"\A", r"\Z", "|"])
chains = st.lists(quantified | anchors, max_size=6).map("".join)
groups = st.builds("({}){}".format, chains, st.sampled_from(["", "?"]))
flags = st.sampled_from(["", "", "(?m)", "(?s)", "(?i)", "(?ims)"])
patterns = st.builds("{}{}".format, flags, st.lists(chains | groups, max_size=3).map("".join))
subjects = st.text(alphabet="abAB01_ -\nx", min_size=1, max_size=12)


@settings(max_examples=300)
@given(patterns, subjects)
@example("(?m)^a$", "b\na\n")
@example(r"a$", "a\n")
def test_a_pattern_finds_what_re_finds(pattern: str, subject: str) -> None:
    try:
        ours = compile_pattern(pattern)
    except ExpressionError as error:
        assert "nested quantifiers" in error.headline or "nothing to repeat" in error.headline  # noqa: PT017 - a filter
        assume(condition=False)
    theirs = re.compile(pattern)
    assert ours.search(subject) is (theirs.search(subject) is not None)
    assert ours.fullmatch(subject) is (theirs.fullmatch(subject) is not None)


# --- any text at all


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_an_expression_error_with_its_place(text: str) -> None:
    try:
        compile_expression(text).evaluate({})
    except ExpressionError as error:
        place = error.offset
        assert place is None or 0 <= place <= len(text)


@given(st.text(max_size=30), st.text(max_size=30))
def test_what_stands_around_an_expression_in_a_template_stays(before: str, after: str) -> None:
    assume("${{" not in before + "|" + after and not before.endswith(("$", "${")))
    assume(not any(0xD800 <= ord(char) < 0xE000 for char in before + after))
    template = compile_template(f"{before}${{{{ x }}}}{after}|")
    assert template is not None
    assert template.render({"x": "it"}) == f"{before}it{after}|"


# --- units


@given(st.floats(0, MAX_DURATION_S))
def test_a_duration_that_is_written_and_read_stays_what_it_was_to_the_millisecond(seconds: float) -> None:
    assert math.isclose(parse_duration(format_duration(seconds)), seconds, rel_tol=1e-9, abs_tol=0.000_51)


@given(st.text(alphabet="0123456789.dhmskKMGTPiB -+e\u0661", max_size=12))
def test_any_text_is_a_duration_or_a_size_or_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        try:
            value = parse(text)
        except ValueError:
            continue
        assert value >= 0


# --- the fuzzer


@pytest.mark.timeout(120)
def test_random_inputs_give_a_value_or_an_expression_error() -> None:
    assert fuzz(seed=20_260_131, count=5_000) > 500
