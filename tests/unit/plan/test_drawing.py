"""Plans as Mermaid and DOT."""

from holdfast.plan.drawing import LABEL_MAX, dot, drawing_of, mermaid
from holdfast.plan.model import Plan
from holdfast.plan.parse import parse_plan

PLAN = """
plan: "we-ird"
steps:
  build: {command: [make, 'a"b', "x<y>"], on_failure: {fallback: by-hand}}
  by-hand: {run: "true", title: "Do it [by hand]"}
  test: {uses: noop, depends_on: [build], next: [{on: failure, to: mend}]}
  mend: {run: "true"}
finally:
  tell: {run: "true", depends_on: []}
"""


def plan(text: str = PLAN) -> Plan:
    parsed = parse_plan(text.encode(), "plan.yaml")
    assert parsed.plan is not None, parsed.problems
    return parsed.plan


def test_every_step_and_every_way_between_steps_is_drawn() -> None:
    drawing = drawing_of(plan())
    assert [node.id for node in drawing.nodes] == ["build", "by-hand", "test", "mend", "tell"]
    assert [node.id for node in drawing.nodes if node.final] == ["tell"]
    assert [tuple(arrow) for arrow in drawing.arrows] == [
        ("build", "by-hand", "fallback"),
        ("build", "test", ""),
        ("test", "mend", "failure"),
    ]


def test_mermaid_escapes_what_it_would_take_for_its_own() -> None:
    text = mermaid(drawing_of(plan()), {"build": "failed", "test": "pending"})
    assert text.splitlines() == [
        "flowchart TD",
        '  s0["build<br>make a#34;b x#60;y#62;<br>failed"]',
        '  s1["by-hand<br>Do it #91;by hand#93;"]',
        '  s2["test<br>noop<br>pending"]',
        '  s3["mend"]',
        '  s4(["tell"])',
        '  s0 -. "fallback" .-> s1',
        "  s0 --> s2",
        '  s2 -. "failure" .-> s3',
        "  classDef failed stroke:#c4372c,stroke-width:2px",
        "  class s0 failed",
    ]


def test_dot_quotes_ids_and_labels() -> None:
    lines = dot(drawing_of(plan()), {"build": "failed"}).splitlines()
    assert lines[0] == 'digraph "we-ird" {'
    assert lines[2] == '  "build" [label="build\\nmake a\\"b x<y>\\nfailed", color="#c4372c", penwidth=2];'
    assert '  "tell" [label="tell", style=rounded];' in lines
    assert '  "build" -> "by-hand" [label="fallback", style=dashed];' in lines
    assert lines[-1] == "}"


def test_a_long_label_is_cut_and_a_fan_out_and_a_gate_are_marked() -> None:
    drawing = drawing_of(
        plan(
            "plan: p\nsteps:\n"
            f"  a: {{command: [echo, {'x' * 200}]}}\n"
            "  b: {uses: noop, for_each: [1, 2]}\n"
            "  c: {uses: gate, with: {kind: approve, question: Go?}, depends_on: [a]}\n"
        )
    )
    assert f"echo {'x' * (LABEL_MAX - 6)}…" in mermaid(drawing)
    assert '"b ×<br>noop"' in mermaid(drawing)
    assert 's2{{"c<br>gate"}}' in mermaid(drawing)
    assert "shape=hexagon" in dot(drawing)
