"""A command line that is read without click means what it means to click."""

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.app import Request
from holdfast.surfaces.cli import short
from holdfast.surfaces.cli.running import Manner, resume_runs, run_plan
from holdfast.surfaces.cli.verbs import run as verbs

WORDS = (
    *(
        "plan.yaml",
        "last",
        "20260101",
        "",
        "-",
        "--",
        "-q",
        "--help",
        "--dry-run",
        "-i",
        "a=b",
        "--wait",
        "--max-time",
        "5m",
        "run",
        "é",
    ),
    *("-j", "--jobs", "-j2", "-j=2", "--jobs=4", "--jobs4", "-j0", "-j-1", "0", "2", "007", "+3", "٣", "9" * 30),
    *("--yes", "--json", "--json-events", "--ye"),
)
USUAL = ("plan.yaml", "-j", "8", "-j2", "--jobs", "--yes", "--json", "--json-events")
LINES = st.lists(st.sampled_from(USUAL) | st.sampled_from(WORDS), max_size=5)


def read(verb: str, rest: list[str]) -> tuple[object, dict[str, object]] | None:
    found = short.read([verb, *rest])
    if found is None:
        return None
    assert isinstance(found, partial)
    return found.func, found.keywords


def by_click(verb: str, rest: list[str]) -> tuple[object, dict[str, object]]:
    command = getattr(verbs, verb)
    asked = dict(command.make_context(verb, list(rest)).params)
    manner = Manner(ask=not asked.pop("yes"), json_events=asked.pop("json_events"))
    keep_going = asked.pop("keep_going", False)
    jobs, wait_s, max_time_s = asked.pop("jobs", None), asked.pop("wait_s"), asked.pop("max_time_s")
    request = Request(jobs, wait_s=wait_s, keep_going=keep_going, max_time_s=max_time_s)
    if verb == "run":
        assert not asked.pop("dry_run")
    return (run_plan if verb == "run" else resume_runs), asked | {"request": request, "manner": manner}


@given(st.sampled_from(["run", "resume"]), LINES)
def test_what_is_read_without_click_is_what_click_reads(verb: str, rest: list[str]) -> None:
    found = read(verb, rest)
    assert found is None or found == by_click(verb, rest)


@pytest.mark.parametrize("jobs", [["-j", "3"], ["-j3"], ["--jobs", "3"]])
def test_the_usual_command_lines_are_read_without_click(jobs: list[str]) -> None:
    plain = Manner()
    assert read("run", ["plan.yaml"]) == (
        run_plan,
        {"plan": Path("plan.yaml"), "inputs": {}, "request": Request(), "manner": plain},
    )
    found = read("run", [*jobs, "plan.yaml", "--yes", "--json"])
    assert found is not None
    assert found[1] == {"plan": Path("plan.yaml"), "inputs": {}, "request": Request(3), "manner": Manner(ask=False)}
    assert read("resume", []) == (resume_runs, {"run": None, "request": Request(), "manner": plain})
    assert read("resume", ["last"]) == (resume_runs, {"run": "last", "request": Request(), "manner": plain})


def test_a_shell_that_asks_for_completions_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_HOLDFAST_COMPLETE", "bash_complete")
    assert short.read(["run", "plan.yaml"]) is None
