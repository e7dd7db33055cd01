"""The expression language: what is too long, too deep, too large, or too much work."""

import random
import sys
from collections.abc import Callable, Mapping
from types import FrameType

import pytest

from holdfast.plan.expr import ExpressionError, compile_expression, compile_pattern, compile_template
from tests.unit.plan.expressions import value


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("1" + " " * 4_096, "longer than 4,096 characters"),
        ("[" + "1," * 512 + "]", "more than 512 parts"),
        ("x" + ".a" * 600, "more than 512 parts"),
        ("(" * 33 + "1" + ")" * 33, "deeper than 32"),
        ("not " * 33 + "true", "deeper than 32"),
        ("-" * 33 + "1", "deeper than 32"),
        ("2 ** " * 33 + "2", "deeper than 32"),
        ("1 if true else " * 33 + "2", "deeper than 32"),
        ("-not " * 40 + "1", "deeper than 32"),
        ("- (" * 20 + "1" + ")" * 20 + " + " + "-(-" * 17 + "1" + ")" * 17, "deeper than 32"),
        ("1;" * 1_100, "more than 512 parts"),
        ("str(str(" * 17 + "1" + "))" * 17, "deeper than 32"),
    ],
)
def test_a_text_beyond_a_limit_is_refused_before_it_is_evaluated(text: str, word: str) -> None:
    with pytest.raises(ExpressionError, match=word):
        compile_expression(text)


def test_a_tower_of_powers_is_refused_before_the_parser_climbs_it() -> None:
    with pytest.raises(ExpressionError, match="deeper than 32") as caught:
        compile_expression("2 ** " * 800 + "2")
    assert caught.value.offset == 5 * 32 + 2


def test_a_text_just_within_the_limits_is_taken() -> None:
    assert value("[" + "1," * 511 + "]") == [1] * 511
    assert value("(" * 32 + "1" + ")" * 32) == 1
    assert value("1" + " " * 4_095) == 1


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("big + big", "longer than 1,048,576 characters"),
        ("upper(big + 'ß')", "longer than 1,048,576 characters"),
        ("join([big, big], '')", "longer than 1,048,576 characters"),
        ("str([quotes])", "longer than 1,048,576 characters"),
        ("[big]", "larger than 1,048,576 bytes"),
        ("wide", "larger than 1,048,576 bytes"),
        ("[many, many, many, many, many, many]", "larger than 1,048,576 bytes"),
        ('{"a": many, "b": {"c": [many, many, many, many, many]}}', "larger than 1,048,576 bytes"),
        ("many + [1]", "more than 100,000 items"),
        ("sorted(longer)", "more than 100,000 items"),
        ("split(big, 'x')", "more than 100,000 items"),
        ("join(longer, '')", "more than 100,000 items"),
        ("deep", "nested deeper than 100"),
        ("deep == deeper", "nested deeper than 100"),
        ("hash(deep)", "nested deeper than 100"),
        ("[huge]", "more than 2,048 bits"),
        ("huge + 1", "more than 2,048 bits"),
        ("int(huge)", "more than 2,048 bits"),
        ("round(huge)", "more than 2,048 bits"),
        ("[inf]", "too large"),
        ("int(inf)", "too large"),
        ("half", "half of a surrogate pair"),
        ("[{'a': half}]", "half of a surrogate pair"),
        ("json(half)", "is not JSON"),
        (" == ".join(["many"] * 12), "1,000,000 units of work"),
        (" or ".join(["'x' in many"] * 11), "1,000,000 units of work"),
        ("[" + "sorted(many) == 1," * 9 + "1]", "1,000,000 units of work"),
        ("len(upper(sharp))", "longer than 1,048,576 characters"),
        ("[" + "sum(many)," * 11 + "1]", "1,000,000 units of work"),
        ("[" + "lower(big) == 1," * 20 + "1]", "1,000,000 units of work"),
        (r"matches(ab, '(a|b)*a(a|b){200}$')", "1,000,000 units of work"),
    ],
)
def test_what_is_too_large_on_the_way_or_at_the_end_is_an_error(text: str, word: str) -> None:
    deep: object = []
    deeper: object = []
    for _ in range(102):
        deep, deeper = [deep], [deeper]
    context: dict[str, object] = {
        "big": "x" * 1_048_576,
        "sharp": "ß" * 600_000,
        "quotes": '"' * 600_000,
        "wide": "é" * 600_000,
        "many": [*range(100_000)],
        "longer": [*range(100_001)],
        "deep": deep,
        "deeper": deeper,
        "huge": 2**2_100,
        "inf": float("inf"),
        "half": "\ud800",
        "ab": "".join(random.Random(1).choices("ab", k=60_000)),
    }
    with pytest.raises(ExpressionError, match=word):
        value(text, context)


def test_a_result_of_just_one_mebibyte_leaves() -> None:
    assert value("a", {"a": "x" * 1_048_576}) == "x" * 1_048_576


def deep_call(action: Callable[[], object], left: int) -> object:
    """Runs `action` with about `left` frames of the stack left."""
    depth = 0
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back

    def below(levels: int) -> object:
        return below(levels - 1) if levels else action()

    return below(sys.getrecursionlimit() - depth - left)


def render(text: str, context: Mapping[str, object]) -> object:
    template = compile_template(text)
    assert template is not None
    return template.render(context)


@pytest.mark.parametrize("left", [20, 25, 30, 38, 45, 60, 80, 120, *range(180, 210, 2)])
def test_where_the_stack_is_nearly_used_up_there_is_a_value_or_an_expression_error(left: int) -> None:
    nested: object = 1
    for _ in range(90):
        nested = [nested]
    text = "str(" * 29 + "x" + ")" * 29
    actions: list[Callable[[], object]] = [
        lambda: compile_expression.__wrapped__(text),
        lambda: compile_expression(text).evaluate({"x": nested}),
        lambda: render("${{ x }}!", {"x": nested}),
        lambda: compile_pattern.__wrapped__("(" * 30 + "a" + ")" * 30),
    ]
    for action in actions:
        action()  # what is imported late is there from now on
        try:
            deep_call(action, left)
        except ExpressionError as error:
            assert error.headline == "there is too little stack left for an expression"  # noqa: PT017 - either is right
        else:
            assert left > 30


def test_an_evaluation_does_not_use_up_the_work_of_the_next() -> None:
    expression = compile_expression(" == ".join(["many"] * 6))
    context = {"many": [*range(100_000)]}
    assert [expression.evaluate(context) for _ in range(3)] == [True] * 3
