"""A process that appends to a journal: `python writer_child.py PATH NAME COUNT`; says each number that is durable."""

import sys
from functools import partial

from holdfast.errors import HoldfastError
from holdfast.journal.sqlite import SqliteJournal
from holdfast.ports import Append, Appended
from holdfast.run import events as ev


def say(text: str, answer: Appended | HoldfastError | None = None) -> None:
    if not isinstance(answer, HoldfastError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def main(path: str, name: str, count: int) -> None:
    journal = SqliteJournal.open(path)
    for i in range(count):
        # One by one and in groups through the writer, both acknowledged only when durable.
        journal.append(Append("r1", [ev.Event(i, ev.RunPausing(reason=f"{name}-{i}"))]))
        say(f"{name}-{i}")
        for j in range(i % 4):
            text = f"{name}-{i}-{j}"
            journal.submit(Append("r1", [ev.Event(i, ev.RunPausing(reason=text))]), partial(say, text))
    journal.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
