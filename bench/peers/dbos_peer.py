"""The peer DBOS on SQLite: dbos_peer.py SHAPE N CONCURRENCY [SIZE]. One commit for each step, fsync on."""

import asyncio
import logging
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from dbos import DBOS
from report import Phase

shape, n, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
logging.disable()
DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{Path.cwd()}/dbos.sqlite", "log_level": "ERROR"})


@DBOS.step()
def step(i: int) -> int:
    """Do nothing."""
    return i


@DBOS.step()
async def astep(i: int) -> int:
    """Do nothing, as a coroutine."""
    return i


@DBOS.step()
def large(size: int, i: int) -> str:
    """A result of `size` bytes."""
    return str(i).rjust(size, "x")


@DBOS.workflow()
def chain() -> None:
    """One step after the other."""
    for i in range(n):
        step(i)


@DBOS.workflow()
async def wide() -> None:
    """All steps at once."""
    await together(n)


@DBOS.workflow()
async def layers() -> None:
    """Layer by layer: DBOS wants a deterministic order."""
    for _ in range(n // 100):
        await together(100)


@DBOS.workflow()
def payload() -> None:
    """Large results, one after the other."""
    for i in range(n):
        large(int(sys.argv[4]), i)


@DBOS.workflow()
def five(_run: int) -> int:
    """A run of five steps."""
    return sum(step(i) for i in range(5))


async def together(count: int) -> None:
    """So many steps, `concurrency` at a time."""
    room = asyncio.Semaphore(concurrency)

    async def one(i: int) -> int:
        async with room:
            return await astep(i)

    await asyncio.gather(*(one(i) for i in range(count)))


RUN = {
    "chain": chain,
    "wide": lambda: asyncio.run(wide()),
    "layers": lambda: asyncio.run(layers()),
    "payload": payload,
    "runs": lambda: [five(r) for r in range(n)],
}
DBOS.launch()
with Phase() as phase:
    RUN[shape]()
phase.tell(n)
os._exit(0)
