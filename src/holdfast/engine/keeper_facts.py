"""What the keepers of a run have written down, read without them."""

from pathlib import Path

import msgspec

from holdfast.engine.keeper.record import FACTS
from holdfast.engine.keeper_messages import Dropped, End, Exited, Fact, KeeperStarted, Spawned, SpawnFailed

_decoder = msgspec.json.Decoder(Fact)


class AttemptFacts(msgspec.Struct, frozen=True):
    """The facts about one attempt: the keeper that had it, its process, its end. Any may not have come."""

    keeper: KeeperStarted | None
    spawned: Spawned | None
    end: End | None


class Facts(msgspec.Struct, frozen=True):
    """Everything in the file: the last keeper, and the attempts by id."""

    keeper: KeeperStarted | None
    attempts: dict[str, AttemptFacts]


def read_facts(run_dir: Path) -> Facts:
    """Reads `keeper.jsonl`; a torn line is what a keeper could not finish, and does not count."""
    try:
        content = (run_dir / FACTS).read_bytes()
    except FileNotFoundError:
        return Facts(None, {})
    keeper: KeeperStarted | None = None
    attempts: dict[str, AttemptFacts] = {}
    for line in content.split(b"\n")[:-1]:
        try:
            fact = _decoder.decode(line)
        except msgspec.DecodeError:
            continue
        match fact:
            case KeeperStarted():
                keeper = fact
            case Spawned():
                attempts[fact.id] = AttemptFacts(keeper, fact, None)
            case Exited() | SpawnFailed() | Dropped():
                before = attempts.get(fact.id)
                attempts[fact.id] = AttemptFacts(keeper, before.spawned if before else None, fact)
    return Facts(keeper, attempts)
