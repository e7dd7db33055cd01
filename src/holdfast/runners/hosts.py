"""Which host a URL or a git remote is on."""

import re
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
