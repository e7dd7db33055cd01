"""A real server on this machine that answers as a test says, also badly."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.runners.failing import WorkFailedError
from holdfast.runners.performing import Answer, perform
from holdfast.runners.place import Place


class Asked(NamedTuple):
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def do(place: Place, url: str, **params: Any) -> Answer:  # noqa: ANN401 - any parameter
    """One request by the runner."""
    return perform("http", {"url": url, **params}, place)


def failure(answer: Answer) -> WorkFailedError:
    """What went wrong, as something did."""
    assert answer.failure is not None
    return answer.failure


Script = Callable[[Asked, socket.socket], None]
"""Writes the answer to the connection, which is closed after it."""


class Server:
    """Answers each connection's one request by a script, in a thread of its own."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.scheme = "http" if context is None else "https"
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # a thread that waits in accept keeps a closed socket open
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            asked = read_request(connection)
            if asked is not None:
                self.asked.append(asked)
                self.script(asked, connection)
        except OSError:
            pass  # the client went away, which is what some tests are about
        finally:
            connection.close()


def read_request(connection: socket.socket) -> Asked | None:
    """One request; `None` where the connection ends before it."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return Asked(method, target, headers, body)


def reply(status: str = "200 OK", body: bytes | str = b"", **headers: str) -> Script:
    """An answer with its length; underscores in names of headers are hyphens."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    lines += [] if "Content_Length" in headers else [f"Content-Length: {len(data)}"]

    def answer(asked: Asked, connection: socket.socket) -> None:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + data)

    return answer


def raw(data: bytes) -> Script:
    """Exactly these bytes."""
    return lambda asked, connection: connection.sendall(data)


def reset(after: bytes = b"") -> Script:
    """A connection that is reset, perhaps after a part of an answer."""

    def answer(asked: Asked, connection: socket.socket) -> None:
        connection.sendall(after)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return answer


def each(*scripts: Script) -> Script:
    """One script after the other; the last one for all further requests."""
    left = list(scripts)

    def answer(asked: Asked, connection: socket.socket) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(asked, connection)

    return answer


def by_path(scripts: Mapping[str, Script]) -> Script:
    """A script for each path."""
    return lambda asked, connection: scripts[asked.target.partition("?")[0]](asked, connection)


@contextmanager
def serving(script: Script, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server while it is needed."""
    server = Server(script, context)
    try:
        yield server
    finally:
        server.close()


def authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost by an authority of our own: the authority's file, and a server's context."""
    import subprocess  # noqa: PLC0415 - only the tests of TLS need it

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    subject = ("-subj", "/CN=Holdfast test authority")
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", *subject
    )
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "req.pem", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "req.pem", "-out", "cert.pem", *signed)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "ca.pem", context
