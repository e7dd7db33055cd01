"""The environment of a step's process: what passes from outside, what the record shows of it."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from functools import lru_cache

PASSED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_*",
    "TERM",
    "TMPDIR",
    "USER",
    "SHELL",
    "TZ",
    "SSH_AUTH_SOCK",
    "*_PROXY",
    "*_proxy",
    "VIRTUAL_ENV",
)
"""What passes without being asked for (plan-format, `env_pass`)."""

_SECRET = re.compile(r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|PRIVATE|(^|_)(KEY|AUTH)($|_)", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")
REDACTED = "***"


def passed(outside: Mapping[str, str], asked: Iterable[str]) -> dict[str, str]:
    """The part of the outside environment that a plan's steps get: the default names, and those `env_pass` lists."""
    wanted = _matcher((*PASSED, *asked))
    return {name: value for name, value in outside.items() if wanted.match(name)}


def redacted(env: Mapping[str, str]) -> dict[str, str]:
    """The environment as the record shows it: values whose names speak of secrets are hidden, and users in URLs.

    The record is text: a byte that is not UTF-8 is written in hexadecimal.
    """
    return {
        _text(name): REDACTED if _SECRET.search(name) else _PASSWORD_IN_URL.sub(REDACTED, _text(value))
        for name, value in env.items()
    }


def _text(value: str) -> str:
    return value if value.isascii() else value.encode(errors="surrogateescape").decode(errors="backslashreplace")


@lru_cache(maxsize=16)
def _matcher(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(name) for name in names))
