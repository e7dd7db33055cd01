"""Plays random histories of runs with crashes and people: `python tests/fuzz/fuzz_simulation.py --count 1000000`.

Each is one seed; what fails is seen again with `python -m tests.simulation --seed N`.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.history import play_all

CHUNK = 500


def main(arguments: list[str]) -> int:
    """Play on every core and say what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    firsts = range(options.seed, options.seed + options.count, CHUNK)
    counts = [min(CHUNK, options.seed + options.count - first) for first in firsts]
    with ProcessPoolExecutor(options.jobs) as pool:
        events = sum(pool.map(play_all, firsts, counts))
    sys.stdout.write(f"{options.count:,} histories, {events:,} events; {time.monotonic() - begun:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
