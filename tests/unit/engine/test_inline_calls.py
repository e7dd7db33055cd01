from pathlib import Path

import pytest

from holdfast.run import events as ev
from holdfast.run.standing import Succeeded
from tests.unit.engine.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_a_return_value_is_the_outputs(shop: Workshop) -> None:
    shop.module(
        """
        def many(n):
            return {"n": n, "double": 2 * n}
        def one():
            return [1, 2]
        def none():
            pass
        """,
        "values",
    )
    end = shop.run("""
        steps:
          a: {uses: python, with: {call: "values:many", inline: true, args: {n: 4}}}
          b: {uses: python, with: {call: "values:one", inline: true}}
          c: {uses: python, with: {call: "values:none", inline: true}}
          d: {uses: python, with: {call: "values:many", inline: true, args: {n: "${{ steps.a.outputs.double }}"}}}
        """)
    assert shop.outputs(end, "a") == {"n": 4, "double": 8}
    assert shop.outputs(end, "b") == {"result": [1, 2]}
    assert shop.outputs(end, "c") == {}
    assert shop.outputs(end, "d") == {"n": 8, "double": 16}


def test_a_coroutine_function_is_awaited(shop: Workshop) -> None:
    shop.module(
        """
        import asyncio
        async def later(n):
            await asyncio.sleep(0)
            return n
        """,
        "later_acts",
    )
    end = shop.run("""
        steps:
          a: {uses: python, with: {call: "later_acts:later", inline: true, args: {n: 1}}}
          b: {uses: python, depends_on: [a], with: {call: "later_acts:later", inline: true, args: {n: 2}}}
        """)
    assert shop.outputs(end, "b") == {"result": 2}


def test_a_coroutine_function_with_arguments_bound_or_with_attributes_is_awaited(shop: Workshop) -> None:
    shop.module(
        """
        from functools import partial
        async def sum_of(m, n):
            return m + n
        sum_of.about = "arithmetic"
        two_and = partial(sum_of, 2)
        """,
        "bound_acts",
    )
    end = shop.run("""
        steps:
          a: {uses: python, with: {call: "bound_acts:two_and", inline: true, args: {n: 1}}}
          b: {uses: python, with: {call: "bound_acts:sum_of", inline: true, args: {m: 3, n: 1}}}
        """)
    assert shop.outputs(end, "a") == {"result": 3}
    assert shop.outputs(end, "b") == {"result": 4}


def test_what_the_function_raises_is_the_steps_error(shop: Workshop) -> None:
    shop.module(
        """
        def bad():
            raise KeyError("it\\nwas not there")
        """,
        "raising",
    )
    end = shop.run("steps: {a: {uses: python, with: {call: 'raising:bad', inline: true}}}")
    assert shop.error(end, "a") == ev.Error("exit.nonzero", "KeyError: 'it\\nwas not there'")


def test_a_value_that_is_no_data_is_refused_with_what_to_do(shop: Workshop) -> None:
    shop.module("def odd(): return {'f': odd}", "odd_acts")
    end = shop.run("steps: {a: {uses: python, with: {call: 'odd_acts:odd', inline: true}}}")
    error = shop.error(end, "a")
    assert error.code == "output.invalid"
    assert "plain data" in error.message


@pytest.mark.parametrize("call", ["no_such_module:f", "empty_acts:f", "broken_acts:f"])
def test_a_function_that_cannot_be_found_fails_the_step_before_any_attempt(shop: Workshop, call: str) -> None:
    shop.module("", "empty_acts")
    shop.module("1 / 0", "broken_acts")
    end = shop.run(f"steps: {{a: {{uses: python, with: {{call: '{call}', inline: true}}}}}}")
    error = shop.error(end, "a")
    assert error.code == "spawn.failed"
    assert call in error.message
    assert shop.starts(end) == {}


def test_calls_of_independent_steps_overlap_up_to_the_concurrency(shop: Workshop) -> None:
    # S4: never more than `concurrency` at a time; with fewer than two threads the barrier would never open
    shop.module(
        """
        import threading
        both = threading.Barrier(2, timeout=20)
        inside, most, lock = 0, 0, threading.Lock()
        def meet():
            global inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            both.wait()
            with lock:
                inside -= 1
            return most
        """,
        "meeting",
    )
    steps = "\n".join(
        f"          s{n}: {{uses: python, with: {{call: 'meeting:meet', inline: true}}}}" for n in range(6)
    )
    end = shop.run(f"\n        steps:\n{steps}\n        ", concurrency=2)
    assert end.exit_code == 0
    assert {shop.outputs(end, f"s{n}")["result"] for n in range(6)} == {2}


def test_an_inline_call_with_an_effect_begins_only_when_its_start_is_durable(shop: Workshop) -> None:
    # semantics C1
    shop.module(
        """
        import os
        def look(path, step):
            from holdfast.journal.sqlite import SqliteJournal
            journal = SqliteJournal.open(path, mode="read")
            run = max(os.listdir(os.path.dirname(path) + "/runs"))
            kinds = [(each.event.body.kind, each.event.step) for each in journal.events(run)]
            journal.close()
            return ("attempt.started", step) in kinds
        """,
        "looking",
    )
    database = shop.folder / ".holdfast" / "journal.db"
    plan = """
        steps:
          a: {run: "true"}
          b: {uses: python, effect: repeatable, with: {call: "looking:look", inline: true, args: {step: b, path: PATH}}}
        """
    end = shop.run(plan.replace("PATH", str(database)))
    assert shop.outputs(end, "b") == {"result": True}


def test_a_retry_of_a_call_is_a_second_attempt(shop: Workshop) -> None:
    # semantics S9
    shop.module(
        """
        calls = []
        def flaky():
            calls.append(1)
            if len(calls) < 3:
                raise OSError("not yet")
            return len(calls)
        """,
        "flaky_acts",
    )
    end = shop.run(
        "steps: {a: {retry: {attempts: 3, delay: 0}, uses: python, with: {call: 'flaky_acts:flaky', inline: true}}}"
    )
    assert shop.outputs(end, "a") == {"result": 3}
    state = shop.step(end, "a")
    assert isinstance(state, Succeeded)
    assert state.result.attempt == 3


def test_a_chain_of_many_quick_calls_journals_each_start_before_each_end(shop: Workshop) -> None:
    shop.module("def nothing(): pass", "nothing_acts")
    with_ = "with: {call: 'nothing_acts:nothing', inline: true}"
    needs = ["", *(f"s{n}" for n in range(49))]
    steps = "\n".join(
        f"          s{n}: {{uses: python, depends_on: [{needed}], {with_}}}" for n, needed in enumerate(needs)
    )
    end = shop.run(f"\n        steps:\n{steps}\n        ")
    kinds = [(event.body.kind, event.step) for event in shop.events(end) if event.step]
    assert kinds == [(kind, f"s{n}") for n in range(50) for kind in ("attempt.started", "attempt.ended")]


def test_a_call_past_its_timeout_is_given_up_and_said_so(shop: Workshop) -> None:
    # semantics S10: a function in the engine cannot be stopped
    shop.module(
        """
        import threading
        never = threading.Event()
        def stuck():
            never.wait(30)
        """,
        "stuck_acts",
    )
    end = shop.run("steps: {a: {timeout: 0.3s, uses: python, with: {call: 'stuck_acts:stuck', inline: true}}}")
    error = shop.error(end, "a")
    assert error.code == "timeout"
    assert "abandoned" in error.message
