"""A plan as SVG."""

from xml.etree import ElementTree as ET

from holdfast.plan.drawing import Arrow, Drawing, Node
from holdfast.surfaces.cli.graph_svg import NODES_MAX, svg

DRAWING = Drawing(
    "p",
    (Node("a<b", "a"), Node("b", "b"), Node("c", "c"), Node("end", "end", final=True)),
    (Arrow("a<b", "b"), Arrow("b", "c"), Arrow("a<b", "c"), Arrow("c", "a<b", "failure")),
)


def test_a_step_stands_right_of_all_that_it_needs_and_shows_its_status() -> None:
    text = svg(DRAWING, {"a<b": "succeeded", "b": "failed"})
    assert text is not None
    root = ET.fromstring(text.replace("role=img", 'role="img"'))
    marks = [each for each in root.iter("rect") if each.get("class")]
    assert [(each.get("class"), int(each.get("x") or 0) // 196) for each in marks] == [
        ("succeeded", 0),
        ("failed", 1),
        ("pending", 2),
        ("pending", 3),
    ]
    assert [each.text for each in root.iter("text")] == ["a<b", "b", "c", "end"]
    assert sum(each.get("stroke-dasharray") is not None for each in root.iter("path")) == 1


def test_a_plan_that_is_too_large_to_read_is_not_drawn() -> None:
    nodes = tuple(Node(f"s{n}", "") for n in range(NODES_MAX + 1))
    assert svg(Drawing("p", nodes, ()), {}) is None
    assert svg(Drawing("p", nodes[:-1], ()), {}) is not None
