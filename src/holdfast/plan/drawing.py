"""A plan as a picture in text: Mermaid and DOT. Pure; a run's statuses colour it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from holdfast.plan.model import Command, Plan, Step, Uses

LABEL_MAX: Final = 60
"""Characters of a label; the rest is cut."""
COLOURS: Final[Mapping[str, str]] = {
    "succeeded": "#2f7d6b",
    "reused": "#2f7d6b",
    "recovered": "#6b8f3c",
    "failed": "#c4372c",
    "uncertain": "#a8690a",
    "waiting": "#a8690a",
    "retrying": "#a8690a",
    "running": "#2f6db3",
    "skipped": "#8a94a0",
    "canceled": "#8a94a0",
}
"""The colour of a status; one that is not here has none."""
NO_STATUSES: Final[Mapping[str, str]] = {}


class Node(NamedTuple):
    """One step: its id, what is written on it, whether it is a person's decision, whether it runs at the end."""

    id: str
    label: str
    gate: bool = False
    final: bool = False


class Arrow(NamedTuple):
    """From a step to another; `label` is empty for a dependency, else what makes the run go this way."""

    source: str
    target: str
    label: str = ""


class Drawing(NamedTuple):
    """A plan's steps in file order and the arrows between them."""

    title: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


def drawing_of(plan: Plan) -> Drawing:
    """What is to be drawn of a plan: dependencies, fallbacks and control edges."""
    nodes = [_node(step, final=False) for step in plan.steps] + [_node(step, final=True) for step in plan.finally_]
    arrows: list[Arrow] = []
    for step in plan.steps + plan.finally_:
        arrows += [Arrow(need, step.id) for need in step.needs]
        if step.on_failure.fallback is not None:
            arrows.append(Arrow(step.id, step.on_failure.fallback, "fallback"))
        arrows += [Arrow(step.id, edge.to, edge.on) for edge in step.next]
        arrows += [Arrow(step.id, mode.target, mode.name) for mode in step.failure_modes if mode.target is not None]
    return Drawing(plan.id, tuple(nodes), tuple(arrows))


def mermaid(drawing: Drawing, statuses: Mapping[str, str] = NO_STATUSES) -> str:
    """A Mermaid flowchart; steps are `s0`, `s1`, … so that any id can be drawn."""
    names = {node.id: f"s{i}" for i, node in enumerate(drawing.nodes)}
    lines = ["flowchart TD"]
    for node in drawing.nodes:
        text = _mermaid_text(_labelled(node, statuses))
        left, right = ("{{", "}}") if node.gate else ("([", "])") if node.final else ("[", "]")
        lines.append(f'  {names[node.id]}{left}"{text}"{right}')
    for arrow in drawing.arrows:
        line = f'-. "{_mermaid_text(arrow.label)}" .->' if arrow.label else "-->"
        lines.append(f"  {names[arrow.source]} {line} {names[arrow.target]}")
    used = {statuses[node.id] for node in drawing.nodes if statuses.get(node.id) in COLOURS}
    for status in sorted(used):
        of_it = ",".join(names[node.id] for node in drawing.nodes if statuses.get(node.id) == status)
        lines.append(f"  classDef {status} stroke:{COLOURS[status]},stroke-width:2px")
        lines.append(f"  class {of_it} {status}")
    return "\n".join(lines) + "\n"


def dot(drawing: Drawing, statuses: Mapping[str, str] = NO_STATUSES) -> str:
    """A Graphviz digraph."""
    lines = [f"digraph {_quoted(drawing.title)} {{", "  node [shape=box];"]
    for node in drawing.nodes:
        shape = ", shape=hexagon" if node.gate else ", style=rounded" if node.final else ""
        colour = COLOURS.get(statuses.get(node.id, ""))
        paint = f', color="{colour}", penwidth=2' if colour else ""
        lines.append(f"  {_quoted(node.id)} [label={_quoted(_labelled(node, statuses))}{shape}{paint}];")
    for arrow in drawing.arrows:
        label = f" [label={_quoted(arrow.label)}, style=dashed]" if arrow.label else ""
        lines.append(f"  {_quoted(arrow.source)} -> {_quoted(arrow.target)}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def _node(step: Step, *, final: bool) -> Node:
    label = step.id
    if step.for_each is not None:
        label += " ×"
    if step.shown.title:
        label += f"\n{step.shown.title}"
    elif isinstance(step.work, Command):
        label += f"\n{' '.join(step.work.argv)}"
    elif isinstance(step.work, Uses):
        label += f"\n{step.work.runner}"
    gate = isinstance(step.work, Uses) and step.work.runner == "gate"
    return Node(step.id, label, gate, final)


def _labelled(node: Node, statuses: Mapping[str, str]) -> str:
    first, _, rest = node.label.partition("\n")
    lines = [first, *([_cut(" ".join(rest.split()))] if rest else [])]
    if node.id in statuses:
        lines.append(statuses[node.id])
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= LABEL_MAX else text[: LABEL_MAX - 1] + "…"


def _mermaid_text(text: str) -> str:
    # Mermaid's own entities: `#quot;` and the number of a character between # and ;.
    escaped = "".join(f"#{ord(each)};" if each in '"#<>&`\\[]{}()|' else each for each in text)
    return "<br>".join(" ".join(line.split()) for line in escaped.split("\n"))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "\\n".join(escaped.split("\n")) + '"'
