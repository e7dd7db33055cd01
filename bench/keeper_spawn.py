"""The keeper alone against ninja: 1,000 × `sh -c true` at 2 and 4 in flight, logs kept, no journal; medians.

Usage: python bench/keeper_spawn.py [--rounds 5] [--commands 1000] [--dir FOLDER]
"""

import argparse
import os
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from holdfast.engine.keeper_client import KeeperClient
from holdfast.engine.keeper_messages import Base, Exited, Spawn

BASE = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TERM", "USER", "SHELL"}}
MARKS = {"HOLDFAST_RUN": "bench", "HOLDFAST_ATTEMPT": "1", "HOLDFAST_OUTPUT": "/dev/null", "HOLDFAST_HEARTBEAT": "/x"}


def request(run_dir: Path, number: int, slots: int) -> Spawn:
    """One command as the engine sends it."""
    name = f"step-{number}"
    return Spawn(
        id=f"{name}/1",
        argv=["/bin/sh", "-c", "true"],
        cwd=str(run_dir),
        env={**MARKS, "HOLDFAST_STEP": name},
        based=True,
        slots=slots,
        stdout=f"{run_dir}/logs/{name}.out",
        stderr=f"{run_dir}/logs/{name}.err",
        timeout_s=1800.0,
    )


def run_keeper(folder: Path, commands: int, in_flight: int, ahead: int) -> float:
    """Seconds for all commands through the client; `ahead` more than may run are sent, to wait in the keeper."""
    run_dir = Path(tempfile.mkdtemp(dir=folder))
    (run_dir / "logs").mkdir()
    begin = time.perf_counter()
    client = KeeperClient.start(run_dir, "bench", 1)
    sent = min(in_flight + ahead, commands)
    client.send([Base(BASE), *(request(run_dir, number, in_flight) for number in range(sent))])
    poller = select.poll()
    poller.register(client, select.POLLIN)
    done = 0
    while done < commands:
        poller.poll()
        ended = sum(isinstance(event, Exited) for event in client.receive())
        done += ended
        more = min(ended, commands - sent)
        if more:
            client.send([request(run_dir, number, in_flight) for number in range(sent, sent + more)])
            sent += more
    client.finish()
    return time.perf_counter() - begin


def run_ninja(folder: Path, commands: int, in_flight: int) -> float:
    """Seconds for ninja to run as many commands that are never up to date."""
    work = Path(tempfile.mkdtemp(dir=folder))
    rule = "rule t\n  command = true\n"
    (work / "build.ninja").write_text(rule + "".join(f"build out{number}: t\n" for number in range(commands)))
    begin = time.perf_counter()
    subprocess.run(["ninja", f"-j{in_flight}"], cwd=work, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main() -> None:
    """Prints one line per parallelism: medians and the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--commands", type=int, default=1000)
    parser.add_argument("--dir", default=None)
    options = parser.parse_args()
    if shutil.which("ninja") is None:
        sys.exit("ninja is not installed")
    # Folders are left until the end: ext4 without a journal creates files slowly for minutes after many were deleted.
    folder = Path(tempfile.mkdtemp(prefix="keeper-bench-", dir=options.dir))
    for in_flight in (2, 4):
        rows: dict[str, list[float]] = {"keeper": [], "keeper, queue ahead": [], "ninja": []}
        for _ in range(options.rounds):
            rows["ninja"].append(run_ninja(folder, options.commands, in_flight))
            rows["keeper"].append(run_keeper(folder, options.commands, in_flight, 0))
            rows["keeper, queue ahead"].append(run_keeper(folder, options.commands, in_flight, in_flight))
        ninja = statistics.median(rows["ninja"])
        for name, seconds in rows.items():
            middle = statistics.median(seconds)
            print(
                f"-j{in_flight} {name:20} {middle:.3f} s ({min(seconds):.3f} to {max(seconds):.3f}), "
                f"{options.commands / middle:5.0f}/s, {ninja / middle:.2f} of ninja"
            )
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
