"""A linter in forty lines: syntax errors, imports that nothing uses, bare `except:`, tabs, long lines."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

LONGEST = 100


def faults(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, what is wrong) of a file."""
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LONGEST:
            yield number, f"longer than {LONGEST} characters"
        if "\t" in line:
            yield number, "a tab"
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield error.lineno or 1, f"not Python: {error.msg}"
        return
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "except: without an exception"
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in node.names:
                if (name.asname or name.name).split(".")[0] not in used:
                    yield node.lineno, f"{name.asname or name.name} is imported and never used"


found = 0
for argument in sys.argv[1:]:
    for path in [Path(argument)] if argument.endswith(".py") else sorted(Path(argument).rglob("*.py")):
        for number, what in faults(path):
            print(f"{path}:{number}: {what}")
            found += 1
sys.exit(1 if found else 0)
