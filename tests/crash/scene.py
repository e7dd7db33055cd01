"""The representative plan of the crash suite, the world it acts on, and what must hold when all has settled."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from holdfast.app import Answer, Holdfast
from holdfast.engine.keeper_facts import read_facts
from holdfast.engine.processes import Identity, is_alive
from holdfast.errors import HoldfastError
from holdfast.run import events as ev

HERE = Path(__file__).parent
ROUNDS_MAX = 12
PLAN = """\
plan: crash
limits: {concurrency: 2, grace: 1s}
defaults: {retry: {attempts: 3, delay: 0}}
steps:
  first: {run: "echo first >> world; echo answer=42 >> $HOLDFAST_OUTPUT"}
  quick: {uses: python, with: {call: "acts:quick", inline: true}}
  noted: {uses: python, effect: repeatable, with: {call: "acts:noted", inline: true}}
  worker: {uses: python, with: {call: "acts:work", args: {text: "${{ steps.first.outputs.answer }}"}}}
  flaky: {run: "echo flaky >> world; test -e seen || { touch seen; exit 3; }"}
  pay:
    depends_on: [first]
    effect: once
    definite_failures: [9]
    retry: 1
    run: "echo pay >> world"
  made:
    depends_on: [flaky]
    run: "echo made >> world; mkdir -p out/dir; echo data > out/dir/file"
    produces: {made: out/dir}
  each:
    for_each: {items: '[steps.quick.outputs.big, "small"]', item_key: index, max_parallel: 1}
    run: echo "$HOLDFAST_STEP" >> world
  last:
    depends_on: [noted, worker, pay, made, each]
    command: [sh, -c, "echo last >> world; test \\"$0\\" = 42", "${{ steps.first.outputs.answer }}"]
outputs: {answer: steps.first.outputs.answer}
"""
ACTS = """\
import os


def quick():
    return {"big": "x" * 70000}


def note(text):
    fd = os.open(os.path.join(os.path.dirname(__file__), "world"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.writev(fd, [text.encode() + b"\\n"])
    os.close(fd)


def noted():
    note("noted")


def work(text):
    note("worker")
    return {"said": text}
"""
STEPS = ("first", "quick", "noted", "worker", "flaky", "pay", "made", "each[0]", "each[1]", "last")


class Scene:
    """One project folder with the plan, driven by processes that die."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = folder / "plan.yaml"
        self.plan.write_text(PLAN)
        (folder / "acts.py").write_text(ACTS)
        self.resolutions = 0

    @property
    def app(self) -> Holdfast:
        return Holdfast.find(self.plan)

    def child(self, verb: str, point: int, *more: str) -> int:
        """Run a child to its end or its crash point; returns its exit code, negative for a signal."""
        command = [sys.executable, str(HERE / "engine_child.py"), verb, str(self.plan), str(point), *more]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode in {0, 4, -signal.SIGKILL}, done.stderr
        return done.returncode

    def points(self) -> int:
        """How many points the last child passed."""
        return int((self.folder / "points").read_text())

    def world(self) -> Counter[str]:
        """What was really done, and how often."""
        path = self.folder / "world"
        return Counter(path.read_text().split()) if path.exists() else Counter()

    def runs(self) -> list[str]:
        folder = self.folder / ".holdfast" / "runs"
        if not self.app.database.exists():
            return []
        with_events = []
        for path in sorted(folder.iterdir()) if folder.exists() else []:
            try:
                if self.app.events(path.name):
                    with_events.append(path.name)
            except HoldfastError:  # a run whose first commit never was is no run
                continue
        return with_events

    def kill_keeper(self) -> None:
        """As a power cut does: the keeper dies too."""
        for path in (self.folder / ".holdfast" / "runs").glob("*"):
            keeper = read_facts(path).keeper
            if keeper is not None and is_alive(Identity(keeper.boot, keeper.pid, keeper.start)):
                os.kill(keeper.pid, signal.SIGKILL)

    def settle(self, crash_again_at: int = 0) -> None:
        """Resume, answer from the truth where something is uncertain, until the run has ended."""
        if not self.runs():
            assert self.child("run", 0) == 0
            return
        run = self.runs()[-1]
        for _ in range(ROUNDS_MAX):
            if any(isinstance(each.event.body, ev.RunFinished) for each in self.app.events(run)):
                return  # it died after its last word
            code = self.child(run, crash_again_at)
            crash_again_at = 0
            if code == 0:
                return
            if code == 4:
                happened = self.world()["pay"] > 0
                self.app.resolve(run, "pay", Answer("happened" if happened else "not-happened", reason="looked"))
                self.resolutions += 1
        raise AssertionError("the run does not settle")

    def check(self) -> None:
        """What must hold, whatever died when (semantics C5)."""
        run = self.runs()[-1]
        events = [stored.event for stored in self.app.events(run)]
        ended = {
            step: [event.body for event in events if isinstance(event.body, ev.AttemptEnded) and event.step == step]
            for step in STEPS
        }
        started = Counter(event.step for event in events if isinstance(event.body, ev.AttemptStarted))
        resolved = {event.step for event in events if isinstance(event.body, ev.StepResolved)}
        finished = [event.body for event in events if isinstance(event.body, ev.RunFinished)]
        assert [body.outcome for body in finished] == ["succeeded"]
        assert finished[0].outputs == {"answer": "42"}
        for step in STEPS:
            good = [body for body in ended[step] if body.status == "succeeded"]
            assert len(good) == 1 or step in resolved, f"{step} succeeded {len(good)} times"
            assert not good or ended[step][-1] is good[0], f"{step} ran again after it had succeeded"
        world = self.world()
        assert world["pay"] == 1, f"the effect happened {world['pay']} times"
        for step in sorted({*STEPS} - {"quick"}):
            assert world[step] <= started[step], f"{step} acted {world[step]} times on {started[step]} recorded starts"
            assert world[step] >= 1
