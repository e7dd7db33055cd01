"""What an attempt leaves behind besides its products: an answer too large for an output, and parts of what failed."""

import os
from pathlib import Path

from holdfast.engine.attempt import Attempt, Site, leads_to, render_params, signature
from holdfast.plan.expr import ExpressionError
from holdfast.plan.model import Uses
from holdfast.run import events as ev
from holdfast.run.machine import Run

BODY = "body"
"""The artifact of an http answer that is too large for an output, or no text."""
TICK_NS = 10_000_000
"""A file's time is that of the system's last tick, so it may be this much earlier than what was written to it."""
KEPT_BYTES_MAX = 64 * 1024 * 1024
"""A part larger than this is not copied: it is left where it is."""


def body_of(site: Site, attempt: Attempt) -> ev.ArtifactRef | None:
    """The answer that an http runner left beside its outputs, stored. Raises `StoreError`."""
    work = attempt.step.work
    path = f"{attempt.out}.body"
    if not isinstance(work, Uses) or work.runner != "http" or not os.path.isfile(path):
        return None
    return site.store.put_path(Path(path), os.path.relpath(path, site.project))


def parts_of(site: Site, run: Run, attempt: Attempt, since: int) -> list[str]:
    """Notes of the products that a failed attempt made or changed since it began, each kept for inspection."""
    notes = []
    for name, product in attempt.step.files.produces.items():
        path = f"{site.project}/{product.path}"
        now = signature(path)
        is_new = now is not None and now != attempt.products.get(name) and now[1] >= since * 1000 - TICK_NS
        if is_new and leads_to(site, path) is None:
            notes.append(_kept(site, attempt, name, product.path))
    download = _download(run, attempt)
    if download is not None and os.path.isfile(f"{site.project}/{download}.part"):
        size = os.path.getsize(f"{site.project}/{download}.part")
        notes.append(f"partial: {download}.part, {size:,} bytes")
    return notes


def _download(run: Run, attempt: Attempt) -> str | None:
    """The file that an http step was bringing."""
    work = attempt.step.work
    if not isinstance(work, Uses) or work.runner != "http" or "to" not in work.params:
        return None
    try:
        return str(render_params(run, attempt.at)["to"])
    except ExpressionError:
        return None


def _kept(site: Site, attempt: Attempt, name: str, shown: str) -> str:
    """Copy a part into the run's folder, where the next attempt does not write over it."""
    import shutil  # noqa: PLC0415 - it imports every compression there is, and only failures come here

    path = f"{site.project}/{shown}"
    size = _size(path)
    told = f"partial: {name}, {size:,} bytes"
    if size > KEPT_BYTES_MAX:
        return f"{told}, left at {shown}"
    kept = f"{site.folder}/partial/{attempt.id}/{name}"
    try:
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        if os.path.isdir(path):
            shutil.copytree(path, kept, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(path, kept)
    except (OSError, shutil.Error):
        return f"{told}, left at {shown}"
    return f"{told}, kept in {os.path.relpath(kept, site.project)}"


def _size(path: str) -> int:
    if not os.path.isdir(path):
        return os.path.getsize(path)
    found = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(os.lstat(name).st_size for name in found)
