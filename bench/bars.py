"""The bars: what must hold, what is aimed for; and the table of medians beside them."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Line = Mapping[str, object]


class Medians:
    """Medians over the rounds of one session, by workload, contender and figure."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    def __call__(self, workload: str, who: str, figure: str = "per_s") -> float:
        """The median; `KeyError` where nothing was measured."""
        found = self.all(workload, who, figure)
        if not found:
            raise KeyError(f"{workload} {who} {figure}")
        return statistics.median(found)

    def all(self, workload: str, who: str, figure: str) -> list[float]:
        """Every round's value."""
        lines = [line for line in self._lines if line["w"] == workload and line["who"] == who and figure in line]
        return [float(str(line[figure])) for line in lines]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Every workload and contender, as they first came."""
        yield from dict.fromkeys((str(line["w"]), str(line["who"])) for line in self._lines)


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing that is asked for. `at_least`: more is better."""

    workload: str
    what: str
    value: Callable[[Medians], float]
    bar: float
    stretch: float
    at_least: bool = True

    def holds(self, value: float, limit: float) -> bool:
        """Whether the value is on the right side."""
        return value >= limit if self.at_least else value <= limit


def ratio(workload: str, peer: str, who: str = "holdfast") -> Callable[[Medians], float]:
    """Holdfast's rate over another's."""
    return lambda m: m(workload, who) / m(workload, peer)


def seconds(who: str, other: str) -> Callable[[Medians], float]:
    """How many times as long one takes as the other, as whole processes."""
    return lambda m: m("W1", who, "s") / m("W1", other, "s")


def figure(workload: str, name: str, who: str = "holdfast") -> Callable[[Medians], float]:
    """One figure."""
    return lambda m: m(workload, who, name)


def _per_step(name: str, factor: float) -> Callable[[Medians], float]:
    return lambda m: (m("W8", "100k", name) - m("W8", "10k", name)) * factor / 90_000


def _more(workload: str, who: str, name: str, than: str = "holdfast") -> Callable[[Medians], float]:
    return lambda m: m(workload, who, name) / m(workload, than, name)


def _syncs(shape: str, few: int, many: int) -> Callable[[Medians], float]:
    return lambda m: (m("syncs", f"{shape} {many}", "syncs") - m("syncs", f"{shape} {few}", "syncs")) / (many - few)


def _worst(workload: str, name: str) -> Callable[[Medians], float]:
    return lambda m: max(m.all(workload, "holdfast", name) or [m(workload, "holdfast", name)])


def _lag(m: Medians) -> float:
    return m("slow disk", "holdfast slow") / m("slow disk", "holdfast")


BARS = (
    Bar("W1", "one step, times a Python with imports", seconds("holdfast", "python imports"), 4.5, 3.2, at_least=False),
    Bar("W1", "times faster than DBOS", seconds("dbos", "holdfast"), 12, 20),
    Bar("W1", "RSS, MiB", figure("W1", "rss_mib"), 40, 30, at_least=False),
    Bar("W1", "version, times `python -c pass`", seconds("holdfast version", "python -c pass"), 3, 2, at_least=False),
    Bar("W2", "times DBOS", ratio("W2", "dbos"), 8, 12),
    Bar("W2", "of single-row commits", ratio("W2", "floor"), 0.45, 0.75),
    Bar("W3 c=2", "times DBOS", ratio("W3 c=2", "dbos"), 40, 80),
    Bar("W3 c=2", "times doit", ratio("W3 c=2", "doit"), 2, 4),
    Bar("W3 c=2", "µs CPU a step", figure("W3 c=2", "cpu_us"), 50, 25, at_least=False),
    Bar("W3 c=64", "times DBOS", ratio("W3 c=64", "dbos"), 40, 80),
    Bar("W3 c=64", "times doit", ratio("W3 c=64", "doit"), 2, 4),
    Bar("W3 c=64", "µs CPU a step", figure("W3 c=64", "cpu_us"), 50, 25, at_least=False),
    Bar("fan-out", "of own W3", ratio("fan-out", "holdfast", who="for_each"), 0.8, 1.0),
    Bar("fan-out", "µs CPU an instance", lambda m: m("fan-out", "for_each", "cpu_us"), 50, 35, at_least=False),
    Bar("fan-out", "RSS, times that of own W3", _more("fan-out", "for_each", "rss_mib"), 1.5, 1.2, at_least=False),
    Bar("W4", "times DBOS", ratio("W4", "dbos"), 25, 45),
    Bar("W4", "of own W3", lambda m: m("W4", "holdfast") / m("W3 c=2", "holdfast"), 0.6, 0.8),
    Bar("W5 -j2", "of ninja", ratio("W5 -j2", "ninja"), 0.7, 0.9),
    Bar("W5 -j2", "CPU, times ninja's", _more("W5 -j2", "holdfast", "cpu_us", "ninja"), 1.4, 1.1, at_least=False),
    Bar("W5 -j2", "of posix_spawn in C", ratio("W5 -j2", "posix_spawn in C"), 0.7, 0.9),
    Bar("W5 -j2", "of it without shells", ratio("W5 -j2", "C direct", who="holdfast direct"), 0.7, 0.9),
    Bar("W5 -j4", "of ninja", ratio("W5 -j4", "ninja"), 0.7, 0.9),
    Bar("W5 -j4", "CPU, times ninja's", _more("W5 -j4", "holdfast", "cpu_us", "ninja"), 1.4, 1.1, at_least=False),
    Bar("W5 -j4", "of posix_spawn in C", ratio("W5 -j4", "posix_spawn in C"), 0.7, 0.9),
    Bar("W5 -j4", "of it without shells", ratio("W5 -j4", "C direct", who="holdfast direct"), 0.7, 0.9),
    Bar("latency", "p50, times a bare loop's", _more("latency", "holdfast", "p50_us", "floor"), 3, 2, at_least=False),
    Bar("latency", "p99, times a bare loop's", _more("latency", "holdfast", "p99_us", "floor"), 3, 2, at_least=False),
    Bar("1 GB", "engine's RSS, MiB", figure("1 GB", "engine_mib"), 60, 40, at_least=False),
    Bar("1 GB", "keeper's RSS, MiB", figure("1 GB", "keeper_mib"), 60, 15, at_least=False),
    Bar("W7", "first new step, ms", lambda m: m("W7", "holdfast", "s") * 1000, 150, 80, at_least=False),
    Bar("W7", "journaled steps repeated", _worst("W7", "journaled_again"), 0, 0, at_least=False),
    Bar("W8", "rate at 100,000 of that at 10,000", lambda m: m("W8", "100k") / m("W8", "10k"), 0.85, 0.95),
    Bar("W8", "KiB of memory a step", _per_step("rss_mib", 1024), 1.5, 0.8, at_least=False),
    Bar("W8", "bytes of disk a step", _per_step("disk_bytes", 1), 600, 300, at_least=False),
    Bar("W8", "rate after 1 M steps of that without", lambda m: m("W8", "10k after 1M") / m("W8", "10k"), 0.95, 1.0),
    Bar("W9 1MiB", "of file + fdatasync", ratio("W9 1MiB", "floor"), 0.5, 0.75),
    Bar("W9 1MiB", "RSS, MiB", figure("W9 1MiB", "rss_mib"), 61, 31, at_least=False),
    Bar("W9 100MiB", "of file + fdatasync", ratio("W9 100MiB", "floor"), 0.5, 0.75),
    Bar("W9 100MiB", "RSS, MiB", figure("W9 100MiB", "rss_mib"), 160, 130, at_least=False),
    Bar("W10 together", "runs/s", figure("W10 together", "per_s"), 2000, 4000),
    Bar("W10 in turn", "runs/s", figure("W10 in turn", "per_s"), 600, 1000),
    Bar("slow disk", "of W3 without the lag", _lag, 0.8, 0.9),
    Bar("syncs", "per step of W3", _syncs("wide", 5000, 10000), 0.05, 0.02, at_least=False),
    Bar("syncs", "per step of W2", _syncs("chain", 1000, 2000), 1.0, 1.0, at_least=False),
)  # fmt: skip


def table(lines: list[Line]) -> str:
    """Every contender's medians, then every bar."""
    medians = Medians(lines)
    heads = ("workload", "who", "rounds", "per s", "seconds", "min", "max", "CPU us", "RSS", "load", "sync")
    out = ["{:14}{:22}{:>6}{:>11}{:>10}{:>9}{:>9}{:>11}{:>8}{:>6}{:>6}".format(*heads)]
    for workload, who in medians.rows():
        seconds = medians.all(workload, who, "s")
        if not seconds:
            out.append(f"{workload:14}{who:22} failed")
            continue
        figures = [medians(workload, who, name) for name in ("per_s", "s", "cpu_us", "rss_mib", "load", "sync_us")]
        rate, wall, cpu, rss, load, sync = figures
        out.append(
            f"{workload:14}{who:22}{len(seconds):6}{rate:11,.1f}{wall:10.4f}{min(seconds):9.4f}{max(seconds):9.4f}"
            f"{cpu:11,.1f}{rss:8.1f}{load:6.2f}{sync:6.0f}"
        )  # fmt: skip
    out += ["", f"{'workload':14}{'asked for':40}{'measured':>10}{'bar':>9}{'stretch':>9}"]
    for bar in BARS:
        try:
            value = bar.value(medians)
        except KeyError:
            continue
        word = "stretch" if bar.holds(value, bar.stretch) else "bar" if bar.holds(value, bar.bar) else "MISSED"
        out.append(f"{bar.workload:14}{bar.what:40}{value:10.2f}{bar.bar:9g}{bar.stretch:9g}  {word}")
    return "\n".join(out)
