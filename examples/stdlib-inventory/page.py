"""Draws the inventory: a chart as SVG, and the report, one HTML page that loads nothing."""

import json
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TypedDict

ROW, NAME, BAR, GAP = 24, 150, 250, 50
"""Pixels of a chart: height of a row, width of the names, of the longest bar, of the number behind it."""

CHART_STYLE = """
.chart { color: #1f2933; font: 13px system-ui, sans-serif }
.chart text { fill: currentColor } .chart .title { font-weight: 600 } .chart .number { fill-opacity: .65 }
.chart .a { fill: #2f7d6b } .chart .b { fill: #b4632f }
@media (prefers-color-scheme: dark) {
  .chart { color: #e4e7eb } .chart .a { fill: #4fb39b } .chart .b { fill: #dd8a52 }
}
"""

STYLE = """
:root { color-scheme: light dark; --line: #d5dae0; --dim: #66707c; --card: #f4f6f8; --paper: #fff; --ink: #1f2933;
  --ok: #2f7d6b; --bad: #c4372c }
@media (prefers-color-scheme: dark) { :root { --line: #3a424c; --dim: #98a3af; --card: #222930; --paper: #171c21;
  --ink: #e4e7eb; --ok: #4fb39b; --bad: #f0766a } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 980px; margin: 0 auto; padding: 2.5rem 1.2rem }
h1 { font-size: 1.7rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.6rem 0 .6rem } p { margin: .3rem 0 }
.dim, th { color: var(--dim) } svg { width: 100%; height: auto; display: block }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.4rem 0 }
.cards div { background: var(--card); border-radius: .5rem; padding: .6rem 1.1rem; flex: 1 1 7rem }
.cards b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; width: 100%; font-size: .92rem } tr { border-bottom: 1px solid var(--line) }
th { font-weight: 500; white-space: nowrap } th, td { padding: .3rem .7rem .3rem 0; text-align: left }
.n { text-align: right; font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto } summary { cursor: pointer; padding: .6rem 0; color: var(--dim) }
code, pre { font: .88em ui-monospace, monospace }
pre { background: var(--card); border-radius: .5rem; padding: .8rem 1.1rem; overflow-x: auto }
.time { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; font-size: .92rem }
.time code { align-self: center } .track { position: relative; height: 1.5rem }
.track i { position: absolute; top: .25rem; height: 1rem; border-radius: .2rem; background: var(--ok) }
.track i:not(.succeeded) { background: var(--bad) }
.track span { position: absolute; padding: 0 .5rem; color: var(--dim); white-space: nowrap }
"""

TABLE_ROWS = 20
"""Modules in the table; the others are folded away below it."""


class Module(TypedDict):
    """What data/inventory.json says of a module."""

    module: str
    files: int
    code: int
    lines: int
    imports: list[str]
    imported_by: list[str]
    import_ms: float | None


class Error(TypedDict):
    """Why an attempt failed."""

    code: str
    message: str


class Attempt(TypedDict):
    """What `holdfast show --json` says of an attempt, as far as the page needs it."""

    number: int
    status: str
    error: Error | None
    started_at: str
    finished_at: str | None


class Step(TypedDict):
    """What it says of a step."""

    step: str
    status: str
    attempts: list[Attempt]
    outputs: dict[str, object]


class Run(TypedDict):
    """What it says of a run."""

    run: str
    plan: str
    created_at: str
    steps: list[Step]


def chart(inventory: str, top: int, to: str) -> dict[str, object]:
    """Draw the largest and the most imported modules, side by side."""
    modules: list[Module] = json.loads(Path(inventory).read_bytes())
    largest = [(one["module"], one["code"]) for one in modules[:top]]
    users = sorted(((one["module"], len(one["imported_by"])) for one in modules), key=lambda one: -one[1])[:top]
    width, height = 2 * (NAME + BAR + GAP) + 20, ROW * (max(len(largest), len(users)) + 1) + 10
    parts = [
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>The largest and the most imported modules</title>",
        f"<style>{CHART_STYLE}</style>",
        *bars("Largest, in lines of code", largest, "a", 0),
        *bars("Most imported, by how many modules", users, "b", NAME + BAR + GAP + 20),
        "</svg>\n",
    ]
    Path(to).write_text("\n".join(parts), encoding="utf-8")
    return {"bars": len(largest) + len(users)}


def bars(title: str, values: list[tuple[str, int]], style: str, left: int) -> list[str]:
    """One chart of horizontal bars, the longest of them `BAR` wide."""
    most = max((value for _, value in values), default=0) or 1
    parts = [f'<text class="title" x="{left}" y="16">{escape(title)}</text>']
    for row, (name, value) in enumerate(values, 1):
        y, long = row * ROW + 6, max(2, round(value / most * BAR))
        parts += [
            f'<text x="{left + NAME - 10}" y="{y + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{style}" x="{left + NAME}" y="{y + 1}" width="{long}" height="{ROW - 8}" rx="3"/>',
            f'<text class="number" x="{left + NAME + long + 6}" y="{y + 13}">{value:,}</text>',
        ]
    return parts


def report(folder: str, chart: str, to: str) -> dict[str, object]:
    """Write the page: the numbers, the chart, what the run did when, and all modules."""
    modules: list[Module] = json.loads(Path(folder, "inventory.json").read_bytes())
    run: Run = json.loads(Path(folder, "run.json").read_bytes())
    found = next(step["outputs"] for step in run["steps"] if step["step"] == "find")
    imports = sum(len(one["imports"]) for one in modules)
    cards = [
        (len(modules), "modules"),
        (sum(one["files"] for one in modules), "files"),
        (sum(one["code"] for one in modules), "lines of code"),
        (imports, "imports of each other"),
    ]
    parts = [
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>The standard library of Python {found['version']}</title><style>{STYLE}</style><main>",
        f"<h1>The standard library of Python {escape(str(found['version']))}</h1>",
        f'<p class="dim">Measured {moment(run["created_at"]):%Y-%m-%d at %H:%M} by run',
        f"<code>{escape(run['run'])}</code> of plan.yaml; its tests are left out.</p>",
        '<div class="cards">',
        *(f"<div><b>{number:,}</b>{escape(name)}</div>" for number, name in cards),
        "</div>",
        Path(chart).read_text(encoding="utf-8"),
        *timeline(run),
        *table(modules),
        "<h2>What now</h2><p>In the folder of plan.yaml:</p>",
        f"<pre>{NEXT}</pre></main></html>\n",
    ]
    Path(to).write_text("\n".join(parts), encoding="utf-8")
    return {"bytes": Path(to).stat().st_size}


NEXT = """holdfast show last                     what ran, what it gave and made
holdfast logs last timing --attempt 1  what the attempt that failed had to say
holdfast run plan.yaml -i top=20       again, with longer charts
holdfast run plan.yaml &amp; sleep 2; kill -9 $!; holdfast resume"""


ON_PURPOSE = ", on purpose; its <code>retry</code> in plan.yaml gave it another"


def timeline(run: Run) -> list[str]:
    """One row a step, one bar an attempt."""
    ended = [
        (step["step"], one, moment(one["started_at"]), moment(one["finished_at"]))
        for step in run["steps"]
        for one in step["attempts"]
        if one["finished_at"]
    ]
    start = min(begin for _, _, begin, _ in ended)
    whole = max((end - start).total_seconds() for _, _, _, end in ended) or 1.0
    ended.sort(key=lambda one: one[2])
    parts = ["<h2>What the run did</h2>", '<div class="time">']
    for name in dict.fromkeys(name for name, _, _, _ in ended):
        parts.append(f'<code>{escape(name)}</code><div class="track">')
        mine = [one for one in ended if one[0] == name]
        for _, one, begin, end in mine:
            left, width = (begin - start).total_seconds() / whole, (end - begin).total_seconds() / whole
            said = one["status"] if one["error"] is None else f"{one['status']}: {one['error']['message']}"
            parts.append(
                f'<i class="{escape(one["status"])}" style="left:{left * 80:.2f}%;width:max(3px,{width * 80:.2f}%)"'
                f' title="attempt {one["number"]} {escape(said)}"></i>'
            )
        last = (mine[-1][3] - start).total_seconds() / whole
        took = sum((end - begin).total_seconds() for _, _, begin, end in mine)
        tries = f", {len(mine)} attempts" if len(mine) > 1 else ""
        parts.append(f'<span style="left:{last * 80:.2f}%">{took:.2f} s{tries}</span></div>')
    parts.append("</div>")
    failed = [(name, one) for name, one, _, _ in ended if one["error"]]
    for name, one in failed:
        message = one["error"]["message"] if one["error"] else ""
        parts.append(
            f'<p class="dim">Attempt {one["number"]} of <code>{escape(name)}</code>: {escape(message)}'
            f"{ON_PURPOSE if name == 'timing' and one['status'] == 'failed' else ''}.</p>"
        )
    return parts


def table(modules: list[Module]) -> list[str]:
    """All modules, the largest in sight."""
    head = (
        '<tr><th>module<th class="n">files<th class="n">code<th class="n">lines<th class="n">imports'
        '<th class="n">imported by<th class="n">import, ms</tr>'
    )
    rows = [row(one) for one in modules]
    parts = ["<h2>The modules</h2>", f'<div class="scroll"><table>{head}', *rows[:TABLE_ROWS], "</table></div>"]
    if len(rows) > TABLE_ROWS:
        parts += [f"<details><summary>{len(rows) - TABLE_ROWS} more</summary>", f'<div class="scroll"><table>{head}']
        parts += [*rows[TABLE_ROWS:], "</table></div></details>"]
    return parts


def row(one: Module) -> str:
    """A module's row."""
    numbers = [one["files"], one["code"], one["lines"], len(one["imports"]), len(one["imported_by"])]
    cells = "".join(f'<td class="n">{number:,}' for number in numbers)
    millis = "" if one["import_ms"] is None else f"{one['import_ms']:.1f}"
    return f'<tr><td><code>{escape(one["module"])}</code>{cells}<td class="n">{millis}</tr>'


def moment(text: str) -> datetime:
    """A time of the journal, as local time."""
    return datetime.fromisoformat(text).astimezone()
