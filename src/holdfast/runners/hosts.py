"""Which host a URL or a git remote is on, and whether a policy lets our runners reach it."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
_SCP_LIKE = re.compile(r"(?:[^@/\s]+@)?(\[[^\]]+\]|[^:/\s\[]{2,}):(?!//)")


def host_of(url: str) -> tuple[str, int | None]:
    """Host, in lower case, and port of a URL. Raises `ValueError`."""
    parts = urlsplit(url)
    return (parts.hostname or "").rstrip("."), parts.port or PORTS.get(parts.scheme)


def host_of_remote(remote: str) -> tuple[str, int | None] | None:
    """Host and port of a git remote; `None` for one on this machine."""
    if "://" in remote:
        scheme = remote.partition("://")[0]
        if scheme == "file":
            return None
        try:
            return host_of(remote)
        except ValueError:
            return "", None
    match = _SCP_LIKE.match(remote)
    return (match[1].strip("[]").lower(), PORTS["ssh"]) if match is not None else None


def denied(host: str, port: int | None, allowed: Sequence[str] | None, refused: Sequence[str]) -> str | None:
    """How a policy refuses a host: `denies` or `does not allow`; `None` if it does not.

    A pattern with a port holds for that port; `*` stands for any part of a name.
    """
    names = (host, f"{host}:{port}", f"[{host}]", f"[{host}]:{port}")
    if any(fnmatchcase(name, _escaped(pattern)) for pattern in refused for name in names):
        return "denies"
    if allowed is not None and not any(fnmatchcase(name, _escaped(pattern)) for pattern in allowed for name in names):
        return "does not allow"
    return None


def _escaped(pattern: str) -> str:
    """A pattern in which brackets are those of an IPv6 address."""
    return pattern.lower().replace("[", "[[]") if ":" in pattern else pattern.lower()
