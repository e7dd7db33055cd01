"""Products' files that are not what the engine left there: edited by hand, or to be put back (planner 31)."""

from typing import NamedTuple

from holdfast.run.planner.record import Record
from holdfast.run.planner.snapshot import History, Snapshot
from holdfast.run.planner.subject import Subject


class Files(NamedTuple):
    """Names of products whose working file is to be put back, and of those that somebody edited."""

    lost: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()


AS_LEFT = Files()


def files_of(subject: Subject, history: History, snapshot: Snapshot, stands: Record | None) -> Files:
    """What the working files are, where the bytes of `stands` belong there."""
    lost: list[str] = []
    edited: list[str] = []
    if stands is None or not snapshot.working:
        return AS_LEFT
    for name in subject.makes:
        ref = stands.artifacts.get(name)
        if ref is None or ref.path not in snapshot.working:
            continue
        found = snapshot.working[ref.path]
        if found == ref.digest or (ref.digest_only and found is None):
            continue
        earlier = {it.artifacts[name].digest for it in history.records if name in it.artifacts}
        if not ref.digest_only and (found is None or found in earlier or history.begun or history.latest == "failed"):
            lost.append(name)
        elif found not in earlier and not history.begun:
            edited.append(name)
    return Files(tuple(lost), tuple(edited))
