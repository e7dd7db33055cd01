"""Silent commands take turns with log files, and no output is ever lost or another's (semantics C2)."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from holdfast.engine.keeper.attempt import Attempt
from holdfast.engine.keeper.clocks import NAMED_S, Clocks
from holdfast.engine.keeper.spares import FOLDER, Spares
from holdfast.engine.keeper_messages import Stop
from tests.unit.engine.keeper_rig import Rig, eventually
from tests.unit.engine.workshop import Workshop

if TYPE_CHECKING:
    from holdfast.engine.keeper.wire import Spawn

COMMANDS = 24


@pytest.fixture
def spares(tmp_path: Path) -> Spares:
    return Spares(str(tmp_path))


@pytest.fixture
def silent(make_rig: Callable[..., Rig]) -> Iterator[Rig]:
    rig = make_rig()
    yield rig
    rig.client.finish()
    assert not (rig.run_dir / FOLDER).exists()


def _attempt(folder: Path, spares: Spares, name: str = "a") -> Attempt:
    """One that has been given spare files, and has opened them."""
    request: Spawn = {
        "op": "spawn", "id": name, "argv": ["true"], "cwd": "/", "env": {},
        "stdout": str(folder / f"{name}.out"), "stderr": str(folder / f"{name}.err"),
    }  # fmt: skip
    attempt = Attempt(request, (os.getpid(), 0, 0, 0), {})
    attempt.spare = spares.take()
    assert attempt.spare is not None
    for path in attempt.spare:
        Path(path).touch()
    return attempt


def test_files_that_nothing_was_written_to_are_the_next_ones(tmp_path: Path, spares: Spares) -> None:
    attempt = _attempt(tmp_path, spares)
    pair = attempt.spare
    assert not spares.settle(attempt, is_clean=True)
    assert (attempt.spare, spares.take()) == (None, pair)
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER]


@pytest.mark.parametrize("stream", [0, 1])
def test_files_that_were_written_to_are_logs(tmp_path: Path, spares: Spares, stream: int) -> None:
    attempt = _attempt(tmp_path, spares)
    pair = attempt.spare
    assert pair is not None
    Path(pair[stream]).write_text("said\n")
    assert spares.settle(attempt, is_clean=True)
    assert [Path(log).read_text() for log in attempt.logs] == (["said\n", ""] if stream == 0 else ["", "said\n"])
    assert spares.take() != pair


def test_files_that_something_may_still_write_to_are_logs(tmp_path: Path, spares: Spares) -> None:
    attempt = _attempt(tmp_path, spares)
    pair = attempt.spare
    assert not spares.settle(attempt, is_clean=False)
    assert all(map(os.path.exists, attempt.logs))
    assert spares.take() != pair


def test_a_log_that_cannot_have_its_name_is_told_of_and_stands_in_nobodys_way(
    tmp_path: Path, spares: Spares, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt = _attempt(tmp_path, spares)
    Path(attempt.logs[0]).mkdir()
    assert attempt.spare is not None
    Path(attempt.spare[1]).write_text("said\n")
    assert spares.settle(attempt, is_clean=True)
    assert "cannot be renamed" in capsys.readouterr().err
    assert Path(attempt.logs[1]).read_text() == "said\n"


def test_there_are_none_where_there_can_be_no_folder(tmp_path: Path) -> None:
    (tmp_path / FOLDER).touch()
    spares = Spares(str(tmp_path))
    assert spares.take() is None
    spares.remove()


def test_what_is_free_goes_with_the_keeper(tmp_path: Path, spares: Spares) -> None:
    one, other = _attempt(tmp_path, spares), _attempt(tmp_path, spares, "b")
    spares.settle(one, is_clean=True)
    spares.settle(other, is_clean=True)
    spares.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_silent_command_is_looked_at_when_it_is_not_quick() -> None:
    clocks = Clocks({"id": "a", "stdout": "a", "stderr": "a", "silent": True})
    assert clocks.due <= time.monotonic() + NAMED_S
    clocks.named_at = float("inf")
    assert clocks.expired(time.monotonic()) is None
    assert clocks.due == float("inf")


def test_whoever_prints_has_it_in_its_own_log(silent: Rig) -> None:
    for n in range(COMMANDS):
        name, says = f"s{n}", n % 3 == 0
        silent.spawn(name, f"echo {name}; echo {name} >&2" if says else "true", silent=True)
        assert silent.exited(name).printed == says
        for log in (silent.out(name), silent.err(name)):
            assert (log.read_text() if log.exists() else "") == (f"{name}\n" if says else "")


def test_whoever_takes_its_time_has_its_log_meanwhile(silent: Rig) -> None:
    os.mkfifo(silent.run_dir / "pipe")
    silent.spawn("a", "echo begun; read line < pipe; echo $line", silent=True)
    eventually(lambda: silent.out("a").exists() and silent.out("a").read_text() == "begun\n")
    (silent.run_dir / "pipe").write_text("done\n")
    assert silent.exited("a").printed
    assert silent.out("a").read_text() == "begun\ndone\n"


def test_whoever_is_stopped_or_leaves_something_keeps_its_files(silent: Rig) -> None:
    silent.spawn("a", "sleep 1000", silent=True)
    silent.spawned("a")
    silent.send(Stop("a", grace_s=0.0))
    assert silent.exited("a").why == "stopped"
    silent.spawn("b", "sleep 1000 & exit 0", silent=True, grace_s=0.0)
    assert silent.exited("b").left
    assert all(log.read_text() == "" for name in "ab" for log in (silent.out(name), silent.err(name)))


def test_a_command_that_cannot_be_started_costs_no_files(silent: Rig) -> None:
    silent.spawn("a", ["/no/such/program"], silent=True)
    silent.failed("a")
    silent.spawn("b", "echo b", silent=True)
    assert silent.exited("b").printed
    assert silent.out("b").read_text() == "b\n"


def test_one_of_many_silent_steps_that_prints_after_all_has_its_log(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    steps = "".join(f"  s{n}: {{run: 'test $HOLDFAST_STEP != s20 || echo said'}}\n" for n in range(COMMANDS))
    end = shop.run(f"limits: {{concurrency: 2}}\nsteps:\n{steps}")
    assert end.status == "succeeded"
    logs = shop.app.logs_folder(end.run) / "logs"
    assert (logs / "s20.1.out").read_text() == "said\n"
    assert [path.name for path in logs.iterdir() if path.stat().st_size] == ["s20.1.out"]
    assert not (logs.parent / FOLDER).exists()
