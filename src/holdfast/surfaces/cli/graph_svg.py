"""A plan's steps and arrows as SVG for a report: one column for each layer, the status of each step as its colour."""

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Final

from holdfast.surfaces.cli.text import clean, cut

if TYPE_CHECKING:
    from holdfast.plan.drawing import Drawing

NODES_MAX: Final = 150
"""Steps that are drawn at most; a larger plan is not readable as a picture."""
WIDTH, HEIGHT, GAP_X, GAP_Y, LETTERS = 150, 30, 46, 12, 20
"""Pixels of a box and of the room between boxes; characters that fit on one."""

Place = tuple[int, int]


def svg(drawing: "Drawing", statuses: Mapping[str, str]) -> str | None:
    """The picture; `None` for a plan with more than `NODES_MAX` steps."""
    if len(drawing.nodes) > NODES_MAX:
        return None
    places = _places(drawing)
    wide = max(x for x, _ in places.values()) + WIDTH + 2
    high = max(y for _, y in places.values()) + HEIGHT + 2
    parts = [
        f'<svg viewBox="0 0 {wide} {high}" style="max-width:{wide}px" role=img aria-label="the steps of the plan">',
        *(_arrow(places[each.source], places[each.target], each.label) for each in drawing.arrows),
        *(_box(node.id, places[node.id], statuses.get(node.id, "pending")) for node in drawing.nodes),
        "</svg>",
    ]
    return "".join(parts)


def _places(drawing: "Drawing") -> dict[str, Place]:
    """Where each step's box is: its column is the longest way to it along dependencies."""
    needs: dict[str, list[str]] = {node.id: [] for node in drawing.nodes}
    for each in drawing.arrows:
        if not each.label:
            needs[each.target].append(each.source)
    column: dict[str, int] = {}
    waiting = [node.id for node in drawing.nodes]
    while waiting:  # a plan has no cycle of dependencies: every round places at least one step
        placed = [name for name in waiting if all(need in column for need in needs[name])]
        assert placed, "a plan with a cycle is refused before it is drawn"
        for name in placed:
            column[name] = max((column[need] + 1 for need in needs[name]), default=0)
        waiting = [name for name in waiting if name not in column]
    last = max(column.values())
    rows: dict[int, int] = {}
    places = {}
    for node in drawing.nodes:
        x = last + 1 if node.final else column[node.id]
        row = rows[x] = rows.get(x, -1) + 1
        places[node.id] = (1 + x * (WIDTH + GAP_X), 1 + row * (HEIGHT + GAP_Y))
    return places


def _arrow(source: Place, target: Place, label: str) -> str:
    x1, y1 = source[0] + WIDTH, source[1] + HEIGHT // 2
    x2, y2 = target[0], target[1] + HEIGHT // 2
    bend = max(GAP_X, abs(x2 - x1)) // 2
    dash = ' stroke-dasharray="4 3"' if label else ""
    title = f"<title>{_h(label)}</title>" if label else ""
    return (
        f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" fill="none" stroke="var(--line)"'
        f' stroke-width="1.5"{dash}>{title}</path>'
    )


def _box(name: str, place: Place, status: str) -> str:
    x, y = place
    return (
        f"<g><title>{_h(name)}: {_h(status)}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5" style="fill:var(--card);stroke:var(--line)"/>'
        f'<rect class="{_h(status)}" x="{x}" y="{y}" width="5" height="{HEIGHT}" rx="2"/>'
        f'<text x="{x + 12}" y="{y + HEIGHT // 2 + 4}">{_h(cut(name, LETTERS))}</text></g>'
    )


def _h(text: str) -> str:
    return escape(clean(text))
