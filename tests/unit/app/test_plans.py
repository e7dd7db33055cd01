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
