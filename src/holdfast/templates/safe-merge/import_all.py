"""Phase 7. Import every module of the copy, so that a missing name or a bad import is found before it is pushed."""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, ".")
failed = 0
for path in sorted(Path().rglob("*.py")):
    parts = path.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    if path.name == "import_all.py" or not all(part.isidentifier() for part in parts) or not name:
        continue
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - whatever a module raises is what is looked for
        print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr)
        failed += 1
sys.exit(1 if failed else 0)
