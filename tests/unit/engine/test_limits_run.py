"""Budgets and times of real runs: what is reserved, spent, refused, allowed and ended."""

from pathlib import Path

import pytest

from holdfast.app.budgets import Raise
from holdfast.errors import HoldfastError
from holdfast.journal.documents import Shown
from holdfast.run import events as ev
from tests.unit.engine.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def shown(shop: Workshop, run: str) -> Shown:
    with shop.app.reading() as reading:
        return reading.show(run)


def allow(shop: Workshop, run: str, key: str, amount: str, step: str | None = None) -> str:
    return shop.app.raise_budget(run, Raise(key, amount, step, "it matters", "ann"))


def test_steps_beside_each_other_make_no_more_calls_than_there_are(shop: Workshop) -> None:
    # semantics S13, G9
    steps = "\n".join(f"          s{n}: {{run: echo x >> done, capabilities: [web]}}" for n in range(6))
    end = shop.run(f"""
        limits: {{calls: {{web: 4}}, concurrency: 6}}
        steps:
{steps}
          free: {{run: "true"}}
        """)
    assert (end.status, end.exit_code) == ("blocked", 4)
    assert shop.text("done") == "x\n" * 4
    assert shop.statuses(end)["free"] == "succeeded"
    assert [wait["kind"] for wait in end.waits] == ["budget", "budget"]
    spent = shown(shop, end.run).spent
    assert spent.calls == {"web": 4}
    assert spent.limits is not None
    assert spent.limits.calls == {"web": 4}
    assert allow(shop, end.run, "calls.web", "+1") == "1 call of web more are allowed"
    assert shop.resume(end.run).status == "blocked"
    assert shop.text("done") == "x\n" * 5
    allow(shop, end.run, "calls.web", "10")
    assert shop.resume(end.run).status == "succeeded"
    assert shown(shop, end.run).warnings == ()
    raised = [event.body for event in shop.events(end) if isinstance(event.body, ev.BudgetRaised)]
    assert [(body.key, body.amount, body.who.by, body.reason) for body in raised] == [
        ("calls.web", 1.0, "ann", "it matters"),
        ("calls.web", 10.0, "ann", "it matters"),
    ]


def test_what_a_failed_attempt_spent_stays_spent(shop: Workshop) -> None:
    # semantics S13, S22
    end = shop.run("""
        limits: {cost: 1, on_exhausted: fail}
        steps:
          a:
            run: echo cost_usd=0.5 >> "$HOLDFAST_OUTPUT"; exit 1
            retry: {attempts: 9, delay: 0s}
        """)
    assert end.status == "failed"
    assert shop.starts(end) == {"a": 2}
    assert shop.error(end, "a").code == "budget.exhausted"
    assert shown(shop, end.run).spent.cost_usd == 1.0


def test_what_a_stopped_attempt_spent_stays_spent(shop: Workshop) -> None:
    # semantics S13
    end = shop.run("""
        steps:
          a:
            run: echo tokens=7 >> "$HOLDFAST_OUTPUT"; printf 'tokens=' >> "$HOLDFAST_OUTPUT"; exec sleep 60
            timeout: 300ms
        """)
    assert end.status == "failed"
    assert shop.error(end, "a").code == "timeout"
    assert shown(shop, end.run).spent.tokens == 7


def test_every_line_about_spending_counts(shop: Workshop) -> None:
    # semantics S13
    end = shop.run("""
        steps:
          a:
            run: |
              echo cost_usd=5 >> "$HOLDFAST_OUTPUT"
              echo cost_usd=0 >> "$HOLDFAST_OUTPUT"
              echo '{"tokens": 3, "calls.web": 2, "kept": 1}' >> "$HOLDFAST_OUTPUT"
              echo tokens=4 >> "$HOLDFAST_OUTPUT"
            capabilities: [web]
        """)
    spent = shown(shop, end.run).spent
    assert (spent.cost_usd, spent.tokens, spent.calls) == (5.0, 7, {"web": 3})
    assert shop.outputs(end, "a") == {"kept": 1}


def test_a_sum_of_money_is_shown_as_money(shop: Workshop) -> None:
    # semantics S13
    steps = "".join(f"\n  s{i}: {{run: echo cost_usd=0.1 >> $HOLDFAST_OUTPUT}}" for i in range(3))
    assert shown(shop, shop.run(f"steps:{steps}").run).spent.cost_usd == 0.3


@pytest.mark.parametrize("line", ["cost_usd=-5", "tokens=1e999", "tokens=" + "9" * 400, "cost_usd=nan", "calls.web=x"])
def test_what_is_no_amount_fails_the_step_and_hides_nothing(shop: Workshop, line: str) -> None:
    # semantics S13, S20
    end = shop.run(f"""
        steps:
          a: {{run: 'echo cost_usd=2 >> "$HOLDFAST_OUTPUT"; echo {line} >> "$HOLDFAST_OUTPUT"'}}
        """)
    assert shop.error(end, "a").code == "output.invalid"
    assert shown(shop, end.run).spent.cost_usd == 2.0


def test_what_a_function_returns_as_spent_is_spent(shop: Workshop) -> None:
    # semantics S13
    shop.module("def ask():\n    return {'cost_usd': 0.25, 'calls.model': 2, 'answer': 42}\n")
    end = shop.run("""
        limits: {cost: 0.5}
        steps:
          here: {uses: python, with: {call: "acts:ask", inline: true}}
          there: {uses: python, with: {call: "acts:ask"}, depends_on: [here]}
          more: {run: "true", depends_on: [there]}
        """)
    assert end.status == "blocked"
    assert shop.outputs(end, "here") == shop.outputs(end, "there") == {"answer": 42}
    spent = shown(shop, end.run).spent
    assert (spent.cost_usd, spent.calls) == (0.5, {"model": 4})


def test_inline_calls_are_not_handed_out_beyond_the_budget(shop: Workshop) -> None:
    # semantics S4, S13
    shop.module(f"def ask():\n    with open({str(shop.folder / 'made')!r}, 'a') as made:\n        made.write('x')\n")
    steps = "\n".join(
        f"          s{n}: {{uses: python, with: {{call: 'acts:ask', inline: true}}, capabilities: [model]}}"
        for n in range(20)
    )
    end = shop.run(f"""
        limits: {{calls: {{model: 3}}, concurrency: 8}}
        steps:
{steps}
        """)
    assert end.status == "blocked"
    assert shop.text("made") == "xxx"


def test_a_steps_own_budget_holds_for_all_its_attempts(shop: Workshop) -> None:
    # semantics S13, G9
    end = shop.run("""
        steps:
          a:
            run: echo x >> tries; echo tokens=60 >> "$HOLDFAST_OUTPUT"; exit 1
            budget: {tokens: 100}
            retry: {attempts: 9, delay: 0s}
        """)
    assert end.status == "blocked"
    assert shop.text("tries") == "x\n" * 2
    with pytest.raises(HoldfastError, match='has no budget "tokens"'):
        allow(shop, end.run, "tokens", "+10")
    allow(shop, end.run, "tokens", "+21", "a")
    assert shop.resume(end.run).status == "blocked"
    assert shop.text("tries") == "x\n" * 3


def test_an_attempt_gets_no_more_time_than_its_step_has_left(shop: Workshop) -> None:
    # semantics S10, S13
    end = shop.run("""
        steps:
          a: {run: exec sleep 60, budget: {time: 300ms, on_exhausted: fail}, retry: {attempts: 5, delay: 0s}}
        """)
    assert end.status == "failed"
    assert shop.error(end, "a").code == "budget.exhausted"
    assert shop.starts(end) == {"a": 1}


def test_a_run_ends_when_its_time_is_over(shop: Workshop) -> None:
    # semantics S8, S10
    end = shop.run("""
        limits: {time: 700ms, grace: 1s}
        steps:
          a: {run: "true"}
          b: {run: exec sleep 60, depends_on: [a], retry: 3}
          c: {run: "true", depends_on: [b]}
        """)
    assert (end.status, end.exit_code) == ("failed", 1)
    assert shop.statuses(end) == {"a": "succeeded", "b": "canceled", "c": "canceled"}
    document = shown(shop, end.run)
    assert document.reason == "the run's time limit of 700ms was over (limits.time)"
    assert document.spent.time_s is not None
    assert 0.7 <= document.spent.time_s < 30
    assert any(isinstance(event.body, ev.BudgetWarned) and event.body.key == "time" for event in shop.events(end))
    with pytest.raises(HoldfastError, match="cannot be allowed more"):
        allow(shop, end.run, "time", "+1h")


def test_a_blocked_run_does_not_use_up_its_time(shop: Workshop) -> None:
    # semantics S10
    end = shop.run("""
        limits: {time: 20s, calls: {web: 0}}
        steps:
          a: {run: "true", capabilities: [web]}
        """)
    assert end.status == "blocked"
    watch = shop.state(end.run).stopwatch
    assert watch is not None
    assert watch.ran_us(2**60) < 20_000_000
    allow(shop, end.run, "calls.web", "+1")
    allow(shop, end.run, "time", "+1m")
    assert shop.resume(end.run).status == "succeeded"
    limits = shown(shop, end.run).spent.limits
    assert limits is not None
    assert limits.time_s == 80.0


@pytest.mark.parametrize("own", ["", ", timeout: 1h"])
def test_no_attempt_runs_longer_than_step_time(shop: Workshop, own: str) -> None:
    # semantics S10
    shop.module("import time\n\ndef nap():\n    time.sleep(0.4)\n")
    end = shop.run(f"""
        limits: {{step_time: 200ms}}
        steps:
          a: {{run: exec sleep 60, on_failure: continue{own}}}
          b: {{uses: python, with: {{call: "acts:nap"}}, on_failure: continue{own}}}
          c: {{uses: python, with: {{call: "acts:nap", inline: true}}, on_failure: continue{own}}}
        """)
    assert end.status == "partial"
    assert {shop.error(end, name).code for name in "abc"} == {"timeout"}


def test_expressions_see_what_is_left(shop: Workshop) -> None:
    # plan-format, Context: `budget`
    end = shop.run("""
        limits: {cost: 2, calls: {web: 5}, time: 1h}
        steps:
          a: {run: 'echo cost_usd=0.5 >> "$HOLDFAST_OUTPUT"', capabilities: [web]}
          b: {run: "true", depends_on: [a], when: budget.cost.left >= 1.5}
          c: {run: "true", depends_on: [a], when: 'budget.cost.left > 1.5 or budget.calls["web"].left != 4'}
          d: {run: "true", depends_on: [a], when: budget.time.left > 60 and budget.tokens.limit == null}
        """)
    assert shop.statuses(end) == {"a": "succeeded", "b": "succeeded", "c": "skipped", "d": "succeeded"}


@pytest.mark.parametrize("amount", ["0", "-5", "+x", "nan", "inf", "1.5", "9" * 400])
def test_an_amount_that_is_none_is_refused(shop: Workshop, amount: str) -> None:
    # semantics G9
    end = shop.run("limits: {tokens: 0}\nsteps: {a: {run: x}}")
    with pytest.raises(HoldfastError, match="not an amount that can be added") as refused:
        allow(shop, end.run, "tokens", amount)
    assert refused.value.exit_code == 3
