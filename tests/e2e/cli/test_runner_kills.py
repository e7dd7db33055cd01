"""The engine is killed in the middle of a download and of a push: the work goes on, and is not done twice."""

import os
import signal
import socket
import subprocess
import threading
from functools import partial
from pathlib import Path

import pytest

from holdfast.engine.keeper_facts import read_facts
from holdfast.engine.processes import Identity, is_alive
from tests.e2e.cli.program import Program, Running, wait_until
from tests.unit.runners import web

DATA = b"0123456789" * 100_000
HALF = len(DATA) // 2


def gone(identity: Identity) -> bool:
    return not is_alive(identity)


def kill_engine(running: Running) -> None:
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL


def kill_keeper(folder: Path) -> None:
    """As a power cut does."""
    for path in (folder / ".holdfast" / "runs").glob("*"):
        keeper = read_facts(path).keeper
        assert keeper is not None
        os.kill(keeper.pid, signal.SIGKILL)
        wait_until(partial(gone, Identity(keeper.boot, keeper.pid, keeper.start)))


def has_half(folder: Path) -> bool:
    part = folder / "data.bin.part"
    return part.exists() and part.stat().st_size == HALF


def download(folder: Path, server: web.Server) -> None:
    step = f"{{uses: http, with: {{url: '{server.url('/data')}', to: data.bin}}, produces: {{data: data.bin}}}}"
    (folder / "plan.yaml").write_text(f"plan: fetch\nsteps: {{get: {step}}}\n")


def halting(go: threading.Event) -> web.Script:
    """Half of the data, and the rest when it may go on."""

    def answer(asked: web.Asked, connection: socket.socket) -> None:
        connection.sendall(
            f'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: {len(DATA)}\r\n\r\n'.encode() + DATA[:HALF]
        )
        go.wait(30)
        connection.sendall(DATA[HALF:])

    return answer


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_download_goes_on_while_the_engine_is_dead_and_is_adopted(program: Program, folder: Path) -> None:
    # semantics C2
    go = threading.Event()
    with web.serving(halting(go)) as server:
        download(folder, server)
        running = Running("run", "plan.yaml", cwd=folder)
        wait_until(partial(has_half, folder))
        kill_engine(running)
        go.set()
        wait_until((folder / "data.bin").exists)
        assert program("resume").code == 0
    assert (folder / "data.bin").read_bytes() == DATA
    assert len(server.asked) == 1
    (step,) = program("show", "last", "--json").document["steps"]
    assert [attempt["adopted"] for attempt in step["attempts"]] == [True]
    assert step["artifacts"]["data"]["size"] == len(DATA)


def test_after_a_power_cut_a_download_goes_on_from_its_part(program: Program, folder: Path) -> None:
    # semantics C3
    ranged = f"bytes {HALF}-{len(DATA) - 1}/{len(DATA)}"
    rest = web.reply("206 Partial", DATA[HALF:], Content_Range=ranged, ETag='"1"')
    go = threading.Event()
    with web.serving(web.each(halting(go), rest)) as server:
        download(folder, server)
        running = Running("run", "plan.yaml", cwd=folder)
        wait_until(partial(has_half, folder))
        kill_engine(running)
        kill_keeper(folder)
        assert program("resume").code == 0
        go.set()
    assert (folder / "data.bin").read_bytes() == DATA
    assert server.asked[1].headers["range"] == f"bytes={HALF}-"
    (step,) = program("show", "last", "--json").document["steps"]
    assert step["outputs"]["resumed_at"] == HALF
    assert not (folder / "data.bin.part").exists()


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def pushing(folder: Path) -> Path:
    """A repository with a commit, a plan that pushes it, and a remote that takes its time in a hook."""
    (folder / "work").mkdir()
    git(folder, "init", "-q", "--bare", "-b", "main", "remote.git")
    git(folder / "work", "init", "-q", "-b", "main")
    git(folder / "work", "remote", "add", "origin", "../remote.git")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgSign=false")
    git(folder / "work", *who, "commit", "-q", "--allow-empty", "-m", "first")
    hook = folder / "remote.git" / "hooks" / "update"
    hook.write_text(f"#!/bin/sh\necho asked >> {folder}/hooked\nwhile [ ! -e {folder}/go ]; do sleep 0.05; done\n")
    hook.chmod(0o755)
    (folder / "plan.yaml").write_text(
        "plan: publish\nsteps: {push: {uses: git, cwd: work, effect: once, with: {op: push}}}\n"
    )
    return folder


def test_a_push_goes_on_while_the_engine_is_dead_and_happens_once(program: Program, pushing: Path) -> None:
    # semantics C2, E1
    running = Running("run", "plan.yaml", cwd=pushing)
    wait_until((pushing / "hooked").exists)
    kill_engine(running)
    (pushing / "go").touch()
    assert program("resume").code == 0
    assert git(pushing / "remote.git", "rev-parse", "main") == git(pushing / "work", "rev-parse", "main")
    assert (pushing / "hooked").read_text() == "asked\n"
    (step,) = program("show", "last", "--json").document["steps"]
    assert [attempt["adopted"] for attempt in step["attempts"]] == [True]
    assert step["outputs"]["pushed"] is True


def test_a_push_that_a_power_cut_ended_is_in_doubt_and_not_repeated(program: Program, pushing: Path) -> None:
    # semantics C3, E3
    running = Running("run", "plan.yaml", cwd=pushing)
    wait_until((pushing / "hooked").exists)
    kill_engine(running)
    kill_keeper(pushing)
    assert program("resume").code == 4
    assert (pushing / "hooked").read_text() == "asked\n"
    (pushing / "go").touch()
    assert program("resolve", "last", "push", "not-happened", "--reason", "looked").code == 0
    assert program("resume").code == 0
    assert git(pushing / "remote.git", "rev-parse", "main") == git(pushing / "work", "rev-parse", "main")
    (step,) = program("show", "last", "--json").document["steps"]
    assert [attempt["status"] for attempt in step["attempts"]] == ["uncertain", "succeeded"]
