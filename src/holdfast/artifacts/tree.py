"""The working tree: what the files hold that a step reads, each looked at once."""

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NoReturn

from holdfast.artifacts.manifest import Entry, encodable, encode
from holdfast.artifacts.statcache import PREFIX, StatCache
from holdfast.errors import RequestError
from holdfast.plan.checks.paths import STATE_FOLDER, inside, is_glob, matcher, name_matcher, plain

FILE, FOLDER, LINK = "file", "folder", "link"
NO_FILE: Final = "is neither a file nor a folder"
OTHER: Final = ""
_NOT_PLAIN: Final = re.compile(r"^!|[*?\[]|(?:^|/)(?:\.{0,2}|\.holdfast)(?:/|$)")
"""What is in a pattern that is more than a plain path."""


class LeftOut:
    """What a step's `reads` never match: what they exclude, the step's own products, and the state folder."""

    __slots__ = ("_forms", "_own")

    def __init__(self, reads: Sequence[str], products: Collection[str]) -> None:
        """`reads` as the plan writes them, `products` as plain paths."""
        self._forms = [matcher(read[1:]) for read in reads if read.startswith("!")]
        self._own = products

    def has(self, path: str) -> bool:
        """Whether a plain path is out."""
        for own in self._own:
            if path.startswith(own) and (len(path) == len(own) or path[len(own)] == "/"):
                return True
        for form in self._forms:
            if form.fullmatch(path) is not None:
                return True
        return STATE_FOLDER in path and STATE_FOLDER in path.split("/")

    def touches(self, folder: str) -> bool:
        """Whether more than the state folder can be out of a folder."""
        return bool(self._forms) or any(folder == "." or own.startswith(f"{folder}/") for own in self._own)


class WorkingTree:
    """The files of a project as they are at one moment.

    What it has looked at it does not look at again: who wants to know what is there later makes another one. Many
    share one stat cache.
    """

    def __init__(self, root: str, cache: StatCache) -> None:
        """`root` is the plan file's folder, which all paths are relative to."""
        self._above = f"{root}/"
        self._cache = cache
        self._real = os.path.realpath(root)
        self._digests: dict[str, str | None] = {}  # of files, and of what is not there
        self._others: dict[str, str] = {}  # of folders and of what links lead to
        self._executable: set[str] = set()
        self._lists: dict[str, list[tuple[str, str]]] = {}
        self._globs: dict[str, list[str]] = {}
        self._inside = {""}

    def snapshot(self, reads: Sequence[str], products: Collection[str] = ()) -> dict[str, str | None]:
        """What a step's `reads` match: path -> digest, sorted; `products` are the plain paths of its own products.

        A literal path is one entry: a file by its bytes, a folder by the manifest of its files, `None` where there is
        nothing. A glob is one entry for each file that it matches, or that lies in a folder that it matches. `!pattern`
        takes out, wherever it stands. `.holdfast` and the step's own products never match. Raises `RequestError` for
        what cannot be read, is no file, or leads out of the project.
        """
        found: dict[str, str | None] = {}
        for read in reads:
            if _NOT_PLAIN.search(read) is not None or any(map(read.startswith, products)):
                return self._matched(reads, products)
            digest = self._file(read)
            if digest == OTHER:
                return self._matched(reads, products)
            found[read if read.isascii() else encodable(read)] = digest
        return found if len(found) < 2 else dict(sorted(found.items()))

    def _matched(self, reads: Sequence[str], products: Collection[str]) -> dict[str, str | None]:
        """The same for patterns that are more than the plain paths of files."""
        left_out = LeftOut(reads, products)
        found: dict[str, str | None] = {}
        for read in reads:
            if read.startswith("!"):
                continue
            if is_glob(read):
                paths, literal = self._matches(read), False
            else:
                paths, literal = [plain(read)], True
            for path in paths:
                if left_out.has(path):
                    continue
                digest = self._digest(path, left_out)
                if literal or digest is not None:  # else it is gone since its folder was read
                    found[encodable(path)] = digest
        return dict(sorted(found.items()))

    def product(self, path: str) -> str | None:
        """The digest that the store would give to the product at a plain path; `None` where there is nothing."""
        digest = self._file(path, anywhere=True)
        if digest != OTHER:
            return digest
        found = self._look(path, behind=True)
        if found is not None and stat.S_ISDIR(found.st_mode):
            return _digest_of(self._entries(path, None, exact=True))
        return None if found is None else self._hashed(path, self._full(path), found)

    def _digest(self, path: str, left_out: LeftOut | None = None, *, anywhere: bool = False) -> str | None:
        """The digest of what is at a path, links followed; of a folder without what is left out of it."""
        digest = self._file(path, anywhere=anywhere)
        return self._other(path, left_out) if digest == OTHER else digest

    def _file(self, path: str, *, anywhere: bool = False) -> str | None:
        """The digest of the file at a path; `None` where there is nothing, `OTHER` where there is no file."""
        if path in self._digests:
            return self._digests[path]
        if not anywhere and path.rpartition("/")[0] not in self._inside:
            self._stay(path)
        found = self._look(path)
        digest = None
        if found is not None:
            if not stat.S_ISREG(found.st_mode):
                return OTHER
            digest = self._hashed(path, "", found)
        self._digests[path] = digest
        return digest

    def _other(self, path: str, left_out: LeftOut | None) -> str | None:
        """The digest of a folder, or of what a link leads to."""
        if left_out is not None and not left_out.touches(path):
            left_out = None
        if left_out is None and path in self._others:
            return self._others[path]
        found = self._look(path)
        if found is None:
            return None
        if stat.S_ISLNK(found.st_mode):
            digest = self._behind(path, left_out)
        elif stat.S_ISDIR(found.st_mode):
            digest = _digest_of(self._entries(path, left_out))
        else:
            _refuse(path, NO_FILE)
        if left_out is None:
            self._others[path] = digest
        return digest

    def _hashed(self, path: str, real: str, found: os.stat_result) -> str:
        """The digest of the file that `found` is about, at `real` where that is not at `path`."""
        mode = found.st_mode
        if not stat.S_ISREG(mode):
            _refuse(path, NO_FILE)
        if mode & stat.S_IXUSR:
            self._executable.add(path)
        try:
            return self._cache.digest(path, real or self._full(path), found)
        except OSError as error:
            _refuse(path, f"cannot be read: {error.strerror or 'it was moved away'}", error)

    def _behind(self, path: str, left_out: LeftOut | None) -> str:
        """The digest of what a link leads to, inside of the project; of the link itself where that is nothing."""
        real = self._led(path)
        found = self._look(path, behind=True)
        if found is None or STATE_FOLDER in real.split("/"):
            return _digest_of([Entry("", link=self._link(path))])
        if stat.S_ISDIR(found.st_mode):
            return _digest_of(self._entries(path, left_out))
        return self._hashed(path, real, found)

    def _entries(self, top: str, left_out: LeftOut | None, *, exact: bool = False) -> Iterator[Entry]:
        """The manifest of a folder; `exact`: as the store keeps it.

        Else an empty folder is nothing, as no step can read it, and what lies behind links that lead out of the folder
        is listed too, by its place in the project.
        """
        outside: set[str] = set()
        waiting = [(top, "", "")]
        tops = [os.path.realpath(self._full(top))]
        while waiting:
            above, before, within = waiting.pop()
            listed = self._list(_joined(above, within.rstrip("/")))
            if exact and not listed and within:
                yield Entry(within[:-1], folder=True)
            for name, kind in listed:
                shown = f"{within}{name}"
                path = _joined(above, shown)
                if left_out is not None and left_out.has(path):
                    continue
                if kind == FOLDER:
                    waiting.append((above, before, f"{shown}/"))
                elif kind == LINK:
                    yield Entry(before + shown, link=self._link(path))
                    if not exact:
                        outside.add(self._led(path))
                else:
                    digest = self._digest(path, anywhere=exact)
                    if digest is not None:
                        yield Entry(before + shown, digest, path in self._executable)
            if not waiting:
                for place, real, found in self._unseen(outside, tops):
                    if stat.S_ISDIR(found.st_mode):
                        waiting.append((place, f"/{place}/", ""))
                    else:
                        yield Entry(f"/{place}", self._hashed(place, real, found), place in self._executable)

    def _unseen(self, outside: set[str], tops: list[str]) -> Iterator[tuple[str, str, os.stat_result]]:
        """What links lead to that does not lie in a folder that was listed: its place, the same in full, and `stat`."""
        for real in sorted(outside):
            if any(inside(real, top) for top in tops):
                continue
            tops.append(real)
            place = os.path.relpath(real, self._real) if inside(real, self._real) else real
            found = self._look(place)
            if found is not None and STATE_FOLDER not in place.split("/"):
                yield place, real, found

    def _matches(self, glob: str) -> list[str]:
        """The files that a glob matches, or that lie in a folder that it matches."""
        found = self._globs.get(glob)
        if found is None:
            names = plain(glob).split("/")
            first = next(number for number, name in enumerate(names) if is_glob(name))
            head = "/".join(names[:first]) or ("/" if glob.startswith("/") else "")
            found = sorted(set(self._search(glob, head, names[first:])))
            self._globs[glob] = found
        return found

    def _search(self, glob: str, head: str, names: list[str]) -> Iterator[str]:
        waiting = [(head, 0)] if STATE_FOLDER not in head.split("/") else []
        while waiting:
            folder, level = waiting.pop()
            name = names[level]
            if name == "**":
                whole = level == len(names) - 1
                form = matcher(glob)
                yield from (path for path in self._below(folder) if whole or form.fullmatch(path))
                continue
            form = name_matcher(name)
            for each, kind in self._list(folder):
                if form.fullmatch(each) is None:
                    continue
                path = _joined(folder, each)
                if level < len(names) - 1:
                    if kind == FOLDER or (kind == LINK and self._leads_to_folder(path)):
                        waiting.append((path, level + 1))
                elif kind == FOLDER:
                    yield from self._below(path)
                else:
                    yield path

    def _below(self, folder: str) -> Iterator[str]:
        """The files and links in a folder and those below it; links to folders are not gone into."""
        waiting = [folder]
        while waiting:
            above = waiting.pop()
            for name, kind in self._list(above):
                path = _joined(above, name)
                if kind == FOLDER:
                    waiting.append(path)
                else:
                    yield path

    def _list(self, folder: str) -> list[tuple[str, str]]:
        """What is in a folder but the state folder, with its kind; nothing where there is no folder."""
        listed = self._lists.get(folder)
        if listed is None:
            self._stay(f"{folder}/" if folder else folder)
            try:
                with os.scandir(self._full(folder)) as found:
                    listed = [(one.name, _kind(one)) for one in found if one.name != STATE_FOLDER]
            except (FileNotFoundError, NotADirectoryError):
                listed = []
            except (OSError, ValueError) as error:
                _refuse(folder or ".", f"cannot be read: {_why(error)}", error)
            self._lists[folder] = listed
        return listed

    def _leads_to_folder(self, path: str) -> bool:
        found = self._look(path, behind=True)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def _stay(self, path: str) -> None:
        """See that the folder of a path is in the project; a path that is written outside may lead anywhere."""
        folder = path.rpartition("/")[0]
        if folder in self._inside or path.startswith(("/", "../")) or folder == "..":
            return
        self._stay(folder)
        full = self._full(folder)
        if os.path.islink(full) and not inside(os.path.realpath(full), self._real):
            _refuse(folder, f"leads out of the project, to {os.path.realpath(full)}")
        self._inside.add(folder)

    def _led(self, path: str) -> str:
        """Where a link leads; one that is written inside of the project must stay there."""
        real = os.path.realpath(self._full(path))
        if not path.startswith(("/", "../")) and not inside(real, self._real):
            _refuse(path, f"leads out of the project, to {real}")
        return real

    def _link(self, path: str) -> str:
        try:
            return os.readlink(self._full(path))
        except OSError as error:
            _refuse(path, f"cannot be read: {error.strerror}", error)

    def _look(self, path: str, *, behind: bool = False) -> os.stat_result | None:
        full = path if path.startswith("/") else self._above + path
        try:
            return os.stat(full) if behind else os.lstat(full)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            _refuse(path, f"cannot be looked at: {_why(error)}", error)

    def _full(self, path: str) -> str:
        return path if path.startswith("/") else self._above + path


def _digest_of(entries: "Iterator[Entry] | Sequence[Entry]") -> str:
    return PREFIX + hashlib.sha256(encode(entries)).hexdigest()


def _joined(folder: str, name: str) -> str:
    if folder in {"", "."}:
        return name
    return f"{folder}{name}" if folder.endswith("/") else f"{folder}/{name}"


def _kind(one: "os.DirEntry[str]") -> str:
    if one.is_symlink():
        return LINK
    return FOLDER if one.is_dir(follow_symlinks=False) else FILE


def _why(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _refuse(path: str, what: str, cause: Exception | None = None) -> NoReturn:
    hint = f'mend that, or take it out of `reads` with "!{path}"'
    raise RequestError(f"{encodable(path)} {what}", code="E_INPUT_UNAVAILABLE", hint=hint) from cause
