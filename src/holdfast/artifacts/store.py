"""The artifact store: outputs, files and folders by the digest of their content."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from holdfast.artifacts.copying import copy, hash_of, sync, write_all, write_beside
from holdfast.artifacts.manifest import Entry, decode, encode
from holdfast.artifacts.objects import PREFIX, Condition, Objects, lacking
from holdfast.errors import IntegrityError
from holdfast.run.events import ArtifactRef

BESIDE_BYTES: Final = 512 * 1024
"""Bytes from which on a second thread writes while the first one hashes: both cost about the same."""


class Store:
    """What is kept by digest in one state folder."""

    def __init__(self, state: Path) -> None:
        """`state` is the state folder; nothing is made before something is stored."""
        self.objects = Objects(str(state))

    def put_bytes(self, data: bytes) -> str:
        """Store bytes durably; returns `sha256:<hex>`. Raises `StoreError`."""
        if len(data) >= BESIDE_BYTES:
            return self.put_pieces([data])
        sha = hashlib.sha256(data).hexdigest()
        if not self.objects.holds(sha):
            self.objects.stage(lambda fd: _write_synced(fd, data), sha)
        return PREFIX + sha

    def put_pieces(self, pieces: Iterable[bytes]) -> str:
        """Store the bytes that the pieces make together durably; returns `sha256:<hex>`. Raises `StoreError`."""
        objects = self.objects
        return PREFIX + objects.stage(lambda fd: write_beside(fd, pieces, objects.shard))

    def put_path(
        self, path: str | Path, shown: str, *, roots: Sequence[str] = (), digest_only: bool = False
    ) -> ArtifactRef:
        """Store a file, or a folder as a manifest of its files; raises `StoreError` or `OSError`.

        Symbolic links are stored as links; where there are `roots`, they must stay below one of them. `digest_only`:
        nothing is stored.
        """
        path = str(path)
        found = os.stat(path)
        take = _hashed if digest_only else self._put_file
        if stat.S_ISDIR(found.st_mode):
            entries, size = _entries(path, take, () if digest_only else roots)
            manifest = encode(entries)
            digest = PREFIX + hashlib.sha256(manifest).hexdigest() if digest_only else self.put_bytes(manifest)
            return ArtifactRef(shown, digest, size, tree=True, digest_only=digest_only)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "neither a file nor a folder", path)
        digest, size = take(path)
        return ArtifactRef(shown, digest, size, executable=_is_executable(found), digest_only=digest_only)

    def read(self, digest: str) -> bytes:
        """An object's bytes, verified; `IntegrityError` when it is missing or damaged, which moves it away."""
        found = Condition.INTACT
        for _ in range(2):  # one that is healed between two looks is read again
            with suppress(OSError):  # it is missing, or the disk does not give it back
                data = Path(self.objects.path(digest)).read_bytes()
                if PREFIX + hashlib.sha256(data).hexdigest() == digest:
                    return data
            found = self.objects.check(digest)
            if found is not Condition.INTACT:
                break
        raise lacking(digest, found)

    def path(self, digest: str) -> Path:
        """Where an object is, or would be."""
        return Path(self.objects.path(digest))

    def entries(self, digest: str) -> list[Entry]:
        """What is in a stored folder; raises `IntegrityError`."""
        try:
            entries = decode(self.read(digest))
        except msgspec.DecodeError:
            raise IntegrityError(f"object {digest} is no folder", code="E_ARTIFACT_DAMAGED") from None
        for entry in entries:
            if entry.path.startswith("/") or not {"", ".", ".."}.isdisjoint(entry.path.split("/")):
                raise IntegrityError(f"object {digest} names {entry.path}", code="E_ARTIFACT_DAMAGED")
        return entries

    def verify(self, ref: ArtifactRef) -> Condition:
        """Hash an artifact's bytes, of a folder those of all its files; what is damaged is moved away."""
        found = self.objects.check(ref.digest)
        if found is not Condition.INTACT or not ref.tree:
            return found
        inside = {self.objects.check(entry.digest) for entry in self.entries(ref.digest) if entry.digest}
        return next((each for each in (Condition.DAMAGED, Condition.MISSING) if each in inside), Condition.INTACT)

    def present(self, refs: Collection[ArtifactRef]) -> set[str]:
        """The digests of those artifacts whose bytes are all there, by a look at the store's folders only."""
        there = self.objects.present({ref.digest for ref in refs if not ref.digest_only})
        inside: dict[str, set[str]] = {}
        for digest in {ref.digest for ref in refs if ref.tree and ref.digest in there}:
            try:
                inside[digest] = {entry.digest for entry in self.entries(digest) if entry.digest}
            except IntegrityError:
                there.discard(digest)
        if inside:
            files = self.objects.present(set().union(*inside.values()))
            there -= {digest for digest, wanted in inside.items() if not wanted <= files}
        return there

    def place(self, ref: ArtifactRef, target: str, roots: Sequence[str] = ()) -> None:
        """Put an artifact's bytes at a path, verified, all of it or nothing; what was there gives way.

        The copy is a file of its own: nobody can write into the store by it. Where there are `roots`, the path must be
        below one of them. Raises `IntegrityError`, and `StoreError` where the path cannot be written.
        """
        from holdfast.artifacts.placing import place_file, place_tree  # noqa: PLC0415 - few runs put anything back

        if ref.tree:
            place_tree(self.objects, self.entries(ref.digest), target, roots)
        else:
            place_file(self.objects, Entry("", ref.digest, ref.executable), target, roots)

    def _put_file(self, path: str) -> tuple[str, int]:
        """Copy while hashing, so that what is stored is what was hashed; a known object is hashed only."""
        with open(path, "rb") as source:
            sha, size = hash_of(source.fileno())
            if self.objects.holds(sha):
                return PREFIX + sha, size

            def write(fd: int) -> str:
                nonlocal size
                sha, size = copy(source.fileno(), fd)
                return sha

            return PREFIX + self.objects.stage(write), size


def _hashed(path: str) -> tuple[str, int]:
    with open(path, "rb") as source:
        sha, size = hash_of(source.fileno())
    return PREFIX + sha, size


def _entries(root: str, take: Callable[[str], tuple[str, int]], roots: Sequence[str]) -> tuple[list[Entry], int]:
    """What is in a folder, and how many bytes; `take` gives digest and size of each file. Raises `OSError`."""
    entries: list[Entry] = []
    total = 0
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        with os.scandir(os.path.join(root, inside)) as found:
            children = list(found)
        if inside and not children:
            entries.append(Entry(inside, folder=True))
        for child in children:
            shown = os.path.join(inside, child.name)
            if child.is_symlink():
                entries.append(Entry(shown, link=_link(child.path, roots)))
            elif child.is_dir():
                waiting.append(shown)
            elif child.is_file():
                digest, size = take(child.path)
                total += size
                entries.append(Entry(shown, digest, _is_executable(child.stat())))
            else:
                raise OSError(errno.EINVAL, "neither a file, a folder nor a link", child.path)
    return entries, total


def _link(path: str, roots: Sequence[str]) -> str:
    from holdfast.plan.checks.paths import inside  # noqa: PLC0415 - start-up time: few folders hold links

    real = os.path.realpath(path)
    if roots and not any(inside(real, root) for root in roots):
        raise PermissionError(errno.EPERM, f"leads out of the project, to {real}", path)
    return os.readlink(path)


def _is_executable(found: os.stat_result) -> bool:
    return bool(found.st_mode & stat.S_IXUSR)


def _write_synced(fd: int, data: bytes) -> None:
    write_all(fd, data)
    sync(fd)
