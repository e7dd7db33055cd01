"""Plays histories: `python -m tests.simulation --seed 7` shows one, `--count 1000` plays a thousand from there."""

import argparse
import sys

from tests.simulation.history import play, play_all


def main(arguments: list[str]) -> int:
    """Play, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.count == 1:
        result = play(options.seed, _say)
        for run in result.runs:
            _say(f"{run.outcome}: {', '.join(run.steps)}")
        _say(f"{result.events} events, {result.moves} moves")
    else:
        events = play_all(options.seed, options.count)
        _say(f"{options.count:,} histories, {events:,} events")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
