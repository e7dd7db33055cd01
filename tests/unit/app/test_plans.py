import os
from pathlib import Path

import pytest

from holdfast.app import Holdfast, Request
from holdfast.errors import RequestError


def test_a_place_whose_name_is_not_text_is_refused(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    plan = folder / "plan.yaml"
    plan.write_text("plan: p\nsteps: {a: {uses: noop}}")
    with pytest.raises(RequestError, match=r"caf.*is not UTF-8"):
        Holdfast.find(plan).load(plan)


def test_planning_makes_no_state(tmp_path: Path) -> None:
    # planner 2
    plan = tmp_path / "plan.yaml"
    plan.write_text("plan: p\nsteps: {a: {uses: noop}}")
    Holdfast.find(plan).plan(plan, Request())
    assert [*tmp_path.iterdir()] == [plan]


def test_a_nested_plan_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("plan: p\nsteps:\n  a: {uses: plan, with: {file: pipe}}")
    os.mkfifo(tmp_path / "pipe")
    (checked,) = Holdfast.find(plan).check([plan]).plans
    (problem,) = checked.problems
    assert (problem.code, problem.line, problem.column) == ("file.unreadable", 3, 32)
    assert "is a pipe" in problem.message


def test_a_plan_on_a_pipe_is_not_run_and_not_waited_for(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    os.mkfifo(plan)
    with pytest.raises(RequestError, match="is a pipe or a device"):
        Holdfast.find(plan).load(plan)
