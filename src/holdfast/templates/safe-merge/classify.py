"""Phase 3. What BRANCH changes since it left BASE, by kind; what should not be merged by accident is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

KINDS = {".py": "python", ".md": "docs", ".rst": "docs", ".txt": "docs", ".toml": "settings", ".json": "settings"}
HUGE = 5_000_000


def git(*arguments: str) -> bytes:
    """What git answers."""
    return subprocess.run(["git", "-C", os.environ["REPO"], *arguments], check=True, capture_output=True).stdout


branch = os.environ["BRANCH"]
changes = git("diff", "--name-only", "--diff-filter=d", "-z", f"{os.environ['BASE']}...{branch}")
counts = {"files": 0, "python": 0, "docs": 0, "settings": 0, "other": 0}
refused = []
for name in filter(None, changes.decode(errors="surrogateescape").split("\0")):
    kind = KINDS.get(Path(name).suffix, "other")
    counts["files"] += 1
    counts[kind] += 1
    content = git("show", f"{branch}:{name}")
    print(f"{kind:<8} {len(content):>9,}  {name}".encode(errors="replace").decode())
    if len(content) > HUGE:
        refused.append(f"{name} has {len(content):,} bytes")
    if any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in content.splitlines()):
        refused.append(f"{name} has conflict markers")

with Path(os.environ["HOLDFAST_OUTPUT"]).open("a", encoding="utf-8") as output:
    output.write(json.dumps(counts) + "\n")
sys.exit("; ".join(refused) or None)
