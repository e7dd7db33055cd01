"""What steps give back and raise: nothing of it ends the engine, all of it is the same after a resume."""

from pathlib import Path
from textwrap import indent

import pytest

from tests.unit.engine.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def call(where: str, module: str) -> str:
    return f'{{uses: python, with: {{call: "{module}:f", inline: {where}}}}}'


@pytest.mark.parametrize("inline", ["true", "false"])
@pytest.mark.parametrize(
    "body",
    [
        'return float("nan")',
        "return {'deep': [1.0, float('inf')]}",
        "return b'x'",
        "return {1, 2}",
        "import datetime; return datetime.datetime.now()",
        "x = []\nx.append(x)\nreturn x",
        "x = []\nfor _ in range(100000): x = [x]\nreturn x",
        "return '\\ud800'",
        "return object()",
    ],
)
def test_a_returned_value_that_json_cannot_hold_is_an_invalid_output(shop: Workshop, inline: str, body: str) -> None:
    name = f"values_{abs(hash((inline, body)))}"
    shop.module("def f():\n" + indent(body, "    "), name)
    end = shop.run(f"steps:\n  a: {call(inline, name)}\n")
    assert shop.error(end, "a").code == "output.invalid"


@pytest.mark.parametrize("inline", ["true", "false"])
def test_what_later_steps_see_of_a_value_is_what_the_journal_holds(shop: Workshop, inline: str) -> None:
    name = f"shapes_{inline}"
    shop.module("def f():\n    return {'pair': (1, 2), 'names': {1: 'one'}, 'big': 2**70, 'text': 'é'}\n", name)
    end = shop.run(f"""
        steps:
          a: {call(inline, name)}
          b:
            uses: noop
            depends_on: [a]
            when: "steps.a.outputs.pair == [1, 2] and steps.a.outputs.names == {{'1': 'one'}}"
        """)
    assert shop.statuses(end)["b"] == "succeeded"
    assert shop.outputs(end, "a") == {"pair": [1, 2], "names": {"1": "one"}, "big": 2**70, "text": "é"}


@pytest.mark.parametrize("inline", ["true", "false"])
def test_an_exception_whose_text_no_encoding_holds_is_the_steps_failure(shop: Workshop, inline: str) -> None:
    name = f"odd_{inline}"
    shop.module("def f():\n    raise ValueError('x\\udcff')\n", name)
    end = shop.run(f"steps:\n  a: {call(inline, name)}\n")
    assert shop.error(end, "a").message == "ValueError: x\\udcff"


def test_an_exception_that_cannot_be_shown_is_the_steps_failure(shop: Workshop) -> None:
    shop.module(
        """
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no")
        def f():
            raise Mute
        """,
        "mute",
    )
    end = shop.run(f"steps:\n  a: {call('true', 'mute')}\n")
    assert shop.error(end, "a").message == "Mute"


@pytest.mark.parametrize("inline", ["true", "false"])
def test_a_module_that_exits_when_imported_fails_the_step_before_it_did_anything(shop: Workshop, inline: str) -> None:
    name = f"leaving_{inline}"
    shop.module("import sys\nsys.exit(0)\n", name)
    end = shop.run(f"steps:\n  a: {call(inline, name)}\n")
    assert shop.error(end, "a").code == "spawn.failed"


def test_a_worker_that_is_no_worker_does_not_succeed(shop: Workshop) -> None:
    end = shop.run('steps:\n  a: {uses: python, with: {call: "any:thing", python: /bin/true}}\n')
    assert shop.error(end, "a").code == "exit.nonzero"


def test_a_number_that_is_none_is_no_number(shop: Workshop) -> None:
    end = shop.run('steps:\n  a: {run: "echo x=nan >> $HOLDFAST_OUTPUT", outputs: {x: {type: float}}}\n')
    assert shop.error(end, "a").code == "output.invalid"


def test_a_function_that_changes_its_arguments_changes_nothing_else(shop: Workshop) -> None:
    shop.module(
        """
        def give():
            return {"items": [1]}
        def f(own, made):
            own.append(2)
            made.append(2)
            return [own, made]
        """,
        "changing",
    )
    step = (
        '{uses: python, depends_on: [a], with: {call: "changing:f", inline: true, '
        'args: {own: [1], made: "${{ steps.a.outputs.items }}"}}}'
    )
    end = shop.run(f"""
        steps:
          a: {{uses: python, with: {{call: "changing:give", inline: true}}}}
          b: {step}
          c: {step.replace("[a]", "[b]")}
        """)
    assert shop.outputs(end, "b") == shop.outputs(end, "c") == {"result": [[1, 2], [1, 2]]}
