"""What each verb prints for people."""

import re
from pathlib import Path

import pytest

from tests.e2e.cli.program import Program

PLAN = """
plan: sample
steps:
  first: {run: "echo one; printf 'raw\\\\033[2J\\\\n'; echo two >&2"}
  again:
    run: if [ "$HOLDFAST_ATTEMPT" = 1 ]; then echo "no luck" >&2; exit 9; fi; echo luck
    retry: {attempts: 2, delay: 10ms}
    depends_on: [first]
  left: {run: "true", when: "1 > 2"}
"""


@pytest.fixture
def run(program: Program, folder: Path) -> str:
    (folder / "plan.yaml").write_text(PLAN)
    outcome = program("run", "plan.yaml")
    assert outcome.code == 0
    return outcome.out.split()[-1]


def test_run_says_what_it_will_do_and_what_it_did(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    outcome = program("run", "plan.yaml")
    said = outcome.err.splitlines()
    assert said[:3] == ["sample, 3 steps: 2 run, 1 inactive", "  0  first", "  1  again"]
    assert [re.sub(r"\d+m?s|\d\.\ds", "T", line) for line in said[3:] if "first" in line or "again" in line] == [
        "done       first  T",
        "retry      again  T  exit code 9; attempt 2 in T",
        "done       again  T",
    ]
    assert "skipped    left   when: 1 > 2" in said
    assert re.fullmatch(r"sample succeeded in \S+: 2 of 3 steps done, run \S+\n", outcome.out)


def test_quiet_says_nothing_of_a_success_and_the_reason_of_a_failure(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    assert program("-q", "run", "plan.yaml").out == ""
    (folder / "plan.yaml").write_text("plan: p\nsteps:\n  a: {run: 'echo sorry >&2; exit 1'}\n")
    outcome = program("-q", "run", "plan.yaml")
    assert (outcome.code, outcome.out) == (1, "")
    assert "  | sorry\n" in outcome.err


def test_verbose_says_when_steps_start(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    assert "started    again  attempt 2" in program("-v", "run", "plan.yaml").err


def test_many_steps_get_no_line_each(program: Program, folder: Path) -> None:
    steps = "".join(f"  s{n}: {{uses: noop}}\n" for n in range(500))
    (folder / "plan.yaml").write_text(f"plan: many\nsteps:\n{steps}")
    outcome = program("run", "plan.yaml")
    assert outcome.code == 0
    assert len(outcome.err.splitlines()) == 2
    assert max(map(len, outcome.err.splitlines())) < 100


def test_a_dry_run_runs_nothing(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    outcome = program("run", "plan.yaml", "--dry-run")
    assert outcome.out == program("plan", "plan.yaml").out
    assert outcome.out.splitlines()[2].split() == ["LAYER", "STEP", "VERDICT", "WHY"]
    assert not (folder / ".holdfast").exists()


def test_runs_and_show(program: Program, folder: Path, run: str) -> None:
    program("run", "plan.yaml")
    lines = program("runs").out.splitlines()
    assert len(lines) == 3
    assert lines[2].startswith(run)
    assert len(program("runs", "-n", "1").out.splitlines()) == 2
    shown = program("show", run).out
    assert re.search(r"^again  succeeded  2 +\S+$", shown, re.MULTILINE)
    assert re.search(r"^left   skipped +condition$", shown, re.MULTILINE)


def test_tables_are_cut_to_columns(program: Program, monkeypatch: pytest.MonkeyPatch, run: str) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    assert max(map(len, program("events", run).out.splitlines())) == 50


def test_logs(program: Program, run: str) -> None:
    everything = program("logs", run).out
    assert everything == "first | one\nfirst | raw\x1b[2J\nfirst | two\nagain | luck\n"
    assert program("logs", run, "first").out == "one\nraw\x1b[2J\ntwo\n"
    assert program("logs", run, "first", "--stdout", "--tail", "1").out == "raw\x1b[2J\n"
    assert program("logs", run, "first", "--stderr").out == "two\n"
    assert program("logs", run, "again", "--attempt", "1").out == "no luck\n"
    assert program("--color", "always", "logs", run, "first").out == "one\nraw\ntwo\n"
    assert program("logs", run, "again", "--attempt", "7").code == 3
    unknown = program("logs", run, "frist")
    assert (unknown.code, 'did you mean "first"?' in unknown.err) == (3, True)
    assert program("logs", run, "-f").out.splitlines()[-1] == "again | luck"


def test_bytes_of_a_log_are_not_changed(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text("plan: p\nsteps:\n  a: {run: \"printf 'caf\\\\303\\\\251 no end'\"}\n")
    program("run", "plan.yaml")
    assert program("logs", "last", "a").out == "café no end"


def test_timeline_draws_a_bar_for_each_attempt(program: Program, run: str) -> None:
    lines = program("timeline", run).out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["first", "again", "again"]
    assert lines[2].endswith(" failed")
    assert all("█" in line for line in lines[1:])


def test_report_is_one_page(program: Program, folder: Path, run: str) -> None:
    assert program("report", run).out == f"report-{run}.html\n"
    page = (folder / f"report-{run}.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.partition("<h2>Timeline</h2>")[2].count("<rect") == 3
    assert program("report", run, "--md", "-o", "-").out.startswith("# sample: succeeded\n")
    assert program("report", run, "-o", "nosuch/page.html").code == 3


def test_a_template_is_a_valid_plan_that_runs(program: Program, folder: Path) -> None:
    for name in ("hello", "pipeline"):
        assert program("new", name, name).code == 0
        assert program("check", f"{name}/plan.yaml").out == f"{name}/plan.yaml: ok\n"
        assert program("run", f"{name}/plan.yaml").code == 0
    assert (folder / "pipeline/out/report.md").read_text().startswith("# Oslo")


def test_new_overwrites_nothing(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text("mine")
    outcome = program("new", "pipeline")
    assert outcome.code == 3
    assert "plan.yaml" in outcome.err
    assert (folder / "plan.yaml").read_text() == "mine"
    assert [path.name for path in folder.iterdir()] == ["plan.yaml"]
    unknown = program("new", "helo", "x")
    assert (unknown.code, 'did you mean "hello"?' in unknown.err) == (3, True)


# semantics S21
def test_a_product_that_was_not_touched_is_told_wherever_one_looks(program: Program, folder: Path) -> None:
    (folder / "x").write_text("old")
    (folder / "plan.yaml").write_text("plan: p\nsteps:\n  a: {run: 'true', produces: {x: x}}\n")
    assert program("run", "plan.yaml").code == 0
    assert "output-untouched: x" in program("show", "last").out
    assert "output-untouched: x" in program("events", "last").out
    (attempt,) = program("show", "last", "--json").document["steps"][0]["attempts"]
    assert attempt["notes"] == ["output-untouched: x"]
