"""Templates: texts with expressions in them, and the words that a step's status is compared with."""

import string

import pytest

from holdfast.plan.expr import ExpressionError, Reference, compile_expression, compile_template, status_synonyms
from holdfast.plan.language.statuses import STATUS_WORDS
from tests.unit.plan.expressions import CONTEXT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${{ 1 }}", 1),
        ("${{inputs}}", CONTEXT["inputs"]),
        ("${{ 1 }} ", "1 "),
        ("a ${{ 1 }}${{ null }}, ${{ true }} z", "a 1null, true z"),
        ("${{ [1, {'a': 'é'}] }}!", '[1,{"a":"é"}]!'),
        ('${{ {"a": {"b": 1}} }}', {"a": {"b": 1}}),
        ('${{ "}}" }}', "}}"),
        ('${{ "${{" }} x', "${{ x"),
        ("${{\n1 +\n2\n}}", 3),
        ("}} ${{ 'a' }} {{ }}", "}} a {{ }}"),
        ("é ${{ date('2026-01-31') }}", "é 2026-01-31"),
    ],
)
def test_a_template_renders(text: str, expected: object) -> None:
    template = compile_template(text)
    assert template is not None
    assert template.render(CONTEXT) == expected


@pytest.mark.parametrize("text", ["", "plain", "$ {{ 1 }}", "{{ 1 }}", "}}", "\ud800"])
def test_a_text_without_an_opening_is_no_template(text: str) -> None:
    assert compile_template(text) is None


@pytest.mark.parametrize(
    ("text", "headline", "offset"),
    [
        ("a ${{ 1", "this ${{ is not closed within 4,096 characters", 2),
        ("a ${{ 1 } }", "this ${{ is not closed within 4,096 characters", 2),
        ("${{ 1 }} ${{", "this ${{ is not closed within 4,096 characters", 9),
        ("${{ {1: 2 }}", "this ${{ is not closed within 4,096 characters", 0),
        ("${{" + " " * 5_000 + "1 }}", "this ${{ is not closed within 4,096 characters", 0),
        ("a ${{ 'b }}", "this text literal is never closed", 6),
        ("a ${{ }}", "the expression is empty", 5),
        ("a ${{ b + }}", "this is not an expression", 9),
        ("é ${{ 1 }} ${{ lenn(2) }}", 'there is no function "lenn"', 15),
        ("${{ a }}\ud800", "the text holds half of a surrogate pair", 8),
        ("${{ 1 }}" + "x" * 1_048_576, "the text is longer than 1,048,576 characters", None),
    ],
)
def test_a_mistake_in_a_template_is_placed_in_the_whole_text(text: str, headline: str, offset: int | None) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_template(text)
    assert (caught.value.headline, caught.value.offset) == (headline, offset)


def test_a_mistake_while_rendering_is_placed_in_the_whole_text() -> None:
    template = compile_template("ab ${{ nope }}")
    assert template is not None
    with pytest.raises(ExpressionError) as caught:
        template.render(CONTEXT)
    assert (caught.value.headline, caught.value.offset) == ('"nope" is not known here', 7)
    assert caught.value.facts == (" nope ", " ^")


def test_the_references_and_facts_of_a_template_are_those_of_all_its_expressions() -> None:
    template = compile_template("a ${{ steps.b.ok }} ${{ get(c, 'd') }} ${{ now_utc() }}")
    assert template is not None
    assert template.references == (Reference(("steps", "b", "ok"), 6, False), Reference(("c", "d"), 28, True))
    assert template.facts == {"now_utc"}


def test_a_rendered_text_is_bounded() -> None:
    template = compile_template("${{ a }}${{ a }}")
    assert template is not None
    with pytest.raises(ExpressionError, match="longer than 1,048,576"):
        template.render({"a": "x" * 600_000})


def test_every_printable_text_around_an_expression_stays_as_it_is() -> None:
    around = string.printable.replace("$", "")
    template = compile_template(f"{around}${{{{ 1 }}}}{around}")
    assert template is not None
    assert template.render({}) == f"{around}1{around}"


# --- statuses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('steps.x.status == "success"', [(18, "success", "succeeded")]),
        ('"completed" != steps["a-b"].status', [(0, "completed", "succeeded")]),
        ('steps.x["status"] in ["failed", "abort", "skip"]', [(32, "abort", "canceled"), (41, "skip", "skipped")]),
        ('get(steps.x, "status") == "ERROR"', [(26, "ERROR", "failed")]),
        ('steps.x.status == "Succeeded"', [(18, "Succeeded", "succeeded")]),
        ('steps.x.status == "suceeded"', [(18, "suceeded", "succeeded")]),
        ('1 if not (steps.x.status == "done") else 2', [(28, "done", "succeeded")]),
        ('"é" == "é" and steps.x.status == "ok"', [(33, "ok", "succeeded")]),
        ('steps.x.status == steps.y.status == "aborted"', [(36, "aborted", "canceled")]),
        ('steps.x.status == "elephant"', []),
        ('steps.x.status == 1 and steps.x.status in [1, "failed"]', []),
        ('run.outcome == "success"', []),
        ('steps.x["ok"] == "success" or get(steps.x, "ok") == "success"', []),
        ('steps.x.outputs.status == "success"', []),
        ('x == "success" and steps == "success" and len(a) == "success"', []),
        ('get(a, "status") == "success"', []),
        ('steps.status == "success"', []),
    ],
)  # fmt: skip
def test_a_status_compared_with_a_word_it_never_is_has_the_right_word(
    text: str, expected: list[tuple[int, str, str]]
) -> None:
    assert status_synonyms(compile_expression(text)) == expected


def test_the_words_of_a_status_are_never_reported() -> None:
    for word in STATUS_WORDS:
        assert status_synonyms(compile_expression(f'steps.x.status == "{word}"')) == []
