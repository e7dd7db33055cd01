"""Bad input gets one clear message and exit 2 or 3, and nothing is written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cli.program import Program

GOOD = "plan: good\nsteps:\n  a: {run: 'true'}\n"


def put(text: str | bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "plan.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())

    return write


def make_folder(folder: Path) -> None:
    (folder / "plan.yaml").mkdir()


def huge(folder: Path) -> None:
    with (folder / "plan.yaml").open("wb") as file:
        file.truncate(100 * 1024 * 1024)


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (lambda _: None, "there is no file plan.yaml"),
    "a folder": (make_folder, "is a folder"),
    "empty": (put(""), "empty"),
    "only a comment": (put("# nothing\n"), "empty"),
    "binary": (put(bytes(range(256)) * 10), "plan.yaml"),
    "not utf-8": (put(b"plan: caf\xe9\n"), "UTF-8"),
    "100 MB": (huge, "larger than"),
    "deep": (put("[" * 5000), "depth"),
    "a list": (put("- a\n- b\n"), "plan.yaml"),
    "cycle": (
        put("plan: p\nsteps:\n  a: {run: x, depends_on: [b]}\n  b: {run: x, depends_on: [a]}\n"),
        "a → b → a",
    ),
    "unknown dependency": (put("plan: p\nsteps:\n  a: {run: x, depends_on: [fetch]}\n"), '"fetch"'),
    "duplicate id": (put("plan: p\nsteps:\n  a: {run: x}\n  a: {run: y}\n"), '"a"'),
    "wrong type": (put("plan: p\nsteps:\n  a: {run: [1]}\n"), "run"),
    "unknown key": (put("plan: p\nsteps:\n  a: {rum: x}\n"), 'did you mean "run"?'),
}


@pytest.mark.parametrize("verb", ["check", "plan", "run"])
@pytest.mark.parametrize("case", BAD)
def test_a_bad_plan_is_refused_with_its_reason_and_nothing_is_written(
    program: Program, folder: Path, verb: str, case: str
) -> None:
    prepare, expected = BAD[case]
    prepare(folder)
    before = sorted(folder.rglob("*"))
    outcome = program(verb, "plan.yaml")
    assert outcome.code == 3
    assert expected in outcome.out + outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(folder.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_plan_is_refused(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(GOOD)
    (folder / "plan.yaml").chmod(0)
    outcome = program("run", "plan.yaml")
    assert (outcome.code, "Permission denied" in outcome.err) == (3, True)


def test_every_problem_is_reported_at_once_with_its_place(program: Program, folder: Path) -> None:
    put("plan: p\nsteps:\n  a: {rum: x}\n  b: {run: x, depends_on: [c]}\n")(folder)
    outcome = program("check", "plan.yaml")
    assert outcome.out.count("error:") == 3
    assert "plan.yaml:3:" in outcome.out
    assert "plan.yaml:4:" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rum"], 'there is no command "rum"; did you mean "run"?'),
        (["xyzzy"], 'there is no command "xyzzy"'),
        (["pin", "1"], '"pin" is not yet in this version'),
        (["run"], "missing argument 'PLAN'"),
        (["run", "plan.yaml", "--dry-rum"], "there is no option --dry-rum; did you mean --dry-run?"),
        (["run", "plan.yaml", "--pin", "a"], "--pin is not yet in this version"),
        (["run", "plan.yaml", "-j", "0"], "0 is not in the range"),
        (["run", "plan.yaml", "-j", "many"], "'many' is not a valid integer range"),
        (["run", "plan.yaml", "--max-time", "0"], "it must be above 0"),
        (["run", "plan.yaml", "-i", "day"], '"day" is not name=value'),
        (["run", "plan.yaml", "-i", "a=1", "-i", "a=2"], '"a" is given twice'),
        (["run", "plan.yaml", "--json", "--json-events"], "exclude each other"),
        (["run", "-q", "plan.yaml"], "-q stands before the command"),
        (["-q", "-v", "runs"], "-q and -v exclude each other"),
        (["--color", "red", "runs"], "'red' is not one of"),
        (["resolve", "last", "a", "maybe"], "'maybe' is not one of"),
        (["resolve", "last", "a", "skip", "--output", "x=1"], "--output goes with"),
        (["release", "last"], "missing option '--reason'"),
        (["logs", "last", "-f", "--json"], "exclude each other"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_2(
    program: Program, folder: Path, arguments: list[str], expected: str
) -> None:
    put(GOOD)(folder)
    outcome = program(*arguments)
    assert expected in outcome.err
    assert outcome.err.startswith("error: ")
    assert "hint: holdfast" in outcome.err
    assert (outcome.code, outcome.out) == (2, "") if "--json" not in arguments else (2, outcome.out)
    assert sorted(path.name for path in folder.rglob("*")) == ["plan.yaml"]


def test_no_command_shows_the_help_and_is_wrong_usage(program: Program) -> None:
    outcome = program()
    assert outcome.code == 2
    assert "Usage: holdfast" in outcome.err


def test_an_error_is_also_a_document_where_one_is_wanted(program: Program, folder: Path) -> None:
    put("plan: p\nsteps:\n  a: {rum: x}\n")(folder)
    error = program("run", "plan.yaml", "--json").document["error"]
    assert (error["code"], error["message"]) == ("E_PLAN_INVALID", "plan.yaml has 2 problems")
    assert {problem["code"] for problem in error["problems"]} == {"key.missing", "key.unknown"}
    assert program("rum", "--json").document["error"]["code"] == "E_USAGE"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{run: x, when: inputs.n / 0 > 1}", "expression.invalid: when: inputs.n / 0 > 1: "),
        ("{run: x, env: {A: '${{ inputs.n / 0 }}'}}", "expression.invalid: env.A: "),
        ("{command: [echo, '${{ inputs.n / 0 }}']}", "expression.invalid: command[1]: "),
    ],
)
def test_an_expression_that_fails_at_start_is_told_with_its_code_and_field(
    program: Program, folder: Path, step: str, said: str
) -> None:
    put(f"plan: p\ninputs: {{n: {{type: int, default: 1}}}}\nsteps:\n  a: {step}\n")(folder)
    outcome = program("run", "plan.yaml")
    assert outcome.code == 1
    assert outcome.err.count(said) == 2
    assert said in program("show", "last").out


def test_run_counts_warnings_and_plan_shows_them_on_lines_of_their_own(program: Program, folder: Path) -> None:
    put("plan: p\nsteps:\n  a: {run: 'true', effect: once}\n")(folder)
    ran, planned = program("run", "plan.yaml"), program("plan", "plan.yaml")
    assert "2 warnings; holdfast check plan.yaml shows them\n" in ran.err
    assert "hint:" not in ran.err
    assert "\n  hint: " in planned.err
