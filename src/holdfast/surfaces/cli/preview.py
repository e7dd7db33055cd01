"""What is said of a plan before it runs, in few lines."""

from collections import Counter
from pathlib import Path

from holdfast.run.growth import group_id
from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.outcome import quoted
from holdfast.surfaces.cli.planned import Planned, read
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.text import counted, cut

LAYERS_SHOWN = 12
"""Layers that are listed."""


def preview(screen: Screen, document: dict[str, object], file: Path) -> list[str]:
    """Say on stderr what is about to run, in few lines; returns the ids of the steps."""
    planned = read(document)
    steps = [one.step for one in planned.steps]
    if screen.quiet:
        return steps
    screen.note(f"{planned.plan}, {summary(planned)}")
    going = {one.step for one in planned.steps if one.verdict in {"run", "maybe", "restore"}}
    width = screen.size(screen.err)[0] - 1
    many = Counter(group_id(step) for step in going if group_id(step) != step)
    layers = [
        (n, [_named(step, many) for step in layer if step in going and group_id(step) == step])
        for n, layer in enumerate(planned.layers)
    ]
    shown = [(n, layer) for n, layer in layers if layer]
    for n, layer in shown[:LAYERS_SHOWN]:
        screen.note(cut(f"  {n}  {', '.join(layer)}", width))
    if len(shown) > LAYERS_SHOWN:
        screen.note(f"  … and {counted(len(shown) - LAYERS_SHOWN, 'more layer')}")
    if planned.warnings:
        shows = "shows it" if len(planned.warnings) == 1 else "shows them"
        screen.note(f"{counted(len(planned.warnings), 'warning')}; {PROGRAM} check {quoted(str(file))} {shows}")
    return steps


def _named(step: str, many: Counter[str]) -> str:
    """A step with how many instances it will have, where that is known."""
    return f"{step} ({counted(many[step], 'instance')})" if step in many else step


def summary(planned: Planned) -> str:
    """`4 steps: 3 run, 1 reuse`."""
    verdicts: dict[str, int] = {}
    for one in planned.steps:
        verdicts[one.verdict] = verdicts.get(one.verdict, 0) + 1
    parts = ", ".join(f"{number:,} {verdict}" for verdict, number in verdicts.items())
    return f"{counted(len(planned.steps), 'step')}: {parts or 'nothing to do'}"
