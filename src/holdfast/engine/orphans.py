"""What commands of a killed keeper leave, where this process gets it: as the sub-reaper above all of its keepers.

A program may be that; a library may not, since it would get the orphans of whatever else its process has started.
"""

import os

from holdfast.engine.keeper.proc import environment_of
from holdfast.engine.keeper.tag import tag_of

RUN_MARK = b"\0HOLDFAST_RUN="


class Orphanage:
    """The children of this process that it has not started; there is one, as there is one process."""

    def __init__(self) -> None:
        self._is_open = False
        self._own: set[int] = set()  # processes that this one started

    def open(self) -> None:
        """From now on what loses its keeper becomes a child of this process."""
        if not self._is_open:
            from holdfast.engine.keeper.tree import become_subreaper, children_of  # noqa: PLC0415 - while the keeper starts, it costs nobody

            self._own.update(children_of(os.getpid()))  # whoever became this program may have had children
            self._is_open = become_subreaper()

    def start(self, pid: int) -> None:
        """Note a process that this one has started."""
        self._own.add(pid)

    def traceless(self) -> list[int]:
        """Children that nothing tells of which run they are: those of a keeper that was killed.

        What a keeper has left running on purpose has its mark or its tag.
        """
        if not self._is_open:
            return []
        from holdfast.engine.keeper.tree import children_of  # noqa: PLC0415 - only lost keepers come here

        found = [pid for pid in children_of(os.getpid()) if pid not in self._own]
        return [pid for pid in found if not tag_of(pid) and RUN_MARK not in environment_of(pid)]


ORPHANS = Orphanage()
