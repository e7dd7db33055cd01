"""A keeper with real processes for tests, and the patience to wait for what it says."""

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from holdfast.engine import processes
from holdfast.engine.early import EarlyKeeper
from holdfast.engine.keeper_client import KeeperClient, KeeperLostError
from holdfast.engine.keeper_facts import read_facts
from holdfast.engine.keeper_messages import (
    Call,
    Event,
    Exited,
    Heartbeat,
    Job,
    Request,
    Spawn,
    Spawned,
    SpawnFailed,
    WorkerSpec,
)
from holdfast.engine.leftovers import end_leftovers
from holdfast.runners import worker

PATIENCE_S = 20.0
WORKER = str(Path(worker.__file__))
BASE_ENV = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/", "LANG": "C.UTF-8"}


class Rig:
    """One run's folder, its keeper and what it has said."""

    def __init__(self, run_dir: Path, run_id: str, fence: int = 1, early: EarlyKeeper | None = None) -> None:
        self.run_dir = run_dir
        self.run_id = run_id
        self.client = KeeperClient.start(run_dir, run_id, fence, early)
        self.events: list[Event] = []
        self.earlier: list[KeeperClient] = []

    def request(self, name: str, script: str | list[str], **options: object) -> Spawn:
        """A shell script (or an argv) as the engine would ask for it; its id is `name`."""
        argv = ["/bin/sh", "-c", script] if isinstance(script, str) else script
        env = options.pop("env", None)
        assert env is None or isinstance(env, dict)
        marks = {"HOLDFAST_RUN": self.run_id, "HOLDFAST_STEP": name, "HOLDFAST_ATTEMPT": "1"}
        files = {"stdout": str(self.out(name)), "stderr": str(self.err(name))}
        defaults: dict[str, object] = {"cwd": str(self.run_dir), "grace_s": 5.0, **files}
        return Spawn(
            id=name,
            argv=argv,
            env={**BASE_ENV, **marks, **(env or {})},
            **{**defaults, **options},  # type: ignore[arg-type]  # options of a request
        )

    def out(self, name: str) -> Path:
        return self.run_dir / f"{name}.out"

    def err(self, name: str) -> Path:
        return self.run_dir / f"{name}.err"

    def spawn(self, name: str, script: str | list[str], **options: object) -> None:
        self.client.send([self.request(name, script, **options)])

    def job(self, name: str, call: str, *, python: str = sys.executable, **options: object) -> Job:
        """A call of a function in the folder `project`, with `args`; its outputs go to `<name>.json`."""
        project = self.run_dir / "project"
        project.mkdir(exist_ok=True)
        env = options.pop("env", {})
        args = options.pop("args", {})
        assert isinstance(env, dict)
        assert isinstance(args, dict)
        marks = {"HOLDFAST_RUN": self.run_id, "HOLDFAST_STEP": name, "HOLDFAST_ATTEMPT": "1"}
        output = str(self.run_dir / f"{name}.json")
        files = {"HOLDFAST_OUTPUT": output, "HOLDFAST_HEARTBEAT": str(self.run_dir / "beat")}
        cwd = str(options.pop("cwd", project))
        return Job(
            id=name,
            worker=WorkerSpec([python, "-u", WORKER], str(project), BASE_ENV),
            job=Call(call, args, {**BASE_ENV, **marks, **files, **env}, cwd, str(project)),
            stdout=str(self.out(name)),
            stderr=str(self.err(name)),
            **{"grace_s": 5.0, **options},  # type: ignore[arg-type]  # options of a request
        )

    def call(self, name: str, call: str, **options: object) -> Exited:
        """Has a worker make a call and waits for its end."""
        self.client.send([self.job(name, call, **options)])  # type: ignore[arg-type]  # as in job
        return self.exited(name)

    def module(self, text: str, name: str = "tasks") -> None:
        """Writes a module of the project."""
        path = self.run_dir / "project" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def outputs(self, name: str) -> object:
        """What a job has written to its output file."""
        return json.loads((self.run_dir / f"{name}.json").read_text())

    def send(self, *requests: Request) -> None:
        self.client.send(requests)

    def wait(self, wanted: Callable[[Event], bool], patience_s: float = PATIENCE_S) -> Event:
        """The first event so far or to come that is wanted."""
        seen = 0
        deadline = time.monotonic() + patience_s
        poller = select.poll()
        poller.register(self.client, select.POLLIN)
        while True:
            for event in self.events[seen:]:
                if wanted(event):
                    return event
            seen = len(self.events)
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"not said in time; said: {self.events}"
            if poller.poll(left_s * 1000):
                self.events += self.client.receive()

    def exited(self, name: str, patience_s: float = PATIENCE_S) -> Exited:
        event = self.wait(lambda event: isinstance(event, Exited) and event.id == name, patience_s)
        assert isinstance(event, Exited)
        return event

    def spawned(self, name: str) -> Spawned:
        event = self.wait(lambda event: isinstance(event, Spawned) and event.id == name)
        assert isinstance(event, Spawned)
        return event

    def failed(self, name: str) -> SpawnFailed:
        event = self.wait(lambda event: isinstance(event, SpawnFailed) and event.id == name)
        assert isinstance(event, SpawnFailed)
        return event

    def use(self, client: KeeperClient) -> None:
        """Speaks through another connection from now on."""
        self.earlier.append(self.client)
        self.client = client

    def kill_keeper(self) -> None:
        keeper = read_facts(self.run_dir).keeper
        assert keeper is not None
        os.kill(keeper.pid, signal.SIGKILL)
        eventually(self.is_lost)

    def is_lost(self) -> bool:
        try:
            self.events += self.client.receive()
        except KeeperLostError:
            return True
        return False


def eventually(holds: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Waits for something only the outside world can tell."""
    deadline = time.monotonic() + patience_s
    pause = select.poll()
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        pause.poll(5)


def lines_of(path: Path, count: int) -> list[str]:
    """The lines of a file once there are `count` of them."""
    eventually(lambda: path.exists() and path.read_text().count("\n") >= count)
    return path.read_text().splitlines()


def runs(pid: int) -> bool:
    """Says whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def rigs(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Makes rigs and leaves no process of theirs behind."""
    made: list[Rig] = []

    def make(run_dir: Path = tmp_path, fence: int = 1, run_id: str | None = None) -> Rig:
        rig = Rig(run_dir, run_id or f"{tmp_path.name}-{len(made)}-{os.getpid()}", fence)
        made.append(rig)
        return rig

    yield make
    for rig in made:
        facts = read_facts(rig.run_dir)
        for client in [*rig.earlier, rig.client]:
            client.close()
        end_leftovers(facts, rig.run_id, 0.0)
        keeper = facts.keeper
        if keeper is not None:
            if processes.is_alive(processes.Identity(keeper.boot, keeper.pid, keeper.start)):
                os.kill(keeper.pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(keeper.pid, 0)


def beat(path: Path, s: float) -> Heartbeat:
    """A heartbeat to expect."""
    return Heartbeat(str(path), s)
