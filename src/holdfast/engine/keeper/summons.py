"""How a keeper that was started before its run hears of it: on descriptor 3, with the files it is to have."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
else:
    import _socket as socket  # the C half: `socket` itself imports selectors and enum

SUMMONS = 3
"""The descriptor that is waited on, and becomes the listening socket."""
OUTPUTS = (1, 2)
INT_BYTES = 4
READ_BYTES = 1 << 16
WORDS = 3


def await_run() -> list[str]:
    """Waits for the run's folder, the fence and the run's id; nothing where whoever started us has gone."""
    end = socket.socket(fileno=SUMMONS)
    said, room = b"", socket.CMSG_SPACE(2 * INT_BYTES)
    descriptors: list[int] = []
    while said.count(b"\0") < WORDS:
        chunk, ancillary, _, _ = end.recvmsg(READ_BYTES, room)
        if not chunk:
            return []
        said += chunk
        for _, _, data in ancillary:
            descriptors += memoryview(data).cast("i")
    end.detach()
    listener, log = descriptors
    os.dup2(listener, SUMMONS)
    for output in OUTPUTS:
        os.dup2(log, output)
    os.close(listener)
    os.close(log)
    return [os.fsdecode(word) for word in said.split(b"\0")[:WORDS]]


def name_run(end: "socket.socket", words: list[str], listener: int, log: int) -> None:
    """Names the run to a keeper that waits for it; raises `OSError` where it has gone."""
    said = b"".join(os.fsencode(word) + b"\0" for word in words)
    data = b"".join(each.to_bytes(INT_BYTES, sys.byteorder) for each in (listener, log))
    sent = end.sendmsg([said], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, data)])
    if sent < len(said):  # it may have heard all and closed its end
        end.sendall(said[sent:])
