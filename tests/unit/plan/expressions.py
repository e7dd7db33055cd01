"""The data that the tests of expressions see, and how they ask."""

from collections.abc import Mapping

import pytest

from holdfast.plan.expr import ExpressionError, compile_expression

CONTEXT: dict[str, object] = {
    "steps": {
        "build": {"ok": True, "status": "succeeded", "outputs": {"n": 3, "a.b": 1, "none": None, "list": [1, [2]]}},
        "run-tests": {"ok": False, "status": "failed", "outputs": {}},
    },
    "inputs": {"day": "2026-01-31", "max-size": 10, "é": 1},
    "text": "x" * 70_000,
    "now_utc": 1_770_000_000.5,
}


def value(text: str, context: Mapping[str, object] = CONTEXT) -> object:
    return compile_expression(text).evaluate(context)


def refusal(text: str, context: Mapping[str, object] = CONTEXT) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        value(text, context)
    return caught.value
