"""Connections for http: directly or through the proxy that the environment names, with TLS verified by default."""

import base64
import socket
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # it is there

from holdfast.runners.address import Address, address_of
from holdfast.runners.failing import WorkFailedError, refused

if TYPE_CHECKING:
    import ssl

CONNECT_S = 30.0
"""The longest wait for a connection, its TLS and its proxy together per address; what follows is the attempt's time."""


class NoConnectionError(Exception):
    """Nothing was sent, as there is no connection; the message says why."""


class Connection:
    """One connection for one request."""

    def __init__(self, address: Address, context: "ssl.SSLContext | None") -> None:
        """Connect. Raises `NoConnectionError`, and `WorkFailedError` for a proxy that cannot be used."""
        proxy = proxy_for(address)
        self.by_proxy = proxy is not None and address.scheme == "http"
        self.headers: dict[str, str] = {}
        hop = proxy or address
        self.http = self._made(address, hop, context)
        if proxy is not None:
            credentials = {"Proxy-Authorization": basic(proxy.user)} if proxy.user else {}
            if address.scheme == "https":
                self.http.set_tunnel(address.host, address.port, headers=credentials)
            else:
                self.headers = credentials
        self._connect(address, proxy)

    @staticmethod
    def _made(address: Address, hop: Address, context: "ssl.SSLContext | None") -> HTTPConnection:
        if address.scheme == "http":
            return HTTPConnection(hop.host, hop.port, timeout=CONNECT_S)
        from http.client import HTTPSConnection  # noqa: PLC0415 - ssl takes its time, and many URLs are local

        return HTTPSConnection(hop.host, hop.port, timeout=CONNECT_S, context=context)

    def _connect(self, address: Address, proxy: Address | None) -> None:
        where = address.netloc + (f" through the proxy {proxy.netloc}" if proxy else "")
        try:
            self.http.connect()
        except (OSError, HTTPException) as error:
            self.http.close()
            raise NoConnectionError(f"no connection to {where}: {why_not(error)}") from None
        self.http.sock.settimeout(None)  # the attempt's own clocks hold from here on
        self.http.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def why_not(error: Exception) -> str:
    """What went wrong on the wire, in one line."""
    certificate = getattr(error, "verify_message", None)
    if certificate:
        return f"its certificate does not hold: {certificate}; `verify` names a file of authorities"
    if isinstance(error, socket.gaierror):
        return f"the name is not known ({error.strerror})"
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_S:g} s"
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())[:300] or type(error).__name__


def proxy_for(address: Address) -> Address | None:
    """The proxy that the environment names for an address; refused where it is of a kind we do not speak."""
    proxies = getproxies_environment()
    url = proxies.get(address.scheme) or proxies.get("all")
    if not url or proxy_bypass_environment(address.netloc, proxies):
        return None
    scheme = url.partition("://")[0].lower() if "://" in url else "http"
    if scheme != "http":
        raise refused(f"the proxy of the environment is of kind {scheme}; only http proxies can be used")
    return address_of(url if "://" in url else f"http://{url}")


def context_for(verify: bool | str) -> "ssl.SSLContext":  # noqa: FBT001 - it is the parameter of the plan
    """The TLS of a request: verified by the system's authorities or those of a file, unless the plan says otherwise."""
    import ssl  # noqa: PLC0415 - as above

    if verify is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    except (OSError, ssl.SSLError) as error:
        raise refused(f"the authorities in {verify} cannot be read: {why_not(error)}") from None


def basic(user: str) -> str:
    """The header for a user and a password."""
    return "Basic " + base64.b64encode(user.encode()).decode()


def lost(what: str, error: Exception) -> WorkFailedError:
    """The connection broke when the request, or a part of it, was on its way: nobody knows what it did."""
    return WorkFailedError("http.connect", f"the connection was lost after {what} was sent: {why_not(error)}")
