"""What the names in expressions mean, and which lead nowhere."""

import pytest

from tests.unit.plan.plans import codes, in_step, plan, problems


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ('steps["b-c"].ok', None),
        ("steps.b-c.ok", 'write steps["b-c"].ok'),
        ("steps.d.e.status == 'failed'", 'write steps["d.e"]'),
        ('inputs["max-n"] > 1', None),
        ("inputs.max-n > 1", 'write inputs["max-n"]'),
        ("c.ok", "write steps.c"),
        ("n > 1", "write inputs.n"),
        ("steps.cc.ok", 'did you mean "c"?'),
        ("steps.c.outputs.any.deep[0] == 1", None),
        ("steps.c.exit_cod", 'did you mean "exit_code"?'),
        ("steps.c.error.code == 'timeout'", None),
        ("steps.c.error.kode == 'timeout'", 'did you mean "code"?'),
        ("steps.c.artifacts.f.size > 1", None),
        ("steps.c.artifacts.f.length > 1", "it has digest, path, size"),
        ("steps.c.artifacts.g.size > 1", 'did you mean "f"?'),
        ("empty(steps.c.outputs)", None),
        ("empty(inputs)", None),
        ("empty(env)", None),
        ("exists(inputs.zzz)", None),
        ("env.HOME == '/'", None),
        ("env.CI_X == '/'", None),
        ("env.B == '/'", None),
        ("network.online and disk.free > size('1GB') and disk.store_free > 1", None),
        ("hypotheses.h.belief > 0.5", None),
        ("hypotheses.hh.belief > 0.5", 'did you mean "h"?'),
        ('memory["k"] == 1', None),
        ("budget.cost > 1", None),
        ("plan.id == 'p'", None),
        ("run.id == 'p' and run.started_at > '2026-01-01'", None),
    ],
)
def test_names_in_expressions_lead_somewhere(expression: str, found: str | None) -> None:
    text = f"""
        plan: p
        inputs: {{n: {{type: int}}, max-n: {{type: int}}, zzz: {{}}}}
        env_pass: [CI_*]
        hypotheses: {{h: {{statement: s}}}}
        memory: {{keys: [k]}}
        steps:
          b-c: {{run: x}}
          c: {{run: x, produces: {{f: out}}}}
          d.e: {{run: x}}
          a:
            run: x
            env: {{B: b}}
            when: >-
              {expression}
        """
    hints = [it.hint for it in problems(text)]
    assert hints == ([] if found is None else [found])


def test_the_outcome_is_known_at_the_end() -> None:
    last = "{z: {run: x, when: run.outcome == 'failed'}}"
    assert problems(f"plan: p\nsteps: {{a: {{run: x}}}}\nfinally: {last}\noutputs: {{o: run.outcome}}") == []
    assert codes(in_step("run: x\nwhen: run.outcome == 'failed'")) == ["reference.unknown"]


def test_finally_steps_see_all_steps_and_each_other() -> None:
    text = "plan: p\nsteps: {a: {run: x}}\nfinally:\n  y: {run: x, when: steps.a.ok}\n  z: {run: x, when: steps.y.ok}"
    assert [it.needs for it in plan(text).finally_] == [("a",), ("y",)]
    assert codes(f"{text}\noutputs: {{o: steps.z.ok}}") == []


def test_a_step_cannot_take_anything_of_a_finally_step() -> None:
    text = "plan: p\nsteps: {{a: {{run: x, {}}}}}\nfinally: {{z: {{run: x, produces: {{f: out}}}}}}"
    for taking in ("when: steps.z.ok", "depends_on: [z]", "consumes: [z.f]", "stdin: {artifact: f}"):
        assert codes(text.format(taking)) == ["step.finally"]


def test_a_fan_out_has_item_and_index() -> None:
    assert problems(in_step("run: x\nfor_each: [1]\nenv: {A: '${{ item }}', B: '${{ index }}'}")) == []
    assert problems(in_step("run: x\nmatrix: {os: [a]}\nwhen: item.os == 'a'")) == []


def test_the_undoing_sees_what_the_step_left() -> None:
    assert (
        problems(
            in_step(
                "run: x\nproduces: {f: o}\nrollback: {command: [rm, '${{ artifacts.f.path }}', '${{ outputs.n }}']}"
            )
        )
        == []
    )
    assert codes(in_step("run: x\ncommand: ['${{ outputs.n }}']")) == ["key.conflict", "reference.misplaced"]


def test_reads_of_a_nested_plan_are_its_own() -> None:
    text = "plan: p\nsteps:\n  a: {uses: plan, with: {steps: {b: {run: x}, c: {run: y, when: steps.b.ok}}}}"
    assert problems(text) == []
    assert codes(text.replace("run: y", "runn: y")) == ["key.missing", "key.unknown"]
