"""Whether a policy lets our runners reach a host: the same answer when a plan is checked and when it runs."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_HOST = re.compile(r"[a-z]+://(?:[^/?#@\s]*@)?(\[[^\]]*\]|[^/:?#\s]*)(?::([0-9]+))?(?=[/?#]|$)", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}


def host_in(url: str) -> tuple[str, int | None] | None:
    """Host, in lower case, and port of a URL that is written out; `None` for what is no URL, or not known yet."""
    match = _HOST.match(url)
    if match is None or "${{" in match[0] or not match[1]:
        return None
    port = int(match[2]) if match[2] else _PORTS.get(url.partition("://")[0].lower())
    return match[1].strip("[]").lower().rstrip("."), port


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
