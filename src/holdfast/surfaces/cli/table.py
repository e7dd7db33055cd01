"""Aligned columns: a heading, rows, two spaces between; no boxes."""

from collections.abc import Sequence

from holdfast.surfaces.cli.text import cells, cut, one_line, padded

GAP = 2
NARROWEST = 12
"""The last column is never cut below this, however narrow the terminal."""


def table(heading: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """The lines of a table whose cells are foreign text.

    Columns that are empty in every row are left out. The last column is cut so that lines fit `width`; None: not cut.
    """
    cleaned = [[one_line(cell) for cell in row] for row in rows]
    kept = [n for n in range(len(heading)) if any(row[n] for row in cleaned)]
    if not kept:
        return []
    grid = [[heading[n] for n in kept], *([row[n] for n in kept] for row in cleaned)]
    widths = [max(cells(row[n]) for row in grid) for n in range(len(kept))]
    last = None if width is None else max(NARROWEST, width - sum(widths[:-1]) - GAP * (len(kept) - 1))
    lines = []
    for row in grid:
        head = [padded(cell, width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        tail = row[-1] if last is None else cut(row[-1], last)
        lines.append((" " * GAP).join([*head, tail]).rstrip())
    return lines
