"""Cleans and measures the flights: what the middle steps of plan.yaml call.

What a function returns are its step's outputs; what it prints is in `holdfast logs last STEP`.
"""

import csv
import io
import json
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple, TypedDict

ON_TIME = 15
"""Minutes: a flight that arrives less than this late is on time, as the US Department of Transportation counts."""

FOG = 3.0
"""Miles of visibility below which an hour counts as bad, as one with any rain or snow does."""

KEPT = ("origin", "dest", "month", "day", "hour", "dep_delay", "arr_delay")
"""The columns that are kept. No departure delay: canceled. None at arrival only: diverted."""

MONTHS, DAYS, HOURS = (frozenset(map(str, numbers)) for numbers in (range(1, 13), range(1, 32), range(24)))


class Carrier(TypedDict):
    """An airline, and how many flights it has: one item of the fan-out."""

    code: str
    name: str
    flights: int


class Tally(TypedDict):
    """Flights that arrived, and how many of them on time."""

    arrived: int
    on_time: int


class Measured(TypedDict):
    """What is measured of one airline; `hours` has for month and hour "7 18" the departures and their summed delay."""

    code: str
    name: str
    flights: int
    canceled: int
    diverted: int
    arrived: int
    on_time: int
    median_delay: float
    worst_tenth: float
    good: Tally
    bad: Tally
    worst_route: tuple[str, float] | None
    hours: dict[str, tuple[int, int]]


class Flight(NamedTuple):
    """A row that was kept."""

    origin: str
    dest: str
    month: str
    day: str
    hour: str
    dep_delay: int | None
    arr_delay: int | None


def clean(flights: Path, airlines: Path, origin: str, to: Path) -> dict[str, object]:
    """Check every row and write those of each airline to a file of its own; rows that make no sense are left out."""
    with airlines.open(encoding="utf-8", newline="") as file:
        names = {row["carrier"]: row["name"] for row in csv.DictReader(file)}
    kept: defaultdict[str, list[list[str]]] = defaultdict(list)
    read = elsewhere = rejected = 0
    with zipfile.ZipFile(flights) as archive, archive.open("flights.csv") as raw:
        rows = csv.reader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))
        header = next(rows)
        columns, airline = [header.index(name) for name in KEPT], header.index("carrier")
        for row in rows:
            read += 1
            picked = [row[column] for column in columns]
            if not sound(picked) or row[airline] not in names:
                rejected += 1
                print(f"left out, line {read + 1}: {','.join(row)}")
            elif origin not in {"all", picked[0]}:
                elsewhere += 1
            else:
                kept[row[airline]].append(picked)
    to.mkdir(parents=True, exist_ok=True)
    for code, picked_rows in kept.items():
        with (to / f"{code}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(picked_rows)
    carriers = [Carrier(code=code, name=names[code], flights=len(rows)) for code, rows in kept.items()]
    carriers.sort(key=lambda one: -one["flights"])
    total = read - rejected - elsewhere
    print(f"{total:,} flights of {len(carriers)} airlines from {read:,} rows; {rejected} make no sense")
    return {"carriers": carriers, "read": read, "elsewhere": elsewhere, "rejected": rejected, "flights": total}


def sound(picked: list[str]) -> bool:
    """Whether a row has places, a date, an hour, and delays that are numbers or missing."""
    origin, dest, month, day, hour, departure, arrival = picked
    return (
        len(origin) == len(dest) == 3
        and (month in MONTHS and day in DAYS and hour in HOURS)
        and (departure == "NA" or departure.removeprefix("-").isdecimal())
        and (arrival == "NA" or arrival.removeprefix("-").isdecimal())
    )


def weather(weather: Path, to: Path) -> dict[str, object]:
    """List the hours of rain, snow or fog at each airport, as "EWR 7 4 18" for the 4th of July, six in the evening."""
    bad: list[str] = []
    hours = 0
    with weather.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            hours += 1
            if (row["precip"] != "NA" and float(row["precip"]) > 0) or float(row["visib"]) < FOG:
                bad.append(f"{row['origin']} {row['month']} {row['day']} {row['hour']}")
    write(to, bad)
    print(f"{len(bad):,} of {hours:,} hours")
    return {"hours": hours, "bad": len(bad)}


def measure(carrier: Carrier, folder: Path, weather: Path, to: Path) -> dict[str, object]:
    """Measure one airline: how late it is, when, where to, and what rain does to it."""
    hours_bad = frozenset(json.loads(weather.read_bytes()))
    total = canceled = diverted = 0
    late: list[int] = []
    tallies = {known: Tally(arrived=0, on_time=0) for known in (False, True)}
    routes: defaultdict[str, list[int]] = defaultdict(list)
    departed, delay = Counter[str](), Counter[str]()
    for flight in flights(folder / f"{carrier['code']}.csv"):
        total += 1
        if flight.dep_delay is None:
            canceled += 1
            continue
        slot = f"{flight.month} {flight.hour}"
        departed[slot] += 1
        delay[slot] += flight.dep_delay
        if flight.arr_delay is None:
            diverted += 1
            continue
        late.append(flight.arr_delay)
        routes[f"{flight.origin}–{flight.dest}"].append(flight.arr_delay)
        tally = tallies[f"{flight.origin} {flight.month} {flight.day} {flight.hour}" in hours_bad]
        tally["arrived"] += 1
        tally["on_time"] += flight.arr_delay < ON_TIME
    cuts = quantiles(late, n=10) if len(late) > 1 else [float(sum(late))] * 9
    measured = Measured(
        code=carrier["code"],
        name=carrier["name"],
        flights=total,
        canceled=canceled,
        diverted=diverted,
        arrived=len(late),
        on_time=sum(tally["on_time"] for tally in tallies.values()),
        median_delay=cuts[4],
        worst_tenth=cuts[8],
        good=tallies[False],
        bad=tallies[True],
        worst_route=max(
            ((route, sum(delays) / len(delays)) for route, delays in routes.items() if len(delays) >= 100),
            key=lambda one: one[1],
            default=None,
        ),
        hours={slot: (departed[slot], delay[slot]) for slot in departed},
    )
    write(to, measured)
    print(f"{carrier['name']}: {total:,} flights, {measured['on_time']:,} of {len(late):,} on time")
    return {"flights": total, "file": str(to)}


def flights(path: Path) -> Iterator[Flight]:
    """The rows of a cleaned file."""
    with path.open(encoding="utf-8", newline="") as file:
        for origin, dest, month, day, hour, departure, arrival in csv.reader(file):
            yield Flight(origin, dest, month, day, hour, minutes(departure), minutes(arrival))


def minutes(text: str) -> int | None:
    """A delay; none where it is missing."""
    return None if text == "NA" else int(text)


def join(carriers: list[Carrier], measured: dict[str, dict[str, object]], to: Path) -> dict[str, object]:
    """Put the airlines together, the most punctual first; those whose step failed are listed as missing."""
    found: list[Measured] = [json.loads(Path(str(one["file"])).read_bytes()) for one in measured.values()]
    found.sort(key=lambda one: -share(one["on_time"], one["arrived"]))
    missing = [one for one in carriers if one["code"] not in measured]
    write(to, {"measured": found, "missing": missing})
    on_time, arrived = (sum(one[key] for one in found) for key in ("on_time", "arrived"))
    lacking = ", ".join(one["code"] for one in missing) or "none"
    print(f"{len(found)} airlines, {share(on_time, arrived):.1%} on time; missing: {lacking}")
    return {
        "flights": sum(one["flights"] for one in found),
        "on_time": round(share(on_time, arrived), 4),
        "best": found[0]["name"],
        "missing": [one["code"] for one in missing],
        "missing_flights": sum(one["flights"] for one in missing),
    }


def share(part: int, whole: int) -> float:
    """A part of a whole; 0 where there is none."""
    return part / whole if whole else 0.0


def write(path: Path, value: object) -> None:
    """Write a value as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")
