"""The runner `http`: one request, its redirects, and its answer as outputs, an artifact or a file.

How a failure is classified (semantics E2) follows from where it happened: before anything was sent it is definite,
after that only an answer which says that nothing was done is.
"""

import json as json_format
import sys
from contextlib import ExitStack, suppress
from http.client import HTTPException
from typing import Literal, NamedTuple

import msgspec

from holdfast.runners.address import Address, address_of, moved, query_of
from holdfast.runners.answer import Reply
from holdfast.runners.connection import Connection, NoConnectionError, basic, context_for, lost
from holdfast.runners.download import Download
from holdfast.runners.failing import WorkFailedError, refused
from holdfast.runners.place import Place

REDIRECTS = frozenset({301, 302, 303, 307, 308})
KEEPS_METHOD = frozenset({307, 308})
REDIRECTS_MAX = 10
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_HEADERS = frozenset(
    {"accept", "accept-language", "accept-encoding", "user-agent", "content-type", "range", "if-range"}
)
"""What is told to another origin than the one the plan names."""
SAID_MAX = 200


class Params(msgspec.Struct, frozen=True):
    """What `with` may hold."""

    url: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: dict[str, str | int | float | None] = {}
    query: dict[str, object] = {}
    json: object = msgspec.UNSET
    form: dict[str, object] | None = None
    body: str | None = None
    expect_status: int | list[int] | None = None
    to: str | None = None
    follow: bool = True
    verify: bool | str = True
    idempotency_header: str | None = None


class Message(NamedTuple):
    """What is sent: method, where, headers, body."""

    method: str
    address: Address
    headers: dict[str, str]
    body: bytes | None

    @property
    def shown(self) -> str:
        """Method and address, for people."""
        return f"{self.method} {self.address.shown}"


def perform(params: Params, place: Place) -> dict[str, object]:
    """Make the request. Raises `WorkFailedError`."""
    with ExitStack() as opened:
        return Exchange(params, place, opened).outputs()


class Exchange:
    """A request and what follows from its answers."""

    def __init__(self, params: Params, place: Place, opened: ExitStack) -> None:
        self.opened = opened  # what is closed when all is done
        self.params = params
        self.place = place
        self.download = Download(params.to, place) if params.to is not None else None
        self.nothing_done = True  # no server has answered in a way that lets it have done something
        self.first = self._message()

    def outputs(self) -> dict[str, object]:
        """The outputs of the exchange."""
        message, reply = self._answered()
        outputs: dict[str, object] = {"status": reply.status, "url": message.address.shown, "headers": reply.headers()}
        if not self._expected(reply.status):
            raise self._unexpected(message, reply, outputs)
        try:
            if self.download is not None and message.method != "HEAD":
                outputs |= self.download.take(reply, self.first.address.url)
            else:
                outputs |= reply.taken()
        except WorkFailedError as error:
            raise WorkFailedError(error.code, str(error), outputs=outputs) from None
        return outputs

    def _answered(self) -> tuple[Message, Reply]:
        """The last message of the exchange with its answer, redirects followed."""
        message = self.first
        rest = self.download.asked(message.address.url) if self.download and message.method == "GET" else {}
        for _ in range(REDIRECTS_MAX + 1):
            reply = self._send(message._replace(headers=message.headers | rest))
            if rest and self.download and not self.download.fits(reply):
                rest = {}
                reply = self._send(message)
            location = reply.header("location")
            if reply.status not in REDIRECTS or not self.params.follow or not location:
                return message, reply
            message = self._redirected(message, reply, location)
        raise self._failed(f"{self.first.shown} was redirected more than {REDIRECTS_MAX} times")

    def _send(self, message: Message) -> Reply:
        self._admit(message.address)
        sys.stdout.write(f"{message.shown}\n")
        context = context_for(self._verify()) if message.address.scheme == "https" else None
        try:
            connection = Connection(message.address, context)
        except NoConnectionError as error:
            raise WorkFailedError("http.connect", str(error), definite=self.nothing_done) from None
        self.opened.callback(connection.http.close)
        target = message.address.url if connection.by_proxy else message.address.target
        headers = message.headers | connection.headers
        failure: OSError | None = None
        try:
            connection.http.request(message.method, target, message.body, headers)
        except OSError as error:  # a server may answer, and close, before it has read all
            failure = error
        except (ValueError, HTTPException) as error:
            raise refused(f"{message.shown} cannot be sent: {error}") from None
        try:
            response = connection.http.getresponse()
        except (OSError, HTTPException) as error:
            raise lost(message.shown, failure or error) from None
        self.opened.callback(response.close)
        reply = Reply(response, self.place)
        sys.stdout.write(f"{reply.status} {reply.reason} {reply.kind}\n")
        return reply

    def _redirected(self, message: Message, reply: Reply, location: str) -> Message:
        keeps = reply.status in KEEPS_METHOD
        self.nothing_done = self.nothing_done and keeps
        try:
            address = moved(message.address, location)
        except WorkFailedError as error:
            raise self._failed(f"{message.shown} was redirected: {error}") from None
        if message.address.scheme == "https" and address.scheme == "http":
            raise self._failed(f"{message.shown} was redirected to {address.shown}, which is not encrypted")
        why = self.place.denied(address.host, address.port)
        if why is not None:
            raise self._failed(f"{message.shown} was redirected to {address.host}, which policy.hosts {why}")
        headers = message.headers
        if address.origin != message.address.origin:
            headers = {name: value for name, value in headers.items() if name.lower() in OPEN_HEADERS}
        if keeps or message.method in SAFE_METHODS:
            return message._replace(address=address, headers=headers)
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        return Message("GET", address, headers, None)

    def _expected(self, status: int) -> bool:
        wanted = self.params.expect_status
        if self.download is not None and status in {206, 416} and "Range" not in self.params.headers:
            return True  # the rest of a part, or nothing more
        if wanted is None:
            return 200 <= status < (300 if self.params.follow else 400)
        return status in (wanted if isinstance(wanted, list) else [wanted])

    def _unexpected(self, message: Message, reply: Reply, outputs: dict[str, object]) -> WorkFailedError:
        status = reply.status
        retry_after_s = reply.retry_after_s()
        with suppress(WorkFailedError):  # the status says enough
            outputs |= reply.taken()
        said = None if reply.kind == "text/html" else outputs.get("text") or outputs.get("json")
        text = said if isinstance(said, str) else json_format.dumps(said) if said is not None else ""
        more = f": {' '.join(text.split())[:SAID_MAX]}" if text.strip() else ""
        return WorkFailedError(
            "http.status",
            f"{status} {reply.reason} from {message.shown}{more}",
            definite=self.nothing_done and (400 <= status < 500 and status not in {408, 409}),
            retry_after_s=retry_after_s,
            outputs=outputs,
        )

    def _failed(self, text: str) -> WorkFailedError:
        return WorkFailedError("http.status", text, definite=self.nothing_done)

    def _admit(self, address: Address) -> None:
        why = self.place.denied(address.host, address.port)
        if why is not None:
            raise refused(f"{address.shown} is on {address.host}, which policy.hosts {why}")

    def _verify(self) -> bool | str:
        verify = self.params.verify
        return self.place.readable(verify) if isinstance(verify, str) else verify

    def _message(self) -> Message:
        params = self.params
        address = address_of(params.url, params.query)
        headers = {name: str(value) for name, value in params.headers.items() if value is not None}
        given = {name.lower() for name in headers}
        body, kind = self._body()
        own = {"User-Agent": "holdfast", "Accept": "*/*"}
        if kind is not None:
            own["Content-Type"] = kind
        if address.user:
            own["Authorization"] = basic(address.user)
        if self.place.once or params.idempotency_header is not None:
            own[params.idempotency_header or "Idempotency-Key"] = self.place.key  # semantics E1
        headers |= {name: value for name, value in own.items() if name.lower() not in given}
        return Message(params.method, address, headers, body)

    def _body(self) -> tuple[bytes | None, str | None]:
        params = self.params
        if params.json is not msgspec.UNSET:
            text = json_format.dumps(params.json, ensure_ascii=False, allow_nan=False)
            return text.encode(), "application/json"
        if params.form is not None:
            return query_of(params.form).encode(), "application/x-www-form-urlencoded"
        if params.body is not None:
            return params.body.encode(), "text/plain; charset=utf-8"
        return None, None
