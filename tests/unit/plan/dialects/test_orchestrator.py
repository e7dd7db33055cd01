"""The format `orchestrator`: what its keys mean in the native model (contract, Foreign plan formats)."""

from typing import Any

import pytest

from holdfast.plan.dialects.names import NATIVE, ORCHESTRATOR, recognised
from holdfast.plan.model import Command, OnFailure, Retry, Run, Shell, Uses
from tests.unit.plan.dialects.foreign import plan, plan_of, read, said, step


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"plan_id": "p", "steps": []}, ORCHESTRATOR),
        ({"plan_id": "p"}, ORCHESTRATOR),
        ({"steps": [{"id": "a", "command": "x"}]}, ORCHESTRATOR),
        ({"plan": "p", "steps": [{"id": "a"}]}, NATIVE),
        ({"plan": "p", "plan_id": "p", "steps": {}}, NATIVE),
        ({"plan_id": "p", "steps": {"a": {}}}, NATIVE),
        ({"plan_id": "p", "nodes": []}, NATIVE),
        ({"steps": [1]}, NATIVE),
        ([], NATIVE),
        (None, NATIVE),
    ],
)
def test_the_format_is_told_by_its_shape(data: object, expected: str) -> None:
    assert recognised(data) == expected


# --- globals and what is inherited


def test_globals_have_their_own_defaults() -> None:
    made = plan({})
    assert (made.id, made.limits.concurrency) == ("p", 1)
    assert (made.steps[0].limits.timeout_s, made.steps[0].retry) == (None, Retry())


def test_what_globals_give_is_inherited_and_zero_is_explicit() -> None:
    made = plan(
        {"id": "own", "retries": 1, "timeout_sec": 5},
        {"id": "inherits"},
        {"id": "zero", "retries": 0, "timeout_sec": 0},
        {"id": "null", "retries": None, "timeout_sec": None},
        globals={"max_concurrency": 3, "default_timeout_sec": 60, "default_retries": 2, "max_step_duration_sec": 90},
    )
    assert made.limits.concurrency == 3
    found = {it.id: (it.retry.attempts, it.limits.timeout_s) for it in made.steps}
    assert found == {"own": (2, 5.0), "inherits": (3, 60.0), "zero": (1, 90.0), "null": (3, 60.0)}


def test_no_step_raises_the_ceiling() -> None:
    held = {"max_step_duration_sec": 10}
    assert plan({}, globals=held).steps[0].limits.timeout_s == 10
    assert plan({"timeout_sec": 20}, globals=held).steps[0].limits.timeout_s == 10
    assert step(timeout_sec=7200).limits.timeout_s == 3600
    assert said({"timeout_sec": 20}, globals=held) == [
        '2|20}| timeout.ceiling: step "a": timeout_sec is above max_step_duration_sec; 10 holds'
    ]


def test_environments_are_merged() -> None:
    made = plan({"env": {"B": "2"}}, globals={"env": {"A": "1"}})
    assert (made.env, made.steps[0].process.env) == ({"A": "1"}, {"B": "2"})


def test_the_plan_is_described() -> None:
    made = plan({"name": "A step"}, version=2, name="N", description="D", metadata={"k": [1, None]})
    assert (made.shown.version, made.shown.title, made.shown.description) == ("2", "N", "D")
    assert made.shown.metadata == {"k": [1, None]}
    assert plan({}, version="1.0").shown.version == "1.0"
    assert plan({}, version=1.5).shown.version == "1.5"


# --- work


def test_a_command_has_its_arguments() -> None:
    assert step(command="x", args=["a b", "c"]).work == Command(argv=("x", "a b", "c"))
    assert step(command=["x", "y"], args=["z"]).work == Command(argv=("x", "y", "z"))
    assert step(command="x", shell=False).work == Command(argv=("x",))


def test_what_would_be_a_template_here_stays_a_text() -> None:
    made = step(args=["a $${{ b }}"])
    assert made.work == Command(argv=("x", 'a ${{ "${{" }} b }}'))
    assert made.templated


def test_a_shell_command_is_one_text() -> None:
    assert step(command="a | b > c", shell=True).work == Run(text="a | b > c")
    assert step(command="a", shell=True, args=[]).work == Run(text="a")
    (problem,) = said({"command": "a", "shell": True, "args": ["b"]})
    assert problem == (
        '2|"args": | key.conflict: step "a": args: shell: true needs a single text as command; '
        "write the whole command line as one text, or leave shell out"
    )
    assert [it.code for it in read(plan_of({"command": ["a"], "shell": True})).problems] == ["key.conflict"]


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        (
            "pwsh",
            ["-NoProfile", "-Command", "Get-Date", "-Format", "o"],
            Run(text="Get-Date -Format o", shell=Shell.PWSH),
        ),
        (
            "powershell.exe",
            ["-ExecutionPolicy", "Bypass", "-File", "a.ps1"],
            Run(text="& './a.ps1'", shell=Shell.PWSH),
        ),
        (
            "pwsh",
            ["./a.ps1", "-Name", "it's", "two words"],
            Run(text="& './a.ps1' -Name 'it''s' 'two words'", shell=Shell.PWSH),
        ),
        ("powershell.exe", ["exit 3"], Run(text="exit 3", shell=Shell.PWSH)),
        ("pwsh", ["-Version"], Command(argv=("pwsh", "-Version"))),
        ("pwsh", [], Command(argv=("pwsh",))),
    ],
)
def test_powershell_is_the_powershell_runner(command: str, args: list[str], expected: object) -> None:
    assert step(command=command, args=args).work == expected


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({"type": "shell", "script": "a\nb"}, Run(text="a\nb")),
        ({"type": "shell", "script": "do.sh", "args": ["1"]}, Command(argv=("sh", "do.sh", "1"))),
        ({"type": "shell", "script": 'echo "$1"', "args": ["1"]}, Command(argv=("sh", "-ec", 'echo "$1"', "sh", "1"))),
        ({"type": "python", "script": "print(1)"}, Run(text="print(1)", shell=Shell.PYTHON)),
        ({"type": "python", "script": "a.py", "args": ["1"]}, Command(argv=("python3", "a.py", "1"))),
        (
            {"type": "python", "script": "a.py", "args": {"n": 1}},
            Uses(runner="python", params={"script": "a.py", "args": {"n": 1}}),
        ),
        ({"type": "powershell", "script": "a.ps1", "args": ["1"]}, Run(text="& './a.ps1' 1", shell=Shell.PWSH)),
        ({"type": "powershell", "script": "Get-Date"}, Run(text="Get-Date", shell=Shell.PWSH)),
        ({"type": "powershell", "script": "$args", "args": ["1"]}, Run(text="& {\n$args\n} 1", shell=Shell.PWSH)),
        ({"type": "http", "args": {"url": "https://a.org"}}, Uses(runner="http", params={"url": "https://a.org"})),
        (
            {"type": "file", "args": {"op": "delete", "path": "x"}},
            Uses(runner="file", params={"op": "delete", "path": "x"}),
        ),
    ],
)
def test_a_step_definition_is_typed_work(definition: dict[str, object], expected: object) -> None:
    assert step(step_def=definition).work == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            {"command": "x", "step_def": {"type": "shell", "script": "y"}},
            '2|{"id": "| key.conflict: step "a" has command and',
        ),
        ({"command": None}, '2|{"id": "| key.missing: step "a" needs the key "command", or "step_def"'),
        (
            {"step_def": {"type": "shell"}},
            '2|"step_de| key.missing: step "a": step_def needs the key "script" for type shell',
        ),
        (
            {"step_def": {"type": "http", "script": "x", "args": {"url": "https://a"}}},
            '2|"x", "ar| key.conflict: step "a": step_def.script',
        ),
        (
            {"step_def": {"type": "http"}},
            '2|"step_de| key.missing: step "a": step_def needs the key "args" for type http',
        ),
        (
            {"step_def": {"type": "shell", "script": "x", "args": {"a": 1}}},
            '2|"args": | value.type: step "a": step_def.args must',
        ),
        (
            {"step_def": {"type": "bash", "script": "x"}},
            '2|"bash", | value.choice: step "a": step_def.type must be one of',
        ),
        (
            {"step_def": {"type": "http", "args": {"ulr": "https://a"}}},
            '2|"args": | key.missing: step "a": step_def.args needs the key "url"',
        ),
    ],
)
def test_work_that_cannot_be_read_has_its_place(keys: dict[str, object], expected: str) -> None:
    assert said(keys)[0].startswith(expected), said(keys)


# --- order, failure, retries


@pytest.mark.parametrize(
    ("keys", "action", "codes"),
    [
        ({}, OnFailure.ABORT, []),
        ({"critical": True}, OnFailure.ABORT, []),
        ({"critical": False}, OnFailure.SKIP_DEPENDENTS, ["policy.tolerated"]),
        ({"critical": False, "on_failure": "abort"}, OnFailure.SKIP_DEPENDENTS, ["policy.tolerated"]),
        ({"critical": False, "on_failure": "continue"}, OnFailure.CONTINUE, []),
        ({"critical": True, "on_failure": "skip_dependents"}, OnFailure.SKIP_DEPENDENTS, []),
    ],
)
def test_a_failure_means_what_policy_and_critical_say(
    keys: dict[str, Any], action: OnFailure, codes: list[str]
) -> None:
    made = read(plan_of(keys))
    assert made.plan is not None
    assert made.plan.steps[0].on_failure.action == action
    assert [it.code for it in made.problems] == codes


def test_a_fallback_step_stands_in() -> None:
    made = plan({"id": "a", "on_failure": "fallback_step", "fallback_step": "b"}, {"id": "b"})
    assert (made.steps[0].on_failure.action, made.steps[0].on_failure.fallback) == (OnFailure.FALLBACK, "b")
    assert said({"on_failure": "fallback_step"})[0].startswith('2|"fallbac| key.needed: step "a": on_failure needs')
    assert said({"fallback_step": "b"}, {"id": "b"})[0].startswith('2|"b"},| key.unused: step "a": fallback_step does')
    assert said({"on_failure": "fallback_step", "fallback_step": "c"}, {"id": "cc"})[0] == (
        '2|"c"},| step.unknown: step "a": fallback_step names step "c", which this plan does not define; '
        'did you mean "a"?'
    )


def test_a_given_delay_does_not_grow() -> None:
    assert step(retries=2).retry == Retry(attempts=3)
    fixed = Retry(attempts=3, delay_s=90, factor=1, max_delay_s=90, jitter=0)
    assert step(retries=2, retry_delay_sec=90).retry == fixed
    assert step(retries=0, retry_delay_sec=90).retry == Retry()
    assert plan({"retry_delay_sec": 90}, globals={"default_retries": 2}).steps[0].retry == fixed


def test_what_is_shown_is_kept() -> None:
    made = step(name="N", description="D", tags=["t", "u"], ui_hints={"group": "g", "weight": 3}).shown
    assert (made.title, made.description, made.labels, made.group) == ("N", "D", ("t", "u"), "g")


def test_the_checks_of_the_native_format_hold_here_too() -> None:
    (cycle,) = said({"id": "a", "depends_on": ["b"]}, {"id": "b", "depends_on": ["a"]})
    assert cycle.startswith('2|"depends| plan.cycle: these steps wait for each other: a → b → a; take one of these')
    assert said({"id": "bild"}, {"id": "b", "depends_on": ["build"]}) == [
        '3|"build"]| step.unknown: step "b" needs "build", which this plan does not define; did you mean "bild"?'
    ]


# --- mistakes


def test_every_mistake_is_found_at_once_and_has_its_place() -> None:
    found = said(
        {"id": "a", "retry": 1},
        {"id": "a"},
        {"id": "b", "depends_on": ["zz"], "timeout_sec": -1},
        {"id": "c", "shell": "yes", "condition": "prev.b.status =="},
        globals={"max_concurency": 2},
        extra=1,
    )
    assert [it.split(": ")[0] for it in found] == [
        '1|"max_con| key.unknown',
        '1|"extra":| key.ignored',
        '2|"retry":| key.unknown',
        '3|"a", "co| id.duplicate',
        '4|"zz"], "| step.unknown',
        "4|-1},| value.range",
        '5|"yes", "| value.type',
        '5|"}| expression.invalid',
    ]
    assert found[0].endswith('did you mean "max_concurrency"?')


def test_keys_of_ones_own_are_free_everywhere() -> None:
    made = read(
        {
            "plan_id": "p",
            "x-1": 1,
            "globals": {"x-2": 2},
            "steps": [{"id": "a", "command": "x", "x-3": "${A}", "ui_hints": {"x-4": 4}}],
        }
    )
    assert made.problems == ()


def test_unknown_keys_at_the_top_only_warn() -> None:
    made = read(plan_of({}, author="me"))
    assert made.plan is not None
    assert [(it.code, it.severity) for it in made.problems] == [("key.ignored", "warning")]


def test_a_key_that_is_null_is_not_there() -> None:
    nulls = dict.fromkeys(("args", "cwd", "shell", "env", "condition", "skip_if", "fallback_step", "consumes", "tags"))
    assert plan(nulls) == plan({})


@pytest.mark.parametrize("data", [{"plan_id": "p"}, {"plan_id": "p", "steps": []}, {"plan_id": "p", "steps": [1]}])
def test_a_plan_without_steps_is_none(data: object) -> None:
    made = read(data)
    assert made.plan is None
    assert [it.severity for it in made.problems] == ["error"]


def test_a_plan_without_an_id_is_none() -> None:
    made = read({"steps": [{"id": "a", "command": "x"}]})
    assert [(it.code, it.message) for it in made.problems] == [("key.missing", 'the plan needs the key "plan_id"')]
