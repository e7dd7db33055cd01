"""What this version cannot honour is named before a run, and nothing else is."""

import pytest

from holdfast.plan.format.steps import STEP
from holdfast.plan.format.table import PLAN
from holdfast.plan.notyet import HONOURED_PLAN_KEYS, HONOURED_STEP_KEYS, unsupported
from tests.unit.plan.plans import parsed, plan

HONOURED = """
    plan: p
    metadata: {any: [thing]}
    title: T
    description: D
    owner: O
    labels: [l]
    links: [x]
    version: "1"
    goal: {objective: o, scope: s, constraints: [c], stakeholders: [s], assumptions: [a], risks: [r],
           done_when: [steps.a.ok, {prose: it is nice}], deadline: 2026-12-24}
    overdue: {after: 1h, escalate: lead}
    inputs: {n: {type: int, default: 3}}
    env: {A: "${{ inputs.n }}"}
    env_pass: [CI]
    limits: {concurrency: 4, grace: 5s, resources: {gpu: 2}, time: 1h, step_time: 5m, cost: 1, tokens: 9,
      calls: {web: 3}, on_exhausted: fail}
    breakers: {git: {failures: 2}}
    defaults: {timeout: 1m}
    outputs: {o: steps.a.outputs.n}
    steps:
      a:
        run: x
        shell: bash
        title: T
        kind: research
        group: g
        milestone: true
        priority: 2
        cwd: "${{ run.id }}"
        env: {B: "${{ inputs.n }}"}
        stdin: text
        timeout: 1m
        heartbeat: 1m
        quiet: 1m
        retry: {attempts: 2, on: [timeout]}
        on_failure: abort
        effect: once
        definite_failures: [2]
        reads: [r]
        produces: {p: out, q: {path: o2, optional: true, type: csv}}
        fresh: true
        outputs: {n: {type: int}}
        expect: [exit_code == 0, {prose: it reads well}, {valid: q, schema: s.json}]
        deterministic: false
        reuse: never
        formerly: [z]
        leave_running: true
        overdue: {after: 1h}
      b: {command: [x], depends_on: [a], depends: done, when: true, skip_if: ["1 == 2"], consumes: [a.p],
          requires: [network.online], needs_resources: {gpu: 1}, breaker: git, capabilities: [web], budget: {cost: 1}}
      g: {run: x, on_failure: skip_dependents, failure_modes: [{name: n, detect: error.code == "timeout", do: retry}]}
      h: {run: x, on_failure: continue, failure_modes: [{name: n, detect: {prose: it looks odd}, advice: ask}]}
      i: {run: x, on_failure: skip, next: [{on: success, to: k}]}
      k: {run: x, on_failure: {fallback: l}}
      l: {run: x, failure_modes: [{name: n, detect: true, do: {goto: m}}, {name: o, detect: true, do: {fallback: n}}]}
      m: {run: x}
      n: {run: x}
      j: {run: x, on_failure: rollback}
      c: {uses: python, with: {call: "m:f", args: {x: 1}, inline: true, python: python3, x-note: 1}}
      d: {uses: noop}
      w: {uses: wait, with: {for: 5s}, timeout: 1m}
      u: {uses: wait, with: {until: 2026-12-24}}
      v: {uses: wait, with: {file: there}}
      e: {run: x, shell: zsh}
      f: {run: x, shell: python}
    finally: {last: {run: x}}
"""


def test_what_is_honoured_is_not_named() -> None:
    assert unsupported(plan(HONOURED)) == []


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("run: x, shell: cmd", "shell.cmd"),
        ("uses: wait, with: {topic: t}", "with.topic"),
        ("uses: agent", "uses.agent"),
        ("run: x, for_each: [1], failure_modes: [{name: n, detect: true, do: {goto: y}}]", "failure_modes.goto"),
        ("run: x, effect: once, reconcile: {run: y}", "reconcile"),
        ("run: x, rollback: {run: y}", "rollback"),
        ("run: x, backup: [f]", "backup"),
        ("run: x, reuse: always", "reuse.always"),
        ("run: x, gate: {question: q}", "gate"),
        ("run: x, evidence: [{for: h, neutral: true}]", "evidence"),
        ("run: x, checkpoint: true", "checkpoint"),
        ("run: x, metrics: {n: exit_code}", "metrics"),
        ("run: x, secrets: [KEY]", "secrets"),
        ("run: x, memory: {keys: [k]}", "memory"),
        ("run: x, title: '${{ run.id }}'", "title as a template"),
        ("run: x, labels: ['${{ run.id }}']", "labels as a template"),
        ("run: x, reads: ['${{ run.id }}']", "reads as a template"),
        ("run: x, produces: {p: {path: o, type: '${{ run.id }}'}}", "produces as a template"),
    ],
)
def test_a_step_key_that_is_not_honoured_is_named(text: str, key: str) -> None:
    made = parsed(f"plan: p\nhypotheses: {{h: {{statement: s}}}}\nsteps:\n  a: {{{text}}}\n  y: {{run: x}}")
    assert made.plan is not None, made.problems
    named = [it for it in unsupported(made.plan) if it.step == "a"]
    assert [it.key for it in named] == [key]
    assert str(named[0]) == f'step "a": {key}'
    assert made.positions.of(named[0].path)[0] == 4


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("memory: {keys: [k]}", "memory"),
        ("secrets: [KEY]", "secrets"),
        ("inputs: {n: {secret: true}}", "inputs.n.secret"),
        ("hypotheses: {h: {statement: s}}", "hypotheses"),
        ("policy: {require_gate: [kind:deploy]}", "policy.require_gate"),
    ],
)
def test_a_plan_key_that_is_not_honoured_is_named(text: str, key: str) -> None:
    made = plan(f"plan: p\nsteps: {{a: {{run: x, produces: {{f: out}}}}}}\n{text}")
    assert [(it.step, it.key) for it in unsupported(made)] == [(None, key)]
    assert str(unsupported(made)[0]) == key


def test_a_finally_step_says_what_it_uses_beside() -> None:
    made = plan("plan: p\nsteps: {a: {run: x}}\nfinally: {z: {run: x, gate: {question: q}, on_failure: skip}}")
    assert [str(it) for it in unsupported(made)] == ['step "z": gate']


def test_every_honoured_key_is_a_key_of_the_format() -> None:
    assert STEP.fields.keys() >= HONOURED_STEP_KEYS
    assert PLAN.fields.keys() >= HONOURED_PLAN_KEYS
