"""What is said of values of another kind."""

import pytest

from tests.unit.plan.plans import codes, in_step, one, plan


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("fresh: yes", 'fresh must be true or false, not "yes"', "write true"),
        ("fresh: off", 'fresh must be true or false, not "off"', "write false"),
        ("fresh: 1", "fresh must be true or false, not 1", None),
        ("fresh:", "fresh must be true or false, not nothing", "give it a value, or leave the key out"),
        ("reads: f", 'reads must be a list of paths or globs, not "f"', "write a list: [f]"),
        ("reads: a, b", 'reads must be a list of paths or globs, not "a, b"', None),
        ("reads: {f: g}", "reads must be a list of paths or globs, not a map", None),
        ("title: 5", "title must be text, not 5", 'put it in quotes: "5"'),
        ("title: [a]", "title must be text, not a list", None),
        ("timeout: true", "timeout must be a duration such as 90s, 10m or 1d12h, not true", None),
        ("priority: 1.5", "priority must be a whole number, not 1.5", None),
        ("priority: high", 'priority must be a whole number, not "high"', None),
        ("when: 5", "when must be an expression, not 5", None),
        ("when: [a]", "when must be an expression, not a list", None),
        (
            "expect: [5]",
            "expect[0] must be an expression, {prose: text} or {valid: artifact, schema: path}, not 5",
            None,
        ),
        ("expect: [{}]", 'expect[0] needs the key "prose"', "prose: a criterion in words, shown to a person"),
        ("stdin: [a]", "stdin must be text or {artifact: step.artifact}, not a list", None),
        ("failure_modes: 5", "failure_modes must be a list of failure modes, not 5", "write a list: [5]"),
        ("produces: [f]", "produces must be a map of paths, not a list", "write a map, each under its name: {name: …}"),
        ("rollback: 5", "rollback must be a step id or {run, command or uses}, not 5", None),
        ("retry: many", 'retry must be a number of attempts or a map, not "many"', None),
        ("matrix: [a]", "matrix must be a map, not a list", None),
        (
            "matrix: {os: [a], max_parallel: 2}",
            "matrix.max_parallel must be a list of values, not 2",
            "it stands beside the matrix, under for_each: for_each: {max_parallel: 2}",
        ),
        ("env: [a]", "env must be a map of texts, not a list", "write a map, each under its name: {name: …}"),
        ("needs_resources: {gpu: 0}", "needs_resources.gpu must be a number above 0, not 0", None),
        ("reuse: " + "x" * 80, f'reuse must be one of auto, always, never, not "{"x" * 57}..."', None),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_told_what_it_must_be(text: str, said: str, hint: str | None) -> None:
    problem = one(in_step(f"run: x\n{text}"))
    assert (problem.message, problem.hint) == (f'step "a": {said}', hint)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("run: ''", ["value.empty"]),
        ("run: 5", ["value.type"]),
        ("command: []", ["value.empty"]),
        ("command: ['${{ 1 +']", ["expression.invalid"]),
        ("command: ['${{ 1 + }}']", ["expression.invalid"]),
        ("run: x\nwith: {a: 1}", ["key.unused"]),
        ("uses: noop\nwith: [1]", ["value.type"]),
        ("uses: noop\nwith: {a: 1}", ["key.unknown"]),
        ("uses: 5\nwith: {a: 1}", ["value.type"]),
        ("uses: gate\nwith: {kind: check, question: q}\nnext: [{on: success, to: a, max_visits: 2}]", ["key.needed"]),
        ("run: x\ngate: {kind: choose, options: [{id: a}, {id: a}]}", ["value.repeated"]),
        ("run: x\ngate: {kind: choose, options: a}", ["value.type"]),
        ("run: x\ngate: {kind: ask, type: int, default: 3, on_expiry: default}", []),
        ("run: x\ngate: {kind: ask, on_expiry: default}", ["key.needed"]),
        ("run: x\ngate: {default: 3}", ["key.unused"]),
        ("run: x\ngate: {kind: '${{ inputs }}', default: 3}", []),
        ("run: x\ngate: {checks: ['1 == 1', {prose: nice}], shows: []}", []),
        ("run: x\ngate: {shows: [5]}", ["value.type"]),
        ("uses: file\nwith: {op: write, path: f, content: c, mode: '0644'}", []),
        ("uses: file\nwith: {op: write, path: f, from: g}", ["key.needed", "key.unused"]),
        ("uses: file\nwith: {op: delete, path: f, diff: d}", ["key.unused"]),
        ("uses: file\nwith: {op: erase, path: f}", ["value.choice"]),
        ("uses: http\nwith: {url: 'ftp://a'}", ["value.format"]),
        ("uses: http\nwith: {url: '${{ 1 +'}", ["expression.invalid"]),
        ("uses: http\nwith: {url: 'https://a.org', json: 1, form: {}}", ["key.conflict"]),
        ("uses: http\nwith: {url: 'https://a.org', expect_status: [200, 99]}", ["value.range"]),
        ("uses: wait\nwith: {for: 5m, until: 2026-12-24}", ["key.conflict"]),
            ("uses: wait\nwith: {until: tomorrow}", ["value.format"]),
            ("uses: wait\nwith: {until: '${{ inputs }}'}", []),
        ("uses: git\nwith: {op: commit, message: 'feat: ${{ run.id }}'}", []),
        ("uses: plan\nwith: {file: p.yaml, inputs: {a: '${{ run.id }}'}}", []),
        ("run: x\nreconcile: {uses: http}", ["key.missing", "key.unused"]),
    ],
)  # fmt: skip
def test_what_a_step_does_is_checked(text: str, found: list[str]) -> None:
    assert sorted(codes(in_step(text))) == found


def test_a_command_in_one_text_is_told_how_to_write_it() -> None:
    problem = one(in_step("command: make all"))
    assert problem.message == 'step "a": command must be a list of texts, not "make all"'
    assert problem.hint == "write a list such as [python, build.py]; shell text is `run`"


def test_steps_in_a_list_are_told_to_stand_under_their_ids() -> None:
    problem = one("plan: p\nsteps: [{run: x}]")
    assert (problem.message, problem.hint) == (
        "steps must be a map of steps, not a list",
        "write a map, each under its id: {id: …}",
    )


def test_an_expression_may_be_written_as_a_template_that_is_nothing_else() -> None:
    plain = plan("plan: p\nsteps:\n  a: {run: x}\n  b: {run: x, when: steps.a.ok, for_each: {items: '[1]'}}")
    wrapped = plan(
        "plan: p\nsteps:\n  a: {run: x}\n  b: {run: x, when: ' ${{ steps.a.ok }} ', for_each: {items: '${{[1]}}'}}"
    )
    assert wrapped.steps == plain.steps
    wrong = one("plan: p\nsteps:\n  a: {run: x, when: '${{ 1 + }}'}")
    assert (wrong.code, wrong.line, wrong.column) == ("expression.invalid", 3, 29)


def test_a_pattern_is_text() -> None:
    assert codes("plan: p\ninputs: {n: {pattern: 5}}\nsteps: {a: {run: x}}") == ["value.type"]


def test_a_duplicate_id_hides_no_other_problem() -> None:
    text = "plan: p\nsteps: {a: {run: x}}\nfinally: {a: {run: y, when: steps.a.ok}, b: {run: z, when: steps.c.ok}}"
    assert codes(text) == ["id.duplicate", "step.unknown"]


def test_a_broken_secret_template_is_said_once() -> None:
    text = "plan: p\nsecrets: [KEY]\nsteps: {a: {command: ['${{ env.A }}'], env: {A: '${{ env.KEY'}}}"
    assert codes(text) == ["expression.invalid"]
