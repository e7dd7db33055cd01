"""What an attempt's files are called: any step's id as a name that every file system takes, and no other step's."""

import hashlib
import re
from typing import Final

SLUG_CHARACTERS: Final = 40
_PLAIN: Final = re.compile(r"[a-z0-9_][a-z0-9_-]{0,39}")
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]+")


def attempt_name(step: str, number: int) -> str:
    """`build.1`; of an instance `build+key.1`, or, where the key is no plain name, `build+slug~digest.1`.

    Ids of a plan hold no `+` and no `~`, and a plain key neither, so two steps never share a name.
    """
    base, bracket, key = step.partition("[")
    if not bracket:
        return f"{step}.{number}"
    key = key.removesuffix("]")
    if _PLAIN.fullmatch(key) is None:
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        key = f"{_ODD.sub('-', key)[:SLUG_CHARACTERS]}~{digest}"
    return f"{base}+{key}.{number}"
