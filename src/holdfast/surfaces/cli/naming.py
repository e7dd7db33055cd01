"""Runs as people name them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.app import Holdfast


def resolved(app: "Holdfast", run: str) -> str:
    """The id of the run that is meant: by its id, a unique beginning of it, or `last`."""
    with app.reading() as reading:
        return reading.resolve_run(run)
