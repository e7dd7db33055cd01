"""With --json or --json-events nothing but JSON is on stdout, whatever a function in the engine's process prints."""

import json
from pathlib import Path

import pytest

from tests.e2e.cli.program import as_process

ACTS = """\
import os, subprocess


def talk():
    print("printed")
    os.write(1, b"written\\n")
    subprocess.run(["echo", "echoed"], check=True)
"""
PLAN = "plan: talk\nsteps:\n  a: {uses: python, effect: none, with: {call: 'acts:talk', inline: true}}\n"


@pytest.fixture(autouse=True)
def talking(folder: Path) -> None:
    (folder / "acts.py").write_text(ACTS)
    (folder / "plan.yaml").write_text(PLAN)


def test_one_document_is_all_there_is_on_stdout(folder: Path) -> None:
    outcome = as_process("run", "plan.yaml", "--json", cwd=folder)
    assert outcome.document["status"] == "succeeded"
    assert all(word in outcome.err for word in ("printed", "written", "echoed"))


def test_events_are_all_there_is_on_stdout(folder: Path) -> None:
    outcome = as_process("run", "plan.yaml", "--json-events", cwd=folder)
    kinds = [json.loads(line)["kind"] for line in outcome.out.splitlines()]
    assert (kinds[0], kinds[-1]) == ("run.created", "run.finished")
    assert all(word in outcome.err for word in ("printed", "written", "echoed"))
