"""The page of state diagrams is what the tables say."""

import pytest

from holdfast.run.states import ARROWS
from tools.draw_states import MACHINES, PAGE, Machine, main, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tools/draw_states.py"
    assert main(["--check"]) == 0


def test_the_page_draws_every_arrow_once() -> None:
    lines = page().splitlines()
    drawn = [line.strip() for line in lines if "-->" in line and "[*]" not in line]
    assert len(drawn) == sum(map(len, ARROWS.values()))
    assert "running --> ready: lost" in drawn
    assert "running --> timed_out" in drawn


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_is_explained_in_one_line(machine: Machine) -> None:
    assert list(machine.meanings) == list(machine.states)
    assert all("\n" not in meaning and len(meaning) < 100 for meaning in machine.meanings.values())
    assert {state for source, _, target in ARROWS[machine.name] for state in (source, target)} <= set(machine.states)


def test_every_machine_is_drawn() -> None:
    assert [machine.name for machine in MACHINES] == list(ARROWS)
