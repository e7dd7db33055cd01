"""What only the whole plan shows, and what is right although it looks like a fault."""

import pytest

from tests.unit.plan.plans import codes, in_step, one, plan, problems

# --- cycles and loops


def test_every_cycle_is_found() -> None:
    found = problems(
        """
        plan: p
        steps:
          a: {run: x, depends_on: [b]}
          b: {run: x, when: steps.c.ok}
          c: {run: x, reads: [out/a]}
          d: {run: x, depends_on: [e]}
          e: {run: x, depends_on: [d]}
          f: {run: x, depends_on: [a]}
        """
    )
    assert [it.message for it in found] == ["these steps wait for each other: d → e → d"]
    found = problems(
        """
        plan: p
        steps:
          a: {run: x, depends_on: [c], produces: {o: out/a}}
          c: {run: x, reads: [out/a]}
          d: {run: x, depends_on: [e]}
          e: {run: x, depends_on: [d]}
        """
    )
    assert [it.message for it in found] == [
        "these steps wait for each other: a → c → a",
        "these steps wait for each other: d → e → d",
    ]


def test_a_step_that_needs_itself_is_told_so() -> None:
    problem = one(in_step("run: x\ndepends_on: [a]"))
    assert (problem.code, problem.message) == ("plan.cycle", 'step "a" needs itself')


LOOP = "plan: p\nsteps:\n  a: {run: x}\n  b: {run: x, depends_on: [a]}\n"


@pytest.mark.parametrize(
    ("last", "found"),
    [
        ("run: x, depends_on: [b], next: [{on: failure, to: a, max_visits: 2}]", []),
        ("run: x, depends_on: [b], next: [{on: failure, to: a}]", ["plan.loop"]),
        ("run: x, depends_on: [b], next: [{on: failure, to: c}]", ["plan.loop"]),
        ("run: x, next: [{on: success, to: b}]", []),
        ("run: x, depends_on: [b], failure_modes: [{name: n, detect: true, do: {goto: a}}]", ["plan.loop"]),
        ("run: x, depends_on: [b], failure_modes: [{name: n, detect: true, do: {goto: a, max_visits: 2}}]", []),
        ("run: x, depends_on: [b], gate: {question: q, on_reject: {goto: a}}", ["plan.loop"]),
        ("run: x, depends_on: [b], gate: {question: q, on_reject: {goto: a, max_visits: 3}}", []),
        ("run: x, gate: {question: q, on_reject: {goto: nope}}", ["step.unknown"]),
        ("run: x, next: [{on: success, to: nope}]", ["step.unknown"]),
        ("run: x, failure_modes: [{name: n, detect: true, do: {fallback: nope}}]", ["step.unknown"]),
        ("run: x, rollback: nope", ["step.unknown"]),
        ("run: x, rollback: b", []),
    ],
)
def test_a_loop_needs_max_visits_and_targets_exist(last: str, found: list[str]) -> None:
    # semantics S17
    assert codes(f"{LOOP}  c: {{{last}}}") == found


def test_steps_and_finally_do_not_lead_to_each_other() -> None:
    text = (
        "plan: p\nsteps: {a: {run: x, on_failure: {fallback: z}}, b: {run: x}}\n"
        "finally: {z: {run: x, next: [{on: success, to: b}]}}"
    )
    assert codes(text) == ["step.finally", "step.finally"]


# --- fallbacks


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ("a: {run: x, on_failure: {fallback: b}}\n  b: {run: x}", []),
        ("a: {run: x, on_failure: {fallback: b}}\n  b: {run: x, on_failure: {fallback: c}}\n  c: {run: x}", []),
        ("a: {run: x, on_failure: {fallback: b}}\n  b: {run: x, on_failure: {fallback: a}}", ["fallback.cycle"] * 2),
        ("a: {run: x, failure_modes: [{name: n, detect: true, do: {fallback: a}}]}", ["fallback.cycle"]),
        (
            "a: {run: x, on_failure: {fallback: b}}\n  b: {run: x, depends_on: [c]}\n  c: {run: x, depends_on: [a]}",
            ["fallback.waits"],
        ),
        ("a: {run: x, outputs: {n: {}}, on_failure: {fallback: b}}\n  b: {run: x}", ["fallback.lacks"]),
        ("a: {run: x, outputs: {n: {}}, on_failure: {fallback: b}}\n  b: {run: x, outputs: {n: {}, m: {}}}", []),
        ("a: {run: x, outputs: {n: {}}, on_failure: {fallback: b}}\n  b: {run: x, oops: 1}", ["key.unknown"]),
    ],
)
def test_a_fallback_stands_in_for_its_step(steps: str, found: list[str]) -> None:
    # semantics S6, S7
    assert codes(f"plan: p\nsteps:\n  {steps}") == found


def test_a_fallback_may_make_what_its_step_makes() -> None:
    text = """
        plan: p
        steps:
          a: {run: x, produces: {f: out}, on_failure: {fallback: b}}
          b: {run: x, produces: {f: out}, on_failure: {fallback: c}}
          c: {run: x, produces: {f: out}}
          d: {run: x, reads: [out]}
        """
    assert problems(text) == []
    assert plan(text).steps[3].needs == ("a", "b", "c")


# --- effects, people, policy


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("effect: once", ["effect.no-rollback", "effect.unreconciled"]),
        ("effect: once\nreconcile: {run: y}\nrollback: {run: z}", []),
        ("effect: once\ndefinite_failures: [2]\nrollback: {run: z}", []),
        ("reconcile: {run: y}", ["key.unused"]),
        ("definite_failures: [2]", ["key.unused"]),
        ("kind: deploy\nrollback: {run: z}", []),
    ],
)
def test_an_effect_that_happens_once_has_a_way_to_settle_doubt_and_a_way_back(text: str, found: list[str]) -> None:
    # semantics, Effects and R5
    assert sorted(codes(in_step(f"run: x\n{text}"))) == found


SECRET = "plan: p\nsecrets: [KEY]\ninputs: {pw: {secret: true}, n: {}}\nenv: {T: '${{ inputs.pw }}'}\nsteps:\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("command: [x, '${{ env.KEY }}']", 1),
        ("command: [x, '${{ inputs.pw }}']", 1),
        ("command: [x, '${{ inputs.n }}']", 0),
        ("command: [x, '${{ env.T }}']", 1),
        ("command: [x, '${{ env.U }}'], env: {U: 'a-${{ env.KEY }}'}", 1),
        ("command: [x, '${{ env.U }}'], env: {U: plain}", 0),
        ("command: [x, '${{ env.U }}'], env: {U: '${{ inputs.n }}'}", 0),
        ("run: x, env: {U: '${{ env.KEY }}'}", 0),
        ("run: x, stdin: '${{ env.KEY }}'", 0),
        ("run: x, rollback: {command: ['${{ env.KEY }}']}", 1),
        ("command: ['${{ env.OWN }}'], secrets: [OWN]", 1),
        ("command: [x, '${{ secrets.KEY }}']", 0),
    ],
)
def test_a_secret_is_never_an_argument(text: str, found: int) -> None:
    assert codes(f"{SECRET}  a: {{{text}}}").count("command.secret") == found


def test_expressions_never_see_secrets() -> None:
    problem = one(f"{SECRET}  a: {{run: x, env: {{A: '${{{{ secrets.KEY }}}}'}}}}")
    assert (problem.code, problem.hint) == (
        "reference.unknown",
        "name it in `secrets`; the step finds it in its environment",
    )


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("  b: {run: x, depends_on: [g]}", []),
        ("  b: {run: x, when: steps.g.choice == 'a'}", []),
        ("finally:\n  z: {run: x, depends_on: [g]}", []),
        ("outputs: {o: steps.g.answer}", []),
        ("goal: {done_when: [steps.g.ok]}", []),
        ("", ["gate.unused"]),
        ("  b: {run: x}", ["gate.unused"]),
    ],
)
def test_a_gate_guards_something(rest: str, found: list[str]) -> None:
    # semantics G7
    assert codes(f"plan: p\nsteps:\n  g: {{uses: gate, with: {{question: q}}}}\n{rest}") == found


GATED = """
plan: p
policy: {{require_gate: ['{rule}']}}
steps:
  g: {{uses: gate, with: {{question: q}}}}
  b: {{run: y, depends_on: [g]}}
  c: {{run: x, depends_on: [{needs}], {text}}}
"""


@pytest.mark.parametrize(
    ("rule", "text", "falls"),
    [
        ("effect:once", "effect: once, definite_failures: [1], rollback: {run: x}", True),
        ("effect:once", "effect: none", False),
        ("kind:deploy", "kind: deploy, rollback: {run: x}", True),
        ("label:pr*", "labels: [prod]", True),
        ("label:prod", "labels: [test]", False),
        ("capability:git.*", "capabilities: [git.push]", True),
        ("cost>5", "budget: {cost: 6}", True),
        ("cost > 5", "budget: {cost: 5}", False),
        ("cost>5", "priority: 1", False),
    ],
)
def test_a_policy_asks_for_a_gate_before_a_step(rule: str, text: str, *, falls: bool) -> None:
    free = GATED.format(rule=rule, needs="", text=text)
    assert [it for it in codes(free) if it != "gate.unused"] == (["policy.gate"] if falls else [])
    assert codes(GATED.format(rule=rule, needs="b", text=text)) == []
    assert codes(free.replace("c: {", "c: {gate: {question: q}, ")) == []


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ("capabilities: {deny: [git.*]}", ["policy.capability"]),
        ("capabilities: {allow: [git.*]}", []),
        ("capabilities: {allow: [web.*]}", ["policy.capability"]),
        ("capabilities: {allow: [git.push], deny: ['*.push']}", ["policy.capability"]),
        ("hosts: {allow: [a.org]}", []),
        ("hosts: {deny: [a.*]}", ["policy.host"]),
        ("hosts: {allow: [b.org]}", ["policy.host"]),
    ],
)
def test_a_policy_refuses_at_check(policy: str, found: list[str]) -> None:
    step = "{uses: http, with: {url: 'https://u@a.org:443/x'}, capabilities: [git.push]}"
    assert codes(f"plan: p\npolicy: {{{policy}}}\nsteps:\n  a: {step}") == found


def test_a_host_that_is_known_later_is_not_judged() -> None:
    step = "{uses: http, with: {url: 'https://${{ inputs.h }}/'}}"
    assert problems(f"plan: p\ninputs: {{h: {{}}}}\npolicy: {{hosts: {{allow: [a.org]}}}}\nsteps: {{a: {step}}}") == []


def test_check_says_that_commands_are_not_confined() -> None:
    text = "plan: p\npolicy: {hosts: {allow: [a.org]}}\nsteps: {a: {uses: python, with: {call: 'm:f'}}}"
    assert codes(text) == ["policy.unconfined"]
    assert codes("plan: p\npolicy: {hosts: {allow: [a.org]}}\nsteps: {a: {uses: noop}}") == []


# --- values that fit each other


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ("{type: int, default: 3, enum: [1, 3]}", []),
        ("{type: int, default: '3'}", []),
        ("{type: int, default: 2, enum: [1, 3]}", ["input.default"]),
        ("{type: duration, default: 10m}", []),
        ("{type: duration, default: soon}", ["input.default"]),
        ("{type: date, default: 2026-02-30}", ["input.default"]),
        ("{type: int, pattern: '[0-9]'}", ["key.unused"]),
        ("{pattern: '[0-9]+', default: '12'}", []),
        ("{pattern: '[0-9]+', default: a12}", ["input.default"]),
        ("{required: true, default: x}", ["key.unused"]),
        ("{default: null}", ["input.default"]),
        ("{enum: []}", ["value.empty"]),
    ],
)
def test_an_inputs_default_is_a_value_it_may_have(declared: str, found: list[str]) -> None:
    assert codes(f"plan: p\ninputs: {{n: {declared}}}\nsteps: {{a: {{run: x}}}}") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("for_each: {fail: all}", ["key.missing"]),
        ("for_each: [1]\nmatrix: {os: [a]}", ["key.conflict"]),
        ("matrix: {os: []}", ["value.empty"]),
        ("matrix: {exclude: []}", ["key.missing"]),
        ("matrix: {os: a}", ["value.type"]),
        ("for_each: 5", ["value.type"]),
        ("formerly: [a]", ["formerly.taken"]),
        ("depends_on: [a, b]", ["plan.cycle", "step.unknown"]),
    ],
)
def test_other_values_that_do_not_fit(text: str, found: list[str]) -> None:
    assert codes(in_step(f"run: x\n{text}")) == found


def test_a_finally_step_runs_whatever_happened() -> None:
    # semantics S2, S15
    text = "plan: p\nsteps: {a: {run: x}}\nfinally: {z: {run: x, depends: ok}}"
    assert [(it.code, it.severity) for it in problems(text)] == [("key.unused", "error")]


def test_a_resource_that_is_there_may_be_asked_for() -> None:
    assert problems("plan: p\nlimits: {resources: {gpu: 2}}\nsteps: {a: {run: x, needs_resources: {gpu: 2}}}") == []


def test_a_synonym_in_a_template_is_found_too() -> None:
    problem = one(
        "plan: p\nsteps:\n  a: {run: x}\n  b: {run: x, env: {A: \"is ${{ steps.a.status == 'completed' }}\"}}"
    )
    assert (problem.code, problem.column) == ("expression.synonym", 50)
