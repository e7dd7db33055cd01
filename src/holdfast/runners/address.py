"""URLs as requests need them: checked, with their query, and as people may see them."""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from holdfast.runners.failing import refused
from holdfast.runners.hosts import host_of

SECRETIVE = re.compile(r"token|secret|passw|credential|key|auth|signature|^sig$|^code$|session", re.IGNORECASE)
HIDDEN = "***"
_SAFE = "/:?#[]@!$&'()*+,;=%-._~"


class Address(NamedTuple):
    """Where a request goes; `user` is what stood before the host."""

    scheme: str
    host: str
    port: int
    target: str  # path and query, as the request line has them
    user: str | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a header with a secret is meant for."""
        return self.scheme, self.host, self.port

    @property
    def netloc(self) -> str:
        """Host, and port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address, without the user."""
        return f"{self.scheme}://{self.netloc}{self.target}"

    @property
    def shown(self) -> str:
        """The address for logs and records: values in the query that look like secrets are hidden."""
        path, mark, query = self.target.partition("?")
        pairs = [(name, HIDDEN if SECRETIVE.search(name) else value) for name, value in parse_qsl(query, True)]
        told = "&".join(f"{quote(name)}={value if value == HIDDEN else quote(value)}" for name, value in pairs)
        return f"{self.scheme}://{self.netloc}{path}" + (mark + told if told else "")


def address_of(url: str, query: Mapping[str, object] | None = None) -> Address:
    """The address of a URL and more query parameters (a list repeats its name, null is left out), or a refusal."""
    try:
        parts = urlsplit(url.strip())
        host, port = host_of(url.strip())
        host = host.encode("idna").decode() if not host.isascii() else host
    except (ValueError, UnicodeError) as error:
        raise refused(f"{_bare(url)} is not a URL: {error}") from None
    if parts.scheme not in {"http", "https"} or not host or port is None:
        raise refused(f"{_bare(url)} is not an http or https URL")
    asked = "&".join(part for part in (quote(parts.query, safe=_SAFE), query_of(query or {})) if part)
    target = urlunsplit(("", "", quote(parts.path, safe=_SAFE) or "/", asked, ""))
    user = None
    if "@" in parts.netloc:
        user = unquote(parts.netloc.rpartition("@")[0])
    if re.search(r"[\x00-\x20\x7f]", host + target):
        raise refused(f"{_bare(url)} is not a URL: it holds a space or a control character")
    return Address(parts.scheme, host, port, target, user)


def moved(address: Address, location: str) -> Address:
    """Where a redirect leads."""
    try:
        return address_of(urljoin(address.url, location.encode("latin-1", "ignore").decode("utf-8", "replace")))
    except ValueError as error:
        raise refused(f"{_bare(location)} is not a URL: {error}") from None


def query_of(values: Mapping[str, object]) -> str:
    """Parameters in the form of a query or a form."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        pairs += [(name, _plain(item)) for item in (value if isinstance(value, list) else [value]) if item is not None]
    return urlencode(pairs)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        import json  # noqa: PLC0415 - parameters are seldom nested

        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _bare(url: str) -> str:
    """A URL in an error: no user, no query."""
    return re.sub(r"(?<=//)[^/@\s]*@", "", url.partition("?")[0])[:200]
