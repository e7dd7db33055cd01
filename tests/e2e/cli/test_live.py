"""The live view on a real terminal, and plain lines elsewhere."""

from pathlib import Path

import pytest

from tests.e2e.cli.program import Running, wait_until
from tests.e2e.cli.terminal import on_terminal, screen

WAITING = """
plan: sample
steps:
  quick: {run: "true"}
  build:
    run: |
      printf 'compiling \\033[2J\\033[31mmain.c\\033[0m with a very long line'
      printf ' that no terminal of eighty columns has room for at all\\n'
      touch started
      while [ ! -e go ]; do sleep 0.05; done
  test: {run: "true", depends_on: [build]}
"""


@pytest.fixture(autouse=True)
def plan(folder: Path) -> None:
    (folder / "plan.yaml").write_text(WAITING)


def test_running_steps_are_redrawn_in_place(folder: Path) -> None:
    with on_terminal("run", "plan.yaml", cwd=folder) as terminal:
        terminal.until("compiling")
        terminal.until(r"1\.\ds")
        seen = screen(terminal.text)
        assert [line for line in seen if line.startswith("running    build")] == [
            next(line for line in seen if "compiling main.c with a very" in line)
        ]
        assert seen[-2].startswith("1 done, 1 running, 1 waiting, 0 failed of 3  ")
        assert max(map(len, seen)) < 80
        (folder / "go").touch()
        assert terminal.end() == 0
        seen = [line for line in screen(terminal.text) if line]
        assert [line.split()[:2] for line in seen[-4:-1]] == [["done", "quick"], ["done", "build"], ["done", "test"]]
        assert seen[-1].startswith("sample succeeded in ")
        assert not [line for line in seen if line.startswith("running")]


def test_the_view_fits_a_narrow_terminal(folder: Path) -> None:
    with on_terminal("run", "plan.yaml", cwd=folder, columns=40) as terminal:
        terminal.until("compiling")
        terminal.until(r"1\.\ds")
        assert max(map(len, screen(terminal.text))) < 40
        (folder / "go").touch()
        assert terminal.end() == 0


def test_ctrl_c_pauses_and_the_view_says_so(folder: Path) -> None:
    with on_terminal("run", "plan.yaml", cwd=folder) as terminal:
        terminal.until("compiling")
        terminal.process.send_signal(2)
        terminal.until("pausing: running steps are awaited")
        (folder / "go").touch()
        assert terminal.end() == 130
        assert "holdfast resume" in terminal.text


@pytest.mark.parametrize("plain", [{"CI": "1"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_lines_are_plain_where_nothing_may_be_redrawn(folder: Path, plain: dict[str, str]) -> None:
    (folder / "go").touch()
    with on_terminal("--color", "never", "run", "plan.yaml", cwd=folder, env=plain) as terminal:
        assert terminal.end() == 0
        assert "\x1b" not in terminal.text
        assert "done       build" in terminal.text


def test_an_open_question_is_asked_at_the_terminal(folder: Path) -> None:
    (folder / "plan.yaml").write_text("plan: pay\nsteps:\n  pay: {run: 'exit 1', effect: once}\n")
    with on_terminal("run", "plan.yaml", cwd=folder) as terminal:
        terminal.until("answer .*: ")
        terminal.type("maybe\n")
        terminal.until("one of happened, not-happened, skip")
        terminal.type("hap\n")
        assert terminal.end() == 0
        assert "pay succeeded" in screen(terminal.text)[-2]


def test_a_question_that_is_left_stays_open(folder: Path) -> None:
    (folder / "plan.yaml").write_text("plan: pay\nsteps:\n  pay: {run: 'exit 1', effect: once}\n")
    with on_terminal("run", "plan.yaml", cwd=folder) as terminal:
        terminal.until("answer .*: ")
        terminal.type("\n")
        assert terminal.end() == 4


def test_yes_asks_nothing(folder: Path) -> None:
    (folder / "plan.yaml").write_text("plan: pay\nsteps:\n  pay: {run: 'exit 1', effect: once}\n")
    with on_terminal("run", "plan.yaml", "--yes", cwd=folder) as terminal:
        assert terminal.end() == 4
        assert "answer" not in terminal.text


def test_another_process_watches_the_same_view(folder: Path) -> None:
    running = Running("run", "plan.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    with on_terminal("watch", cwd=folder) as terminal:
        terminal.until("running.* build .*compiling main.c")
        (folder / "go").touch()
        assert terminal.end() == 0
        assert screen(terminal.text)[-2].startswith("sample succeeded in ")
        assert not [line for line in screen(terminal.text) if "quick" in line]
    assert running.wait() == 0


def test_logs_are_followed_while_a_run_goes_on(folder: Path) -> None:
    running = Running("run", "plan.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    following = Running("logs", "last", "-f", cwd=folder)
    wait_until(lambda: "build | compiling" in following.out)
    (folder / "go").touch()
    assert (running.wait(), following.wait()) == (0, 0)


def test_followers_end_when_the_engine_was_killed(folder: Path) -> None:
    running = Running("run", "plan.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    following = Running("events", "last", "-f", cwd=folder)
    wait_until(lambda: "attempt.started" in following.out)
    running.send_signal(9)
    running.wait()
    assert following.wait() == 0
    (folder / "go").touch()
    assert Running("resume", cwd=folder).wait() == 0
