"""Reports as pages."""

import re
from html.parser import HTMLParser

import msgspec

from holdfast.journal.documents import Shown, ShownStep
from holdfast.plan.drawing import Arrow, Drawing, Node
from holdfast.surfaces.cli.bars import Bar
from holdfast.surfaces.cli.page import Decision, Report, Words, html, markdown

CLEAN = {
    "step": "clean",
    "verdict": "run",
    "reasons": [{"code": "never-run"}],
    "status": "failed",
    "why": None,
    "attempts": [
        {
            "number": 1,
            "status": "failed",
            "exit_code": 1,
            "error": {"code": "exit.nonzero", "message": "a | b"},
            "started_at": "2026-01-01T00:00:04Z",
            "finished_at": "2026-01-01T00:00:10Z",
            "stdout": None,
            "stderr": "logs/clean.1.err",
            "pid": 1,
            "adopted": False,
        }
    ],
    "outputs": {},
    "artifacts": {"raw": {"path": "data/raw.csv", "digest": "sha256:ab", "size": 1234}},
}
SHOWN = msgspec.convert(
    {
        "run": "01R",
        "plan": "nightly",
        "status": "failed",
        "revision": 1,
        "created_at": "2026-01-01T00:00:00Z",
        "started_at": "2026-01-01T00:00:00Z",
        "finished_at": "2026-01-01T00:00:10Z",
        "inputs": {"day": "<script>alert(1)</script>"},
        "owner": None,
        "request": {},
        "waits": [{"kind": "uncertain", "step": "push", "since": "2026-01-01T00:00:09Z", "what": "killed"}],
        "warnings": [],
        "steps": [CLEAN],
        "spent": {},
        "outputs": {"rows": ["x" * 5000]},
        "pausing": False,
        "canceling": False,
        "project": "/p",
        "plan_file": "/p/plan.yaml",
    },
    Shown,
)
BARS = [Bar("extract", 1, "succeeded", 0, 4_000_000), Bar("clean", 1, "failed", 4_000_000, 10_000_000)]
REPORT = Report(
    SHOWN,
    BARS,
    {"clean": Words("/state/logs/clean.1.err", ["</pre><b>bold</b>", "\x1b[31mred"])},
    {"extract": Words("/state/logs/extract.1.out", ["</pre><b>bold</b>"])},
    Drawing("nightly", (Node("extract", ""), Node("clean", "")), (Arrow("extract", "clean"),)),
    [Decision("2026-01-01 01:00:00", "push: happened", "ann", "saw it")],
    [("engine", "holdfast 0.1.0, pid 7 on host")],
    "0.1.0",
)


class Tags(HTMLParser):
    VOID = frozenset({"meta", "rect", "path", "br", "!doctype"})

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"p", "li"} and tag not in self.open:
            return
        while self.open and self.open.pop() != tag:
            pass


def test_the_html_page_stands_alone() -> None:
    tags = Tags()
    tags.feed(html(REPORT))
    assert tags.links == []
    assert "script" not in tags.seen
    assert "b" not in tags.seen
    assert tags.open == []


def test_the_html_page_says_what_happened() -> None:
    text = html(REPORT)
    for expected in (
        "nightly",
        "failed",
        "exit.nonzero a | b",
        "data/raw.csv",
        "1,234",
        "saw it",
        "push uncertain killed",
        "pid 7 on host",
        ">rows<",
    ):
        assert expected in text
    assert "red" in text
    assert "\x1b" not in text


def test_a_long_output_is_cut() -> None:
    assert 900 < max(len(run) for run in re.findall("x+", html(REPORT))) < 1000


def test_a_step_with_instances_says_how_many_and_leaves_its_outputs_to_them() -> None:
    whole: dict[str, object] = CLEAN | {
        "step": "each",
        "status": "succeeded",
        "attempts": [],
        "instances": ["each[a]"],
        "outputs": {"a": {"n": 7}},
        "artifacts": {},
    }
    inner = whole | {"step": "each[a]", "instances": None, "instance_of": "each", "outputs": {"n": 7}}
    text = markdown(REPORT._replace(shown=msgspec.structs.replace(SHOWN, steps=steps(whole, inner))))
    assert "| each | succeeded | - | - | 1 instance: 1 succeeded |" in text
    assert re.findall(r"\| (\S+) \| 7 \|", text) == ["each\\[a\\].n"]
    assert "each.a" not in text


def steps(*documents: dict[str, object]) -> list[ShownStep]:
    return msgspec.convert(documents, list[ShownStep])


def test_both_forms_have_the_same_tables() -> None:
    titles = ["Steps", "Attempts that failed", "Outputs", "Artifacts", "Decisions", "The run"]
    assert re.findall(r"<h2>([^<]*)</h2>", html(REPORT))[-7:] == [*titles, "Logs"]
    assert re.findall(r"^## (.*)$", markdown(REPORT), re.MULTILINE)[-6:] == titles


def test_the_chart_has_a_bar_for_each_attempt_in_proportion() -> None:
    chart = html(REPORT).partition("<h2>Timeline</h2>")[2]
    widths = [float(width) for width in re.findall(r'<rect [^>]* width="([\d.]+)"', chart)]
    assert widths == [256.0, 384.0]


def test_foreign_text_is_not_markup_in_markdown() -> None:
    text = markdown(REPORT)
    assert "\\<script\\>" in text
    assert "exit.nonzero a \\| b" in text
    assert "    </pre><b>bold</b>" in text
    assert "# nightly: failed" in text
