"""Paths as a plan writes them: relative to the plan file's folder, with `/`; and who makes what lies there."""

import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from holdfast.plan.model import Product

STATE_FOLDER: Final = ".holdfast"
_ODD: Final = re.compile(r"(?:^|/)\.{0,2}(?:/|$)")
_MAGIC: Final = re.compile(r"[*?\[]")


class Made(NamedTuple):
    """An artifact at a path."""

    path: str
    step: str
    artifact: str


def is_template(text: str) -> bool:
    """Whether a path is only known when a step starts."""
    return "${{" in text


def is_simple(text: str) -> bool:
    """Whether a path is written plainly, known now, inside the project and not the engine's."""
    return not (_ODD.search(text) or is_template(text) or STATE_FOLDER in text)


def is_glob(text: str) -> bool:
    """Whether a path stands for all that match it."""
    return _MAGIC.search(text) is not None


def plain(path: str) -> str:
    """The path without `.`, `..` in its middle and doubled slashes."""
    return posixpath.normpath(path) if _ODD.search(path) else path


def inside(path: str, root: str) -> bool:
    """Whether a plain path is a plain root or lies below it."""
    if root == ".":
        return not path.startswith(("/", "../")) and path != ".."
    return path == root or path.startswith(root.rstrip("/") + "/")


def parents(path: str) -> Iterator[str]:
    """A plain path, then the folders it lies in, from the inside out."""
    yield path
    while "/" in path:
        path = path.rpartition("/")[0]
        if path:
            yield path


@lru_cache(maxsize=4096)
def matcher(glob: str) -> re.Pattern[str]:
    """What a glob means for plain paths: `*` and `?` stay within a name, `**` crosses folders, a folder is its tree."""
    *folders, last = plain(glob).split("/")
    form = "".join("(?:[^/]+/)*" if name == "**" else _name_form(name) + "/" for name in folders)
    form += "(?:[^/]+/)*[^/]+" if last == "**" else _name_form(last)
    return re.compile(form + "(?:/.*)?", re.DOTALL)


@lru_cache(maxsize=4096)
def name_matcher(name: str) -> re.Pattern[str]:
    """What one name of a glob, other than `**`, means for the names in a folder."""
    return re.compile(_name_form(name), re.DOTALL)


def _name_form(name: str) -> str:
    """The regular expression of one name in a glob."""
    form, rest = "", name
    while rest:
        bracket = _BRACKET.match(rest)
        if bracket is not None:
            negated, held = bracket[1], bracket[2].replace("\\", "\\\\").replace("[", "\\[")
            form += f"(?!/)[{'^' if negated else ''}{held}]"
            rest = rest[bracket.end() :]
        else:
            form += {"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0]))
            rest = rest[1:]
    return form


_BRACKET: Final = re.compile(r"\[([!^]?)(\]?[^\]/]+)\]")


@dataclass(slots=True)
class Products:
    """All products of a plan whose path is known, by plain path."""

    at: dict[str, list[Made]] = field(default_factory=dict)
    _sorted: list[str] = field(default_factory=list)
    _matched: dict[str, tuple[Made, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, steps: Mapping[str, Mapping[str, Product]]) -> "Products":
        """The products of each step by name."""
        made = cls()
        for step, products in steps.items():
            for name, product in products.items():
                if not is_template(product.path):
                    path = plain(product.path)
                    made.at.setdefault(path, []).append(Made(path, step, name))
        made._sorted = sorted(made.at)
        return made

    def makers_of(self, read: str) -> Iterator[str]:
        """The steps that make what a literal path names: the file itself, or a folder it lies in."""
        if not self.at or read.startswith("!") or is_glob(read) or is_template(read):
            return
        for path in parents(plain(read)):
            for made in self.at.get(path, ()):
                yield made.step

    def matched_by(self, read: str) -> tuple[Made, ...]:
        """What a glob matches, or what lies in the folder that a literal path names."""
        if read not in self._matched:
            self._matched[read] = tuple(self._match(read))
        return self._matched[read]

    @staticmethod
    def excluded(reads: tuple[str, ...], path: str) -> bool:
        """Whether a `!pattern` of a step's reads takes a path out."""
        return any(matcher(read[1:]).fullmatch(path) is not None for read in reads if read.startswith("!"))

    def _match(self, read: str) -> Iterator[Made]:
        if is_template(read):
            return
        glob = is_glob(read)
        start = _MAGIC.split(read, maxsplit=1)[0].rpartition("/")[0] if glob else plain(read)
        start = plain(start) if start else ""
        for path in self._below(start):
            if glob and not matcher(read).fullmatch(path):
                continue
            yield from self.at[path]
        if glob and start:
            # The glob looks into a folder that is itself a product.
            for path in parents(start):
                yield from self.at.get(path, ())

    def _below(self, folder: str) -> Iterator[str]:
        """The product paths that lie in a folder ("": anywhere)."""
        prefix = "" if folder in {"", "."} else folder + "/"
        for number in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            if not self._sorted[number].startswith(prefix):
                return
            yield self._sorted[number]
