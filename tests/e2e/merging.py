"""A folder made of the template `safe-merge`, a real repository with a bare remote, and what a test does there."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.cli.program import Outcome, Running, as_process, wait_until

FOREIGN = "safe_merge_plan.json"
NATIVE = "plan.yaml"
SHIM = """#!/bin/sh
# Stands in front of {name}: a step for which there is a file in {holds} waits here until it is gone.
hold="{holds}/$HOLDFAST_STEP"
if [ -n "$HOLDFAST_STEP" ] && [ -e "$hold" ]; then
  : >"$hold.reached"
  while [ -e "$hold" ]; do sleep 0.05; done
fi
exec {real} "$@"
"""


@dataclass
class Scene:
    """One folder with the plan in it; `repo` is where it merges."""

    folder: Path
    repo: Path
    base: str = "main"
    branch: str = "feature/greeting"

    @property
    def origin(self) -> Path:
        """The bare remote."""
        return self.folder / "demo/origin.git"

    def git(self, *arguments: str, where: Path | None = None) -> str:
        """What git answers, in the repository or elsewhere."""
        command = ["git", "-C", str(where or self.repo), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | self._environment()
        )
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout.strip()

    def commit(self, name: str, text: str, where: Path | None = None, message: str = "A change") -> None:
        """Write a file and commit it on the branch that is checked out."""
        file = (where or self.repo) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        self.git("add", "--all", where=where)
        self.git("commit", "--quiet", "--message", message, where=where)

    def shell(self, text: str) -> None:
        """Do something in the repository."""
        subprocess.run(
            ["sh", "-ec", text], cwd=self.repo, check=True, capture_output=True, env=os.environ | self._environment()
        )

    def on_branch(self, name: str, text: str) -> None:
        """One more commit on the branch that is merged."""
        self.git("switch", "--quiet", self.branch)
        self.commit(name, text)
        self.git("switch", "--quiet", self.base)

    def without_python(self) -> None:
        """What is merged is a branch that changes no Python."""
        self.git("switch", "--quiet", "--create", "docs/only", self.base)
        self.commit("notes.md", "# Notes\n")
        self.git("switch", "--quiet", self.base)
        self.branch = "docs/only"

    def outrun(self, name: str) -> None:
        """Another clone pushes to the base first."""
        other = self.folder / "other clone"
        if not other.exists():
            self.git("clone", "--quiet", str(self.origin), str(other), where=self.folder)
            self.git("config", "user.name", "Other", where=other)
            self.git("config", "user.email", "other@example.org", where=other)
        self.git("pull", "--quiet", "--ff-only", "origin", self.base, where=other)
        self.commit(name, "of another clone\n", where=other, message=f"Another clone: {name}")
        self.git("push", "--quiet", "origin", f"HEAD:{self.base}", where=other)

    def arguments(self, plan: str) -> list[str]:
        """The words after `run` for a plan."""
        values = {"repo": str(self.repo), "base": self.base, "branch": self.branch, "remote": "origin"}
        if plan == FOREIGN:
            return [plan, *(word for name, value in values.items() for word in ("--var", f"{name.upper()}={value}"))]
        return [plan, *(word for name, value in values.items() for word in ("-i", f"{name}={value}"))]

    def run(self, plan: str) -> Outcome:
        """Run a plan to its end."""
        return as_process("run", *self.arguments(plan), "--json", cwd=self.folder, **self._environment())

    def start(self, plan: str) -> Running:
        """Run a plan in a process of its own."""
        return Running("run", *self.arguments(plan), "--json", cwd=self.folder, **self._environment())

    def resume(self) -> Outcome:
        """Go on with the last run."""
        return as_process("resume", "last", "--json", cwd=self.folder, **self._environment())

    def cancel(self) -> Outcome:
        """Cancel the last run."""
        return as_process("cancel", "last", cwd=self.folder, **self._environment())

    def reject(self) -> Outcome:
        """Say no to the only thing that is asked."""
        asked = json.loads(as_process("inbox", "--json", cwd=self.folder, **self._environment()).out)["requests"]
        assert len(asked) == 1
        return as_process("reject", asked[0]["id"], cwd=self.folder, **self._environment())

    # Steps that wait where a test wants them.

    @property
    def holds(self) -> Path:
        """The folder in which a file holds the step of its name."""
        return self.folder.parent / "holds"

    def hold(self, *steps: str) -> None:
        """Let these steps wait at their first use of git or Python."""
        self.holds.mkdir(exist_ok=True)
        for name in ("git", "python3"):
            real = shutil.which(name)
            shim = self.folder.parent / "bin" / name
            shim.parent.mkdir(exist_ok=True)
            shim.write_text(SHIM.format(name=name, holds=self.holds, real=real), encoding="utf-8")
            shim.chmod(0o755)
        for step in steps:
            (self.holds / step).touch()

    def reached(self, step: str) -> None:
        """Await that the step waits."""
        wait_until((self.holds / f"{step}.reached").exists)

    def let_go(self, step: str) -> None:
        """The step goes on."""
        (self.holds / step).unlink()

    def let_all_go(self) -> None:
        """Nothing waits any more, whatever came of the test."""
        shutil.rmtree(self.holds, ignore_errors=True)

    def kill_all(self, engine: Running) -> None:
        """The power goes: the engine, its keeper and every command are gone at once, and none can tell of another."""
        gone = [engine.pid, *self._others()]
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in gone:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _others(self) -> list[int]:
        """The processes that belong to this folder's runs, the keepers above their commands first."""
        mark = b"HOLDFAST_PROJECT=" + str(self.folder).encode()
        commands, keepers = set[int](), set[int]()
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                    commands.add(int(entry.name))
        for pid in commands:
            with suppress(OSError):
                parent = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
                if parent not in commands and b"keeper" in Path(f"/proc/{parent}/cmdline").read_bytes():
                    keepers.add(parent)
        assert keepers
        return [*keepers, *commands]

    def _environment(self) -> dict[str, str]:
        path = f"{self.folder.parent / 'bin'}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder.parent), "GIT_CONFIG_NOSYSTEM": "1"}


def scene(parent: Path) -> Scene:
    """A new folder with the template and its demo repository; its name has a space."""
    folder = parent / "a folder"
    made = as_process("new", "safe-merge", str(folder), cwd=parent)
    assert made.code == 0, made.err
    subprocess.run(["sh", "make-demo.sh"], cwd=folder, check=True, capture_output=True)
    return Scene(folder, folder / "demo/work")


def steps(done: Outcome) -> dict[str, str]:
    """The status of each step."""
    return {step["step"]: step["status"] for step in _shown(done)["steps"]}


def outputs(done: Outcome, step: str) -> dict[str, Any]:
    """The outputs of a step."""
    found = next(one for one in _shown(done)["steps"] if one["step"] == step)
    assert isinstance(found["outputs"], dict)
    return found["outputs"]


def _shown(done: Outcome) -> dict[str, Any]:
    document = json.loads(done.out)
    shown = document["runs"][0] if "runs" in document else document
    assert isinstance(shown, dict)
    return shown
