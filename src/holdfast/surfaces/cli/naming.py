"""Runs as people name them."""

from typing import TYPE_CHECKING

from holdfast.surfaces.cli import PROGRAM

if TYPE_CHECKING:
    from holdfast.app import Holdfast


def resolved(app: "Holdfast", run: str) -> str:
    """The id of the run that is meant: by its id, a unique beginning of it, or `last`."""
    with app.reading() as reading:
        return reading.resolve_run(run)


def resuming(app: "Holdfast", run: str) -> str:
    """The command that goes on with a run, or with the one that it is a part of."""
    with app.reading() as reading:
        return f"{PROGRAM} resume {reading.whole_run(run)}"
