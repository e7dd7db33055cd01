"""Every code of a problem has a plan that has just this problem, and its place."""

import re
from pathlib import Path

import pytest

import holdfast.plan
from holdfast.plan.checks.codes import ERRORS, MORE, WARNINGS
from tests.unit.plan.checks.loop_plans import LOOP_PLANS
from tests.unit.plan.plans import in_step, problems

BINARY = {"file.binary", "file.encoding", "file.too-large"}
"""Codes of files that are not text; test_source has them."""
NESTED = {"file.unreadable", "input.missing", "plan.nested", "plan.recursion"}
"""Codes that need other files; tests/e2e/cli/test_nested has them."""


def fan(text: str) -> str:
    return f"plan: p\nhypotheses: {{h: {{statement: s}}}}\nsteps:\n{text}"


def foreign(*steps: str, top: str = "") -> str:
    return '{"plan_id": "p",\n' + top + '"steps": [\n' + ",\n".join(steps) + "\n]}"


CASES: dict[str, tuple[str, str]] = {
    "command.spaces": (
        foreign('{"id": "a", "command": "echo hi"}'),
        '3:24 step "a": command is the name of one program, "echo hi", with spaces in it; give its arguments',
    ),
    "key.ignored": (
        foreign('{"id": "a", "command": "x"}', top='"globls": {},\n'),
        '2:1 the plan does not use the key "globls"; did you mean "globals"?',
    ),
    "policy.tolerated": (
        foreign('{"id": "a", "command": "x", "critical": false}'),
        '3:41 step "a": critical is false, so a failure skips what depends on the step',
    ),
    "token.ambiguous": (
        foreign(
            '{"id": "a", "command": "x", "provides": ["t"]}',
            '{"id": "b", "command": "x", "provides": ["t"]}',
            '{"id": "c", "command": "x", "depends_on": ["a", "b"], "consumes": ["t"]}',
        ),
        '5:68 step "c": consumes[0]: "t" is provided by "a" and "b", which both come before this step',
    ),
    "token.unknown": (
        foreign(
            '{"id": "a", "command": "x", "provides": ["made"]}', '{"id": "c", "command": "x", "consumes": ["mad"]}'
        ),
        '4:42 step "c": consumes[0]: no step provides "mad"; did you mean "made"?',
    ),
    "token.unordered": (
        foreign('{"id": "a", "command": "x", "provides": ["t"]}', '{"id": "c", "command": "x", "consumes": ["t"]}'),
        '4:42 step "c": consumes[0]: "t" is provided by "a", which this step does not wait for; add it',
    ),
    "variable.format": (
        foreign('{"id": "a", "command": "x", "args": ["a ${b-c}"]}'),
        '3:41 step "a": args[0]: this ${ is not a variable such as ${NAME}; write $${',
    ),
    "variable.unresolved": (
        foreign('{"id": "a", "command": "x", "args": ["a ${b}"]}'),
        '3:41 step "a": args[0]: ${b} has no value; give it one: --var b=VALUE',
    ),
    "artifact.ambiguous": (
        "plan: p\nsteps:\n  a: {run: x, produces: {f: a}}\n  b: {run: x, produces: {f: b}}\nexports: {o: f}",
        '5:14 export "o": "f" may mean artifact:a.f, artifact:b.f',
    ),
    "artifact.unknown": (
        "plan: p\nsteps:\n  a: {run: x, produces: {raw: r}}\nexports: {out: a.rwa}",
        '4:16 export "out" names "a.rwa", but step "a" does not produce "rwa"; did you mean "raw"?',
    ),
    "breaker.unused": ("plan: p\nbreakers: {git: {}}\nsteps: {a: {run: x}}", '2:12 breaker "git" is for "git", which'),
    "command.secret": (
        'plan: p\nsecrets: [KEY]\nsteps:\n  a: {command: [curl, "${{ env.KEY }}"]}',
        '4:28 step "a": command[1] holds the secret "KEY", and other users can see arguments',
    ),
    "depends.instances": (
        'plan: p\nsteps:\n  a: {run: x}\n  b: {run: x, depends_on: ["a[*]"]}',
        '4:28 step "b": depends_on[0] waits for all instances of "a", which has no for_each',
    ),
    "effect.inline": (
        in_step(
            "uses: python\nwith: {call: 'm:f', inline: true}\neffect: once\ndefinite_failures: [1]\nrollback: {run: y}"
        ),
        '6:13 step "a" has effect once and is inline, where it cannot be stopped, nor fenced off',
    ),
    "effect.no-rollback": (in_step("run: x\nkind: deploy"), '3:3 step "a" is of kind deploy and no rollback'),
    "effect.unreconciled": (
        in_step("run: x\neffect: once\nrollback: {run: y}"),
        '5:13 step "a" has effect once, but nothing finds out whether it happened',
    ),
    "env.unknown": (
        in_step('command: ["${{ env.DYA }}"]\nenv: {DAY: x}'),
        '4:20 step "a": command[0] refers to the variable "DYA", which this plan does not declare; did you mean "DAY"?',
    ),
    "expression.invalid": (in_step("run: x\nwhen: 1 +"), '5:14 step "a": when: this is not an expression'),
    "expression.synonym": (
        "plan: p\nsteps:\n  a: {run: x}\n  b:\n    run: x\n    when: steps.a.status == 'success'",
        '6:29 step "b": when: no step has the status "success"; write "succeeded"',
    ),
    "expression.template": (
        in_step('run: x\nwhen: "${{ inputs.day }} == 1"'),
        '5:11 step "a": when is an expression, of which a part is a template; write the whole of it without ${{ }}',
    ),
    "fallback.chain": (
        "plan: p\nsteps:\n"
        + "".join(f"  s{n}: {{run: x, on_failure: {{fallback: s{n + 1}}}}}\n" for n in range(4))
        + "  s4: {run: x}\n",
        '3:39 step "s0": on_failure.fallback begins a chain of 4 fallbacks; at most 3 may follow each other',
    ),
    "fallback.cycle": (
        in_step("run: x\non_failure: {fallback: a}"),
        '5:28 step "a": on_failure.fallback leads back to "a"',
    ),
    "fallback.depended": (
        "plan: p\nsteps:\n  a: {run: x, on_failure: {fallback: b}}\n  b: {run: x}\n  c: {run: x, depends_on: [b]}",
        (
            '3:38 step "a": on_failure.fallback names "b", which "c" depends on;'
            ' let "c" depend on "a", which has the results of its fallback'
        ),
    ),
    "fallback.lacks": (
        "plan: p\nsteps:\n  a: {run: x, produces: {f: a}, on_failure: {fallback: b}}\n  b: {run: x}",
        '3:56 step "a": on_failure.fallback names "b", which lacks the artifact "f" that "a" has',
    ),
    "fallback.needed": (
        "plan: p\nsteps:\n  a: {run: x, depends_on: [b], on_failure: {fallback: b}}\n  b: {run: x}",
        (
            '3:55 step "a": on_failure.fallback names "b", for which "a" itself waits;'
            ' a fallback runs only when "a" fails, never before it; take the dependency out'
        ),
    ),
    "fallback.waits": (
        "plan: p\nsteps:\n  a: {run: x, on_failure: {fallback: b}}\n  b: {run: x, when: steps.a.ok}",
        '3:38 step "a": on_failure.fallback names "b", which itself waits for "a"',
    ),
    "file.depth": ("[" * 65, "1:65 the data is nested deeper than 64"),
    "file.empty": ("", "1:1 the file is empty"),
    "formerly.taken": (
        "plan: p\nsteps:\n  a: {run: x, formerly: [z]}\n  b: {run: x, formerly: [z]}",
        '4:26 step "b": formerly[0] names "z", as step "a" does',
    ),
    "gate.unused": (in_step("uses: gate\nwith: {question: ok?}"), '3:3 step "a" is a gate that guards nothing'),
    "hypothesis.unknown": (
        fan("  a: {run: x, evidence: [{for: hh, supports: weak}]}"),
        '4:32 step "a": evidence[0].for names hypothesis "hh", which this plan does not define; did you mean "h"?',
    ),
    "id.duplicate": (
        "plan: p\nsteps: {a: {run: x}}\nfinally: {a: {run: y}}",
        '3:11 "a" is also the id of a step under `steps`',
    ),
    "input.default": (
        "plan: p\ninputs: {n: {type: int, default: x}}\nsteps: {a: {run: x}}",
        '2:34 input "n": default must be a whole number, not "x"',
    ),
    "input.secret": (
        "plan: p\ninputs: {n: {secret: true, default: x}}\nsteps: {a: {run: x}}",
        '2:37 input "n": default stands in the file, where everybody who reads it sees the secret',
    ),
    "input.type": (
        "plan: p\ninputs: {n: {type: int, enum: [1, b]}}\nsteps: {a: {run: x}}",
        '2:35 input "n": enum[1] must be a whole number, not "b"',
    ),
    "input.unknown": (
        "plan: p\ninputs: {day: {}}\nsteps: {a: {run: x, when: inputs.dya == 1}}",
        '3:27 step "a": when refers to input "dya", which this plan does not define; did you mean "day"?',
    ),
    "key.conflict": (
        in_step("run: x\ncommand: [y]"),
        '3:3 step "a" has run and command; it must have exactly one of run, command or uses; keep one of them',
    ),
    "key.duplicate": (
        "plan: p\nsteps:\n  a: {run: x}\n  a: {run: y}",
        '4:3 "a" stands here and in line 3; a key stands once',
    ),
    "items.invalid": (
        in_step("run: x\nfor_each: [a, {id: 1}]"),
        '5:5 step "a": for_each: item 1 is a map, and a key is text or a number; name it by item_key',
    ),
    "key.format": ("plan: p\nsteps:\n  my step: {run: x}", '3:3 "my step" is not a step id'),
    "key.missing": ("steps: {a: {run: x}}", '1:1 the plan needs the key "plan"'),
    "key.needed": (
        "plan: p\nsteps:\n  a: {uses: gate, with: {kind: choose}}\n  b: {run: x, depends_on: [a]}",
        '3:19 step "a": with needs "options" for kind choose',
    ),
    "key.unknown": (
        in_step("run: x\ndepend_on: [b]"),
        '5:5 step "a" has no key "depend_on"; did you mean "depends_on"?',
    ),
    "key.unused": (in_step("command: [x]\nshell: bash"), '5:12 step "a": shell is for `run`'),
    "lock.held": (
        "plan: p\nlocks: [db]\nsteps: {a: {run: x, locks: [db]}}",
        '3:29 step "a": locks[0] names "db", which the run holds already',
    ),
    **LOOP_PLANS,
    "matrix.axis": (
        in_step("run: x\nmatrix: {os: [a], exclude: [{so: a}]}"),
        '5:38 step "a": matrix.exclude[0].so names "so", which is no axis of the matrix; did you mean "os"?',
    ),
    "memory.unknown": (
        in_step('run: x\nwhen: memory["k"] == 1\nmemory: {keys: [key]}'),
        '5:11 step "a": when refers to memory key "k", which this plan does not define',
    ),
    "option.unknown": (
        "plan: p\nsteps: {a: {run: x, gate: {kind: choose, options: [{id: red}], recommended: rde}}}",
        '2:77 step "a": gate.recommended is "rde", which is no option of the gate; did you mean "red"?',
    ),
    "output.unknown": (
        "plan: p\nsteps:\n  a: {run: x, outputs: {total: {}}}\n  b: {run: x, when: steps.a.outputs.totl == 1}",
        '4:21 step "b": when refers to output "totl" of step "a", which declares total; did you mean "total"?',
    ),
    "path.outside": (
        in_step("run: x\ncwd: ../b"),
        '5:10 step "a": cwd is "../b", which leaves the project; name its folder in policy.write_roots',
    ),
    "path.reserved": (in_step("run: x\nproduces: {p: .holdfast/x}"), '5:19 step "a": produces.p.path is ".holdfast/x"'),
    "pattern.invalid": (
        "plan: p\ninputs: {n: {pattern: (a+)+}}\nsteps: {a: {run: x}}",
        '2:23 input "n": pattern: ',
    ),
    "plan.depth": (
        "plan: p\nsteps: " + "".join("{a: {uses: plan, with: {steps: " for _ in range(8)) + "{z: {run: x}}" + "}}}" * 8,
        "2:249 plans may be nested at most 8 deep",
    ),
    "plan.cycle": (
        "plan: p\nsteps:\n  a: {run: x, depends_on: [b]}\n  b: {run: x, depends_on: [a]}",
        "3:15 these steps wait for each other: a → b → a",
    ),
    "plan.loop": (
        "plan: p\nsteps:\n  a: {run: x}\n  b: {run: x, depends_on: [a], next: [{on: failure, to: a}]}",
        '4:57 step "b": next[0].to makes a loop: a → b → a; a loop needs max_visits of 2 or more',
    ),
    "policy.capability": (
        "plan: p\npolicy: {capabilities: {deny: [git.*]}}\nsteps: {a: {run: x, capabilities: [git.push]}}",
        '3:36 step "a": capabilities[0] uses "git.push", which policy.capabilities denies',
    ),
    "policy.gate": (
        "plan: p\npolicy: {require_gate: [label:prod]}\nsteps: {a: {run: x, labels: [prod]}}",
        '3:9 step "a" must have a gate before it (policy.require_gate: label:prod)',
    ),
    "policy.host": (
        "plan: p\npolicy: {hosts: {allow: [a.org]}}\nsteps: {a: {uses: http, with: {url: 'https://b.org/x'}}}",
        '3:37 step "a": with.url is on "b.org", which policy.hosts does not allow',
    ),
    "policy.unconfined": (
        "plan: p\npolicy: {write_roots: [., /data]}\nsteps: {a: {run: x}}",
        '2:1 the commands of step "a" and others are not confined by write_roots and hosts',
    ),
    "product.duplicate": (
        "plan: p\nsteps:\n  a: {run: x, produces: {p: out/f}}\n  b: {run: x, produces: {q: ./out//f}}",
        '4:29 step "b": produces.q is "out/f", which step "a" produces as "p"',
    ),
    "product.shared": (
        in_step("run: x\nfor_each: [a, b]\nproduces: {f: out}"),
        '6:19 step "a": produces.f is the same for every instance of the step, so each writes over the others',
    ),
    "product.nested": (
        "plan: p\nsteps:\n  a: {run: x, produces: {p: out}}\n  b: {run: x, produces: {q: out/f}}",
        '4:29 step "b": produces.q lies in "out", which step "a" produces as a whole',
    ),
    "reads.undeclared": (
        'plan: p\nsteps:\n  a: {run: x, produces: {p: out/f.csv}}\n  b: {run: x, reads: ["out/*.csv"]}',
        '4:23 step "b": reads[0] "out/*.csv" matches "out/f.csv", which step "a" produces; add "a" to depends_on',
    ),
    "reference.computed": (in_step("run: x\nwhen: steps[0].ok"), '5:11 step "a": when: "steps" must be followed by'),
    "reference.item": (in_step("run: x\nwhen: item == 1"), '5:11 step "a": when: "item" is only there in a step with'),
    "reference.misplaced": (
        in_step("run: x\nwhen: stdout == 'a'"),
        '5:11 step "a": when: "stdout" is the step\'s own and only there in `expect`',
    ),
    "reference.self": (in_step("run: x\nexpect: [steps.a.ok]"), '5:14 step "a": expect[0] refers to the step itself'),
    "reference.unknown": (
        in_step("run: x\nwhen: input.day == 1"),
        '5:11 step "a": when: "input" is not a name that expressions know here; did you mean "inputs"?',
    ),
    "resource.exceeded": (
        "plan: p\nlimits: {resources: {gpu: 1}}\nsteps: {a: {run: x, needs_resources: {gpu: 2}}}",
        '3:44 step "a": needs_resources.gpu needs 2 of "gpu"; limits.resources has 1, so it would wait for ever',
    ),
    "resource.unknown": (
        in_step("run: x\nneeds_resources: {gpu: 2}"),
        '5:28 step "a": needs_resources.gpu needs "gpu", of which limits.resources has nothing',
    ),
    "retry.fatal": (
        in_step("run: x\nretry: {on: [canceled]}"),
        '5:18 step "a": retry.on[0] names "canceled", which is fatal and never retried',
    ),
    "retry.unknown": (
        in_step("run: x\nretry: {on: [exit.nozero]}"),
        '5:18 step "a": retry.on[0] names "exit.nozero", with which no attempt ends; did',
    ),
    "run.template": (
        in_step("run: make ${{ inputs.day }}"),
        '4:15 step "a": run holds ${{, but expressions never reach a shell; pass the value through env',
    ),
    "runner.unknown": (
        in_step("uses: htpp"),
        '4:11 step "a": uses names the runner "htpp", which is not installed; did you mean "http"?',
    ),
    "step.finally": (
        "plan: p\nsteps: {a: {run: x, depends_on: [z]}}\nfinally: {z: {run: x}}",
        '2:34 step "a" needs "z", a `finally` step, which runs after all others',
    ),
    "step.unknown": (
        "plan: p\nsteps:\n  build: {run: x, depends_on: [fetch]}\n  fetch-src: {run: x}",
        '3:32 step "build" needs "fetch", which this plan does not define; did you mean "fetch-src"?',
    ),
    "timeout.ceiling": (
        "plan: p\nlimits: {step_time: 5m}\nsteps: {a: {run: x, timeout: 1h}}",
        '3:30 step "a": timeout is longer than limits.step_time, which no step may raise',
    ),
    "value.character": ('plan: "p\\0"\nsteps: {a: {run: x}}', "1:7 a text cannot hold the character 0"),
    "value.choice": (
        in_step("run: x\nshell: bsh"),
        '5:12 step "a": shell must be one of sh, bash, zsh, pwsh, powershell, cmd, python, not "bsh"; did you mean',
    ),
    "value.duration": (in_step("run: x\ntimeout: 5 minutes"), '5:14 step "a": timeout: "5 minutes" is not a duration'),
    "value.empty": ("plan: p\nsteps: {}", "2:1 steps must be a map of steps, not an empty map"),
    "value.format": ("plan: -p\nsteps: {a: {run: x}}", '1:7 plan must be a plan id, not "-p"'),
    "value.number": ("plan: p\nmetadata: {x: .inf}\nsteps: {a: {run: x}}", "2:15 .inf is not a number a plan can hold"),
    "value.range": (in_step("run: x\nretry: 0"), '5:12 step "a": retry must be a whole number, 1 or more, not 0'),
    "value.repeated": (
        "plan: p\nsteps: {a: {run: x}, b: {run: y, depends_on: [a, a]}}",
        '2:50 step "b": depends_on[1]: "a" stands there twice',
    ),
    "value.type": (
        in_step("run: x\ndepends_on: b"),
        '5:17 step "a": depends_on must be a list of step ids, not "b"; write a list: [b]',
    ),
    "yaml.alias": ("a: *x", "1:4 *x repeats an anchor that does not stand before it"),
    "yaml.documents": ("a: 1\n--- \nb: 2", "2:1 a second document begins here"),
    "yaml.expansion": (
        "a: &a " + "x" * 1_000_000 + "\nb: [" + ", ".join(["*a"] * 11) + "]",
        "2:41 the aliases expand to more than 10 MiB",
    ),
    "yaml.key": ("? [a]\n: 1", "1:3 a list or map cannot be a key"),
    "yaml.merge": ("<<: {}", "1:1 merge keys (<<) are not supported; YAML 1.2 has none"),
    "yaml.syntax": ("a: b: c", "1:5 this is not YAML: mapping values are not allowed"),
    "yaml.tab": ("a:\n\tb: 1", "2:1 a tab cannot indent; indent with spaces"),
    "yaml.tag": ("a: !x 1", "1:4 the tag !x is not supported"),
}


@pytest.mark.parametrize("code", [*CASES])
def test_a_code_has_a_plan_with_this_problem_only(code: str) -> None:
    text, expected = CASES[code]
    found = problems(text)
    assert [(it.code, it.severity) for it in found] == [
        (code, "warning" if code in WARNINGS or code == "key.unused" else "error")
    ]
    said = f"{found[0].line}:{found[0].column} {found[0].message}; {found[0].hint}"
    assert said.startswith(expected), said


def test_json_syntax_has_its_place() -> None:
    (found,) = problems('{"plan": "p",\n}', "p.json")
    assert (found.code, found.file, found.line, found.column) == ("json.syntax", "p.json", 2, 1)


def test_too_many_steps_are_one_problem() -> None:
    steps = ", ".join(f'"s{n}": 1' for n in range(100_001))
    (found,) = problems(f'{{"plan": "p", "steps": {{{steps}}}}}')
    assert (found.code, found.message) == ("value.count", "steps has 100,001 entries; it may have 100,000")


def test_problems_beyond_a_thousand_are_counted() -> None:
    found = problems("plan: p\nsteps: {a: {run: x}}\n" + "".join(f"k{n}: 1\n" for n in range(1_500)))
    assert len(found) == 1_001
    assert (found[-1].code, found[-1].severity) == (MORE, "error")
    assert "1,500" in found[-1].message


def test_every_code_that_is_said_has_a_meaning_and_a_plan() -> None:
    said: set[str] = set()
    for file in Path(holdfast.plan.__path__[0]).glob("*.py"):
        if file.name != "codes.py":
            text = file.read_text(encoding="utf-8")
            said.update(
                re.findall(r'(?:Fault|fault_at|warning_at|_fail|_missing)\(\s*(?:[^"()]*, )?"([a-z]+\.[a-z-]+)"', text)
            )
    known = {*ERRORS, *WARNINGS}
    assert said - known == {MORE}
    assert known - {*CASES} == {*BINARY, *NESTED, "json.syntax", "value.count"} & known
