"""A report of one run as one self-contained page: HTML with a chart, or Markdown. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.surfaces.cli.bars import Bar, span
from holdfast.surfaces.cli.graph_svg import svg
from holdfast.surfaces.cli.moments import between, local, took
from holdfast.surfaces.cli.outcome import afterwards, instances, latest, statuses
from holdfast.surfaces.cli.text import clean, compact, counted, cut, one_line

if TYPE_CHECKING:
    from holdfast.app.documents import Shown, ShownStep
    from holdfast.plan.drawing import Drawing

BARS_MAX: Final = 400
"""Attempts drawn in the chart; the table has all."""

VALUE_MAX: Final = 1000
"""Characters of an output that are shown."""

ROW, LABEL, CHART = 18, 220, 640
"""Pixels: height of a bar's row, width of the names, width of the bars."""

STYLE: Final = """
:root { color-scheme: light dark; --line: #d5dae0; --dim: #66707c; --card: #f4f6f8; --paper: #fff; --ink: #1f2933;
  --ok: #2f7d6b; --bad: #c4372c; --warn: #a8690a; --run: #2f6db3 }
@media (prefers-color-scheme: dark) { :root { --line: #3a424c; --dim: #98a3af; --card: #222930; --paper: #171c21;
  --ink: #e4e7eb; --ok: #4fb39b; --bad: #f0766a; --warn: #dfa552; --run: #6fa8e8 } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 980px; margin: 0 auto; padding: 2.2rem 1.2rem }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .5rem } p { margin: .3rem 0 }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .93rem }
td, th { text-align: left; padding: .28rem 1rem .28rem 0; vertical-align: top; overflow-wrap: anywhere; min-width: 4em }
td:first-child { min-width: 11em }
tr { border-bottom: 1px solid var(--line) } th { font-weight: 500; white-space: nowrap } .dim, th { color: var(--dim) }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.long { font: .82em/1.6 ui-monospace, monospace; color: var(--dim) }
pre { background: var(--card); border-radius: .5rem; padding: .8rem 1.1rem; overflow-x: auto; white-space: pre-wrap }
pre { font: .86em/1.45 ui-monospace, monospace; border-left: 3px solid var(--bad) }
pre.calm { border-left-color: var(--line) } summary { cursor: pointer; padding: .2rem 0 }
svg { width: 100%; height: auto; display: block } svg text { font: 12px system-ui, sans-serif; fill: currentColor }
.canceled, .skipped { color: var(--dim); fill: var(--dim) }
.succeeded, .reused, .recovered { color: var(--ok); fill: var(--ok) }
.failed, .timed_out, .stalled, .quarantined, .lost { color: var(--bad); fill: var(--bad) }
.uncertain, .blocked, .partial, .paused, .retrying { color: var(--warn); fill: var(--warn) }
.running { color: var(--run); fill: var(--run) }
"""

NUMBERS: Final = frozenset({"attempts", "took", "bytes"})
LONG: Final = frozenset({"digest"})
"""Columns that are set apart."""


class Words(NamedTuple):
    """What a failed step said last, and the file that has the rest."""

    path: str
    lines: Sequence[str]


class Decision(NamedTuple):
    """What a person decided: when, what, who, why."""

    at: str
    what: str
    who: str
    why: str


class Report(NamedTuple):
    """All that a page says of a run."""

    shown: "Shown"
    bars: list[Bar]
    words: Mapping[str, Words]
    said: Mapping[str, Words]
    drawing: "Drawing"
    decisions: Sequence[Decision]
    surroundings: Sequence[tuple[str, str]]
    version: str


class Section(NamedTuple):
    """A table with its title; both forms of the page have the same."""

    title: str
    heading: Sequence[str]
    rows: Sequence[Sequence[str]]


def html(report: Report) -> str:
    """The page as one HTML file that loads nothing."""
    shown = report.shown
    parts = [
        f"<!doctype html>\n<html lang=en><meta charset=utf-8><title>{_h(shown.plan)}: {_h(shown.status)}</title>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style><main>",
        f'<h1>{_h(shown.plan)} <span class="{_h(shown.status)}">{_h(shown.status)}</span></h1>',
        f'<p class="dim">{_h(_summary(shown))}</p>',
        *_html_failures(report),
        *_html_waits(shown),
        *_html_graph(report),
        *_html_chart(report.bars),
    ]
    for section in _sections(report):
        parts += [f"<h2>{_h(section.title)}</h2>", _html_table(section)]
    parts += _html_logs(report)
    parts.append(f'<p class="dim">written by holdfast {_h(report.version)}</p></main></html>')
    return "\n".join(parts) + "\n"


def markdown(report: Report) -> str:
    """The page as Markdown."""
    shown = report.shown
    parts = [f"# {_m(shown.plan)}: {shown.status}", "", _m(_summary(shown))]
    for step, words in report.words.items():
        parts += ["", f"## Failed: {_m(step)}", "", f"{_m(_why(shown, step))}", ""]
        parts += [f"    {clean(line)}" for line in words.lines]
        parts += ["", f"The rest is in `{words.path}`."] if words.path else []
    if shown.waits:
        parts += ["", "## Waiting", "", *(f"- {_m(wait)}" for wait in _waits(shown))]
    for section in _sections(report):
        parts += ["", f"## {section.title}", "", *_markdown_table(section.heading, section.rows)]
    return "\n".join([*parts, "", f"written by holdfast {report.version}", ""])


def _sections(report: Report) -> list[Section]:
    """The tables of the page that have rows."""
    shown = report.shown
    sections = [
        Section("Steps", ("step", "status", "attempts", "took", "why"), [_step(one, shown) for one in shown.steps]),
        Section("Attempts that failed", ("attempt", "status", "took", "why"), _failed_attempts(shown)),
        Section("Outputs", ("output", "value"), _outputs(shown)),
        Section("Artifacts", ("artifact", "path", "bytes", "digest"), _artifacts(shown)),
        Section("Decisions", ("when", "what", "who", "why"), report.decisions),
        Section("The run", ("what", "is"), [*_head(shown), *report.surroundings]),
    ]
    return [section for section in sections if section.rows]


def _summary(shown: "Shown") -> str:
    steps = latest(shown)
    done = sum(step.status in {"succeeded", "reused", "recovered"} for step in steps)
    took_time = between(shown.started_at, shown.finished_at)
    why = f"; {shown.reason}" if shown.reason else ""
    return f"{done} of {counted(len(steps), 'step')} done, {took_time}, run {shown.run}{why}"


def _head(shown: "Shown") -> list[tuple[str, str]]:
    head = [("run", shown.run), ("plan", shown.plan_file), ("revision", str(shown.revision))]
    head.append(("started", local(shown.started_at)))
    if shown.finished_at:
        head.append(("finished", local(shown.finished_at)))
    head += [(f"input {name}", one_line(compact(value))) for name, value in shown.inputs.items()]
    return head + [("warning", one_line(text)) for text in shown.warnings]


def _step(one: "ShownStep", shown: "Shown") -> tuple[str, ...]:
    first = one.attempts[0].started_at if one.attempts else None
    last = one.attempts[-1].finished_at if one.attempts else None
    why = _why_of(one)
    if one.instances is not None:
        why = "; ".join(part for part in (instances(one, shown), one_line(one.why or "")) if part)
    why = "; ".join(part for part in (why, afterwards(one)) if part)
    return one.step, one.status, str(len(one.attempts) or "-"), between(first, last), why


def _why_of(one: "ShownStep") -> str:
    if one.why:
        return one_line(one.why)
    last = one.attempts[-1] if one.attempts else None
    if last is None:
        return ", ".join(reason.code for reason in one.reasons)
    said = [f"{last.error.code} {last.error.message}"] if last.error else []
    if last.adopted:
        said.append("adopted")
    if len(one.attempts) > 1 and not last.error:
        said.append("tried again")
    return one_line(", ".join(said))


def _why(shown: "Shown", step: str) -> str:
    return next((_why_of(one) for one in shown.steps if one.step == step), "")


def _failed_attempts(shown: "Shown") -> list[tuple[str, ...]]:
    """Every attempt that came to nothing."""
    return [
        (
            f"{one.step} #{attempt.number}",
            attempt.status,
            between(attempt.started_at, attempt.finished_at),
            one_line(f"{attempt.error.code} {attempt.error.message}"),
        )
        for one in shown.steps
        for attempt in one.attempts
        if attempt.error
    ]


def _outputs(shown: "Shown") -> list[tuple[str, ...]]:
    of_plan = shown.outputs.items()
    tell = [one for one in shown.steps if one.instances is None]  # what has instances is told by them
    of_steps = [(f"{one.step}.{name}", value) for one in tell for name, value in one.outputs.items()]
    return [(name, cut(one_line(compact(value)), VALUE_MAX)) for name, value in (*of_plan, *of_steps)]


def _artifacts(shown: "Shown") -> list[tuple[str, ...]]:
    return [
        (f"{one.step}.{name}", made.path, f"{made.size:,}", made.digest)
        for one in shown.steps
        for name, made in one.artifacts.items()
    ]


def _waits(shown: "Shown") -> list[str]:
    return [" ".join(part for part in (wait.step, wait.kind, wait.what) if part) for wait in shown.waits]


def _html_waits(shown: "Shown") -> list[str]:
    items = "".join(f"<li>{_h(text)}</li>" for text in _waits(shown))
    return [f"<h2>Waiting</h2><ul>{items}</ul>"] if items else []


def _html_failures(report: Report) -> list[str]:
    parts = []
    for step, words in report.words.items():
        text = "\n".join(clean(line) for line in words.lines)
        parts.append(f"<h2>Failed: {_h(step)}</h2><p>{_h(_why(report.shown, step))}</p>")
        if words.lines:
            parts.append(f'<pre>{_h(text)}</pre><p class="dim">{_h(words.path)}</p>')
    return parts


def _html_graph(report: Report) -> list[str]:
    picture = svg(report.drawing, statuses(report.shown))
    return [f'<h2>Plan</h2><div class="scroll">{picture}</div>'] if picture else []


def _html_logs(report: Report) -> list[str]:
    """What the other steps said last, folded away."""
    parts = []
    for step, words in report.said.items():
        text = "\n".join(clean(line) for line in words.lines)
        said = f'<pre class="calm">{_h(text)}</pre><p class="dim">{_h(words.path)}</p>'
        parts.append(f"<details><summary>{_h(step)}</summary>{said}</details>")
    return ["<h2>Logs</h2>", *parts] if parts else []


def _html_chart(bars: list[Bar]) -> list[str]:
    if not bars:
        return []
    start, end = span(bars)
    scale = CHART / max(1, end - start)
    drawn = [_html_bar(bar, row, start, scale) for row, bar in enumerate(bars[:BARS_MAX])]
    height = ROW * len(drawn)
    rest = f'<p class="dim">the first {BARS_MAX} of {len(bars):,} attempts</p>' if len(bars) > BARS_MAX else ""
    box = f'<svg viewBox="0 0 {LABEL + CHART + 80} {height}" role=img aria-label="when each attempt ran">'
    return ["<h2>Timeline</h2>", box, *drawn, f"</svg>{rest}"]


def _html_bar(bar: Bar, row: int, start: int, scale: float) -> str:
    left, width = LABEL + (bar.start - start) * scale, max(2.0, (bar.end - bar.start) * scale)
    y, name = row * ROW, bar.name if len(bar.name) <= 30 else bar.name[:29] + "…"
    seconds = took((bar.end - bar.start) / 1e6)
    return (
        f"<g><title>{_h(bar.name)} {_h(bar.status)} {seconds}</title>"
        f'<text x="0" y="{y + 13}">{_h(name)}</text>'
        f'<rect class="{_h(bar.status)}" x="{left:.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW - 6}" rx="2"/>'
        f'<text x="{left + width + 4:.1f}" y="{y + 13}">{seconds}</text></g>'
    )


def _html_table(section: Section) -> str:
    head = "".join(_cell("th", name, name) for name in section.heading)
    rows = [
        "".join(_cell("td", name, text) for name, text in zip(section.heading, row, strict=True))
        for row in section.rows
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _cell(tag: str, column: str, text: str) -> str:
    style = "n" if column in NUMBERS else "long" if column in LONG and tag == "td" else ""
    if column == "status" and tag == "td":
        style = text
    return f'<{tag} class="{_h(style)}">{_h(text)}</{tag}>' if style else f"<{tag}>{_h(text)}</{tag}>"


def _markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}"]
    return lines + [f"| {' | '.join(_m(cell) for cell in row)} |" for row in rows]


def _h(text: str) -> str:
    return escape(clean(text))


def _m(text: str) -> str:
    """Foreign text in Markdown: on one line, with nothing that Markdown or HTML would take for markup."""
    return "".join(f"\\{character}" if character in "\\`*_{}[]<>|#!~&" else character for character in one_line(text))
