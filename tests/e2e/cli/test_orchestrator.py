"""Plans of the format `orchestrator` from the command line (contract, Foreign plan formats; cli page, `convert`)."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from holdfast.plan.dialects.orchestrator_table import GLOBALS, ORCHESTRATOR, STEP
from tests.e2e.cli.program import Program, as_process

PAGE = Path(__file__).parents[3] / "docs/reference/orchestrator-format.md"


def write(**data: Any) -> Path:  # noqa: ANN401 - plain data
    file = Path("plan.json")
    file.write_text(json.dumps({"plan_id": "p", **data}), encoding="utf-8")
    return file


def statuses(done: Any) -> dict[str, str]:  # noqa: ANN401 - a document
    return {step["step"]: step["status"] for step in done.document["steps"]}


def test_a_json_plan_runs_unchanged(program: Program) -> None:
    file = write(
        globals={"max_concurrency": 2, "env": {"SHARED": "s"}},
        steps=[
            {"id": "make-it", "command": "sh", "args": ["-c", "echo $SHARED$OWN > out.txt"], "env": {"OWN": "o"}},
            {"id": "flaky", "command": "test -f again || { touch again; exit 1; }", "shell": True, "retries": 1},
            {"id": "no", "command": "false", "condition": "prev.make-it.status == 'failed'", "depends_on": ["make-it"]},
            {"id": "yes", "command": "cat", "args": ["out.txt"], "depends_on": ["no", "make-it"]},
        ],
    )
    done = program("run", file, "--json")
    assert done.code == 0, done.err
    assert statuses(done) == {"make-it": "succeeded", "flaky": "succeeded", "no": "skipped", "yes": "succeeded"}
    assert Path("out.txt").read_text(encoding="utf-8") == "so\n"
    attempts = {step["step"]: len(step["attempts"]) for step in done.document["steps"]}
    assert attempts["flaky"] == 2


def test_variables_are_given_and_the_plan_is_read_anew_for_each_value(program: Program) -> None:
    file = write(steps=[{"id": "a", "command": "echo ${WORD} > ${WORD}.txt", "shell": True}])
    assert program("run", file).code == 3
    assert program("check", file, "--var", "WORD=x").code == 0
    assert program("plan", file, "--var", "WORD=x").code == 0
    for word in ("one", "two"):
        assert program("run", file, "--var", f"WORD={word}").code == 0
    assert sorted(path.name for path in Path().glob("*.txt")) == ["one.txt", "two.txt"]
    assert program("check", file, "--var", "WORD").code == 2


def test_the_hint_after_a_failure_gives_the_same_variables_and_inputs_again(program: Program) -> None:
    file = write(steps=[{"id": "a", "command": "test ${WORD} = good", "shell": True}])
    done = program("run", file, "--var", "WORD=not so")
    assert (done.code, "holdfast run plan.json --var 'WORD=not so'\n" in done.err) == (1, True)
    plan = "plan: q\ninputs: {n: {type: int, required: true}, m: {default: x}}\nsteps: {a: {run: exit 1}}"
    Path("plan.yaml").write_text(plan, encoding="utf-8")
    done = program("run", "plan.yaml", "-i", "n=7")
    assert (done.code, "holdfast run plan.yaml -i n=7\n" in done.err) == (1, True)


def test_a_variable_of_the_environment_is_seen_and_passed(tmp_path: Path) -> None:
    plan = {
        "plan_id": "p",
        "steps": [
            {"id": "set", "command": 'test "$MARK" = on', "shell": True, "condition": "env.MARK == 'on'"},
            {"id": "unset", "command": "true", "skip_if": ["env.NOT_THERE == null"]},
            {"id": "hidden", "command": "true", "condition": "env.MY_TOKEN != null and env.MY_TOKEN != 'x'"},
        ],
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    done = as_process("run", "plan.json", "--json", cwd=tmp_path, MARK="on", MY_TOKEN="x")
    assert done.code == 0, done.err
    assert statuses(done) == {"set": "succeeded", "unset": "skipped", "hidden": "succeeded"}


def test_what_the_record_hides_fills_no_template(tmp_path: Path) -> None:
    text = 'plan: p\nenv_pass: [MY_TOKEN, MARK]\nsteps:\n  a: {command: [echo, "${{ env.%s }}"]}\n'
    for name, code in (("MARK", 0), ("MY_TOKEN", 1)):
        (tmp_path / "plan.yaml").write_text(text % name, encoding="utf-8")
        done = as_process("run", "plan.yaml", cwd=tmp_path, MARK="on", MY_TOKEN="x")
        assert done.code == code, done.err
    assert (
        "on\n"
        in as_process("logs", as_process("runs", "--json", cwd=tmp_path).document["runs"][1]["run"], cwd=tmp_path).out
    )


def test_a_converted_plan_runs_as_the_foreign_one_does(program: Program) -> None:
    file = write(
        steps=[
            {"id": "a-1", "command": "echo", "args": ["a: b", "${X}", "$${X} #"], "provides": ["t"]},
            {"id": "b", "command": "echo 'one'\necho two", "shell": True, "depends_on": ["a-1"], "consumes": ["t"]},
        ]
    )
    converted = program("convert", file, "--var", "X=- y")
    assert (converted.code, converted.err) == (0, "")
    Path("native.yaml").write_text(converted.out, encoding="utf-8")
    assert program("check", "native.yaml").out == "native.yaml: ok\n"
    printed = []
    for arguments in ((file, "--var", "X=- y"), ("native.yaml",)):
        assert program("run", *arguments).code == 0
        printed.append(program("logs", "last").out)
    assert printed[0] == printed[1]
    assert "a: b - y ${X} #" in printed[0]
    document = program("convert", file, "--var", "X=1", "--json").document
    assert document["dialect"] == "orchestrator"
    assert document["plan"]["steps"]["a-1"]["command"][2] == "1"


def test_what_cannot_be_converted_is_said(program: Program) -> None:
    file = write(steps=[{"id": "a", "comand": "x"}])
    done = program("convert", file)
    assert (done.code, done.out) == (3, "")
    assert 'step "a" has no key "comand"' in done.err
    Path("native.yaml").write_text("plan: p\nsteps: {a: {run: x}}\n", encoding="utf-8")
    assert "native.yaml is in the native format already" in program("convert", "native.yaml").err
    done = program("run", "native.yaml", "--var", "A=1")
    assert (done.code, "--var is for foreign formats" in done.err, "-i A=VALUE" in done.err) == (3, True, True)


def test_the_format_may_be_named(program: Program) -> None:
    file = write(steps=[{"id": "a", "command": "true"}])
    assert program("check", file, "--dialect", "orchestrator").code == 0
    assert program("check", file, "--dialect", "native").code == 3
    assert program("check", file, "--dialect", "nope").code == 2
    assert program("run", file, "--dialect", "orchestrator").code == 0


def test_the_schema_of_each_format_is_printed(program: Program) -> None:
    foreign = program("schema", "--dialect", "orchestrator").document
    assert foreign["required"] == ["plan_id", "steps"]
    assert program("schema").document == program("schema", "--dialect", "native").document != foreign


def test_what_this_version_cannot_honour_is_refused_at_its_place(program: Program) -> None:
    file = write(steps=[{"id": "a", "command": "x", "name": "$${{ 1 }}"}])
    done = program("run", file)
    assert done.code == 3
    assert re.search(r"plan\.json:1:\d+: step \"a\": title as a template: not yet", done.err), done.err


@pytest.mark.parametrize(
    ("keys", "code", "after"),
    [
        ({}, 1, "canceled"),
        ({"on_failure": "continue"}, 5, "succeeded"),
        ({"on_failure": "skip_dependents"}, 5, "skipped"),
        ({"critical": False}, 5, "skipped"),
        ({"on_failure": "abort", "critical": True}, 1, "canceled"),
    ],
    ids=["abort", "continue", "skip_dependents", "not critical", "critical"],
)
def test_tolerated_failures_keep_the_exit_codes_of_this_program(
    program: Program, keys: dict[str, Any], code: int, after: str
) -> None:
    file = write(
        steps=[{"id": "a", "command": "false", **keys}, {"id": "b", "command": "true", "depends_on": ["a"]}],
    )
    done = program("run", file, "--json")
    assert (done.code, statuses(done)) == (code, {"a": "failed", "b": after})


def test_a_token_is_not_there_where_its_step_failed(program: Program) -> None:
    file = write(
        steps=[
            {"id": "a", "command": "false", "on_failure": "continue", "provides": ["t"]},
            {"id": "b", "command": "true", "depends_on": ["a"]},
            {"id": "c", "command": "true", "depends_on": ["b"], "consumes": ["t"]},
        ]
    )
    done = program("run", file, "--json")
    assert (done.code, statuses(done)) == (5, {"a": "failed", "b": "succeeded", "c": "skipped"})


def test_powershell_runs_where_there_is_one_and_is_named_where_not(tmp_path: Path) -> None:
    steps = [
        {"id": "a", "command": "powershell.exe", "args": ["-NoProfile", "-File", "a.ps1", "x y"]},
        {"id": "b", "step_def": {"type": "powershell", "script": "exit 3"}, "on_failure": "continue"},
    ]
    (tmp_path / "plan.json").write_text(json.dumps({"plan_id": "p", "steps": steps}), encoding="utf-8")
    (tmp_path / "bin").mkdir()
    empty = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    done = as_process("run", "plan.json", cwd=tmp_path, **empty)
    assert (done.code, "pwsh: is not on PATH" in done.err) == (1, True)
    stand_in = tmp_path / "bin/pwsh"
    stand_in.write_text('#!/bin/sh\ncase $4 in *"exit 3"*) exit 3 ;; esac\necho "$4"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    done = as_process("run", "plan.json", cwd=tmp_path, **empty)
    assert done.code == 5, done.err
    assert "& './a.ps1' 'x y'" in as_process("logs", "last", "a", cwd=tmp_path).out


def test_a_fallback_step_stands_in_and_runs_only_then(program: Program) -> None:
    for command, code, expected in (
        ("false", 0, {"a": "recovered", "b": "succeeded", "c": "succeeded"}),
        ("true", 0, {"a": "succeeded", "b": "skipped", "c": "succeeded"}),
    ):
        file = write(
            steps=[
                {"id": "a", "command": command, "on_failure": "fallback_step", "fallback_step": "b"},
                {"id": "b", "command": "true"},
                {"id": "c", "command": "true", "condition": "prev.a.status == 'success'"},
            ]
        )
        done = program("run", file, "--json")
        assert (done.code, statuses(done)) == (code, expected), done.err


def test_the_ceiling_ends_a_step(program: Program) -> None:
    file = write(
        globals={"max_step_duration_sec": 0.3},
        steps=[{"id": "a", "command": "sleep", "args": ["30"], "timeout_sec": 60, "on_failure": "continue"}],
    )
    done = program("run", file, "--json")
    assert done.code == 5
    (step,) = done.document["steps"]
    assert step["attempts"][0]["error"]["code"] == "timeout"


@pytest.mark.parametrize("key", sorted({*ORCHESTRATOR.fields, *GLOBALS.fields, *STEP.fields}))
def test_the_page_names_every_key(key: str) -> None:
    assert re.search(rf"`(?:globals\.)?{key}`", PAGE.read_text(encoding="utf-8"))
