"""The expression language: what each form gives."""

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import pytest

from holdfast.plan.expr import ExpressionError, Reference, compile_expression, truth
from holdfast.plan.language import work
from holdfast.plan.language.functions import FUNCTIONS
from tests.unit.plan.expressions import refusal, value

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/reference/expressions.md").read_text(encoding="utf-8")
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
EXAMPLES = [
    tuple(part.strip() for part in line.split("→"))
    for kind, block in FENCE.findall(PAGE)
    if kind == "expr"
    for line in block.splitlines()
]
DATA: dict[str, object] = json.loads(next(block for kind, block in FENCE.findall(PAGE) if kind == "json"))


# --- the reference page


@pytest.mark.parametrize(("text", "shown"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_an_example_of_the_reference_page_gives_what_the_page_says(text: str, shown: str) -> None:
    if shown.startswith("error: "):
        assert refusal(text, DATA).headline == shown.removeprefix("error: ")
    else:
        expected = json.loads(shown)
        assert value(text, DATA) == expected
        assert type(value(text, DATA)) is type(expected)


def test_the_reference_page_has_an_example_of_every_function() -> None:
    examples = " ".join(text for text, _ in EXAMPLES)
    assert [name for name in (*FUNCTIONS, "get", "exists") if f"{name}(" not in examples] == []


def test_the_functions_are_those_of_the_plan_format() -> None:
    page = (ROOT / "docs/design/plan-format.md").read_text(encoding="utf-8")
    listed = re.search(r"generator-free calls of `([^`]*)`", page)
    assert listed is not None
    assert sorted(listed[1].split()) == sorted([*FUNCTIONS, "get", "exists"])


def test_the_limits_of_the_reference_page_are_those_of_the_code() -> None:
    for number in (work.MAX_TEXT, work.MAX_NODES, work.MAX_DEPTH, work.MAX_ITEMS, work.MAX_BITS, work.MAX_WORK):
        assert f"{number:,}" in PAGE


# --- values and operators


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("True and not False", True),
        ("None", None),
        ("false or false", False),
        ("false and nope", False),
        ("true or nope", True),
        ("1 if true else nope", 1),
        ("nope if false else 2", 2),
        ("+1", 1),
        ("-(-3)", 3),
        ("1 + 2 - 3 * 4", -9),
        ("2 ** -1", 0.5),
        ("1 ** 99999999999", 1),
        ("0 ** 5", 0),
        ("7.5 // 2", 3.0),
        ("1 < 2 > 0", True),
        ("1 < 2 > 3", False),
        ("1 != 1.0", False),
        ('"a" < "b"', True),
        ("2 >= 2", True),
        ("2 <= 1", False),
        ("null == null", True),
        ("null == false", False),
        ("true == true", True),
        ("[1] == [true]", False),
        ("[1, 2] == [1]", False),
        ("[1] == 1", False),
        ('{"a": [1]} == {"a": [1.0]}', True),
        ('{"a": 1} == {"b": 1}', False),
        ('{"a": 1} == {"a": 2}', False),
        ('{"a": 1} == [1]', False),
        ("1 in [true]", False),
        ("true in [1, true]", True),
        ("[2] in steps.build.outputs.list", True),
        ('"n" not in steps.build.outputs', False),
        ('"x" not in "abc"', True),
        ('"a" "b"', "ab"),
        (r"'a\0b'", "a\0b"),
        ('u"a"', "a"),
        ("'\\x41\\u00e9\\101\\N{BULLET}'", "Aé" + "A•"),
        ("1\n+\r\n2", 3),
        ("  1\t+ 2 ", 3),
        ("steps\n.build\n.ok", True),
        ('{"a": {"b": 1}}["a"].b', 1),
        ('json("[1, [2]]")[1][0]', 2),
        ("(steps.build if true else steps).ok", True),
        ('steps["run" + "-tests"].ok', False),
        ("steps.build.outputs.list[-2]", 1),
        ("steps.build.outputs.list[0 + 1]", [2]),
        ('inputs["é"]', 1),
        ("inputs.é", 1),
        (".5 + 1.", 1.5),
        ("1e3", 1000.0),
        ("1.e3 + 1.e-1", 1000.1),
        ("1. if true else 2", 1.0),
        ("1.5e-3", 0.0015),
        ("0b11 + 0o17 + 0xff", 273),
    ],
)
def test_an_expression_gives(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_a_long_chain_of_one_sign_is_not_deep() -> None:
    assert value(" + ".join(["1"] * 200)) == 200
    assert value(" and ".join(["true"] * 300)) is True


# --- functions beyond the examples of the page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("len([])", 0),
        ('len({"a": 1})', 1),
        ("max(1, 2.5)", 2.5),
        ('min([date("2026-01-02"), date("2026-01-01")])', "2026-01-01"),
        ("sum([])", 0),
        ("abs(-2.5)", 2.5),
        ("round(1234, -2)", 1200),
        ("sorted([])", []),
        ("sorted([2, 1.5])", [1.5, 2]),
        ('sorted(["b", "a"])', ["a", "b"]),
        ('sorted([date("2026-01-02"), date("2026-01-01T05:00:00Z")])', ["2026-01-01T05:00:00Z", "2026-01-02"]),
        ("str(null)", "null"),
        ('str("a")', "a"),
        ("str(false)", "false"),
        ('str(date("2026-01-02"))', "2026-01-02"),
        ('str({"k": [null, "é"]})', '{"k":[null,"é"]}'),
        ("int(true)", 1),
        ('int("-7")', -7),
        ("float(2)", 2.0),
        ('float(" .5 ")', 0.5),
        ("float(true)", 1.0),
        ("bool(null)", False),
        ("bool(0)", False),
        ("bool([1])", True),
        ("bool({})", False),
        ('bool(" TRUE ")', True),
        ("any([])", False),
        ("all([])", True),
        ('join([1, null, true, date("2026-01-02")], "/")', "1/null/true/2026-01-02"),
        ('join([], ",")', ""),
        ('empty("")', True),
        ("empty(null)", True),
        ("empty([0])", False),
        ('contains({"a": 1}, "a")', True),
        ("size(7)", 7),
        ("get(steps.build.outputs, 'none', 5)", None),
        ("get(null, 'a', 5)", 5),
        ("get([1, 2], -1)", 2),
        ("get([1, 2], 2)", None),
        ("get(json('[7]'), 0)", 7),
        ("get('text', 'a', 1)", 1),
        ("get([1], 'a')", None),
        ("get({'a': 1}, 0)", None),
        ("get(steps.build.outputs.list, 'x' if false else 0)", 1),
        ("exists(nope)", False),
        ("exists(steps)", True),
        ("exists(steps.build.outputs.none)", True),
        ("exists(steps.build.outputs.none.x)", False),
        ("exists(steps.build.outputs.list[5])", False),
        ("exists(steps.build.outputs.list[true])", False),
        ("exists(steps.build.outputs.list['a'])", False),
        ("exists(json('{}').a)", False),
        ('hash("a") == hash("b")', False),
        ('hash({"a": 1, "b": 2}) == hash({"b": 2, "a": 1})', True),
        ('matches("A", "(?i)a")', True),
        ('matches("ab", "^" + "a")', True),
        ('date("2026-01-31 10:00")', "2026-01-31T10:00:00Z"),
        ('date("2026-01-31t10:00:00.25z")', "2026-01-31T10:00:00.250000Z"),
        ("date(0)", "1970-01-01T00:00:00Z"),
        ("date(now_utc()) == now_utc()", True),
        ("now_utc()", "2026-02-02T02:40:00.500000Z"),
        ('duration("1h") + date("2026-01-31")', "2026-01-31T01:00:00Z"),
        ('date("2026-01-31") - 86400', "2026-01-30"),
        ('date("2026-01-31") == date("2026-01-31T00:00:00Z")', True),
        ('date("2026-01-31") == "2026-01-31"', False),
        ('date("2026-01-31") < date("2026-02-01")', True),
    ],
)
def test_a_function_gives(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


# --- plain data in, plain data out


class Colour(StrEnum):
    RED = "red"


class Lazy(Mapping[str, object]):
    """A mapping that is no dict, as the engine may give."""

    keys_seen: ClassVar[list[str]] = []

    def __getitem__(self, key: str) -> object:
        self.keys_seen.append(key)
        return {"a": 1}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


def test_any_mapping_and_any_tuple_is_plain_data() -> None:
    assert value("x.a + 1", {"x": Lazy()}) == 2
    assert value("x", {"x": Lazy()}) == {"a": 1}
    assert value("x + [3]", {"x": (1, 2)}) == [1, 2, 3]
    assert value("x[0]", {"x": (1, 2)}) == 1


def test_the_text_of_an_enum_leaves_as_a_plain_text() -> None:
    for text in ("x", "[x][0]", "str(x)", 'join([x], "")', "sorted([x])[0]"):
        found = value(text, {"x": Colour.RED})
        assert (found, type(found)) == ("red", str)
    assert value('x == "red"', {"x": Colour.RED}) is True


def test_a_result_is_a_copy_that_nobody_else_holds() -> None:
    inner = [1]
    found = value("x", {"x": {"a": inner}})
    assert found == {"a": [1]}
    assert isinstance(found, dict)
    assert found["a"] is not inner


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        ("x", "the result holds a object, which is not plain data"),
        ("[x]", "the result holds a object, which is not plain data"),
        ("x.a", 'x is a object, which is not plain data, which holds no "a"'),
        ("x == 1", "cannot compare a object, which is not plain data"),
        ("y", "the result holds a map whose key is a number; keys are texts"),
    ],
)
def test_what_is_not_plain_data_is_an_error_where_it_is_used(text: str, headline: str) -> None:
    assert refusal(text, {"x": object(), "y": {1: 2}}).headline == headline


# --- references and facts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2", []),
        ("steps.a.outputs.x", [(("steps", "a", "outputs", "x"), 0, False)]),
        ('steps["run-tests"].ok', [(("steps", "run-tests", "ok"), 0, False)]),
        ("xs[-1].y", [(("xs", -1, "y"), 0, False)]),
        ("steps[inputs.which].ok", [(("steps",), 0, False), (("inputs", "which"), 6, False)]),
        ("exists(steps.a.ok) and b", [(("steps", "a", "ok"), 7, True), (("b",), 23, False)]),
        ('get(steps.a.outputs, "x", c)', [(("steps", "a", "outputs", "x"), 4, True), (("c",), 26, False)]),
        ("get(steps[k], 0)", [(("steps",), 4, True), (("k",), 10, False)]),
        ("get(a, k)", [(("a",), 4, True), (("k",), 7, False)]),
        ("true == null", []),
        ('"é" + a.b', [(("a", "b"), 6, False)]),
        ("json(a).b", [(("a",), 5, False)]),
        ("len(a) + a", [(("a",), 4, False), (("a",), 9, False)]),
        ("x[true]", [(("x",), 0, False)]),
        ("x[-'a']", [(("x",), 0, False)]),
    ],
)
def test_the_references_of_an_expression(text: str, expected: list[tuple[tuple[str, ...], int, bool]]) -> None:
    assert compile_expression(text).references == tuple(Reference(*entry) for entry in expected)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("steps.a.ok", []),
        ("now_utc() > date(inputs.day)", ["now_utc"]),
        ("network.online and disk.free > 1", ["disk.free", "network.online"]),
        ("disk.store_free", ["disk.store_free"]),
        ("disk[x]", ["disk.free", "disk.store_free"]),
        ('get(disk, "free")', ["disk.free"]),
        ("disk.nothing", []),
        ("inputs.disk", []),
    ],
)
def test_the_host_facts_that_an_expression_needs(text: str, facts: list[str]) -> None:
    assert sorted(compile_expression(text).facts) == facts


def test_an_expression_is_compiled_once_and_cannot_be_changed() -> None:
    expression = compile_expression("1 + 1")
    assert compile_expression("1 + 1") is expression
    with pytest.raises(AttributeError):
        expression.text = "2"  # type: ignore[misc]  # that is the test


# --- truth


@pytest.mark.parametrize("answer", [True, False])
def test_true_and_false_decide(answer: bool) -> None:  # noqa: FBT001 - the values under test
    assert truth(answer) is answer


@pytest.mark.parametrize("answer", [0, 1, "", "true", None, [], {}, 1.0])
def test_nothing_else_is_taken_for_true_or_false(answer: object) -> None:
    with pytest.raises(ExpressionError, match="must be true or false"):
        truth(answer)
