"""House rules about Python text, each a pure function from a path and a text to findings."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator

from tests.tidy.house import Finding

BANNED_WORDS = {"util", "helper", "common", "misc", "manager", "service", "processor"}  # style 1
MARKERS = re.compile(
    r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK", "Not" + "ImplementedError"]) + r")\b"
)
SILENCER = re.compile(
    r"#\s*(?:(?:ruff:\s*|flake8:\s*)?noqa|type:\s*ignore|mypy:\s*[\w-]+|pragma:\s*no\s*\w+)"
    r"(?:\[[^\]]*\]|(?:[\s:,]*[A-Z]+\d*\b)*)(?P<reason>.*)"
)
CLOCKS = {"now", "today", "utcnow"}
DOING = {"open", "print", "input", "eval", "exec", "breakpoint"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Every function with its dotted name, methods and inner functions included."""
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                yield prefix + child.name, child
            named = f"{prefix}{child.name}." if isinstance(child, Function | ast.ClassDef) else prefix
            waiting.append((named, child))


def function_lengths(path: str, text: str) -> dict[str, int]:
    """Lines of each function as `path::name`, from `def` to the last line."""
    return {
        f"{path}::{name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for name, node in functions(ast.parse(text))
    }


def words(name: str) -> set[str]:
    """The singular lower-case words of a name in snake_case, CamelCase or kebab-case."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return {part.lower().removesuffix("s") for part in parts} | {part.lower() for part in parts}


def bound_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name the text gives to something, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def banned_names(path: str, text: str) -> list[Finding]:
    """Names that say a rank and not a role (style 1 and 2), in the path and in the text."""
    found = [Finding(path, 1, f'"{word}" in a file name') for word in sorted(words(path) & BANNED_WORDS)]
    for line, name in bound_names(ast.parse(text)):
        found += [Finding(path, line, f'"{word}" in the name {name}') for word in sorted(words(name) & BANNED_WORDS)]
    return found


def leftover_markers(path: str, text: str) -> list[Finding]:
    """Words that say the work is not finished."""
    lines = enumerate(text.splitlines(), 1)
    return [Finding(path, number, f"leftover {match[0]}") for number, line in lines for match in MARKERS.finditer(line)]


def silent_silencers(path: str, text: str) -> list[Finding]:
    """Comments that switch a check off without naming the check and giving a reason."""
    found: list[Finding] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        match = SILENCER.search(token.string)
        if match and len(re.findall(r"\w+", match["reason"])) < 2:
            found.append(Finding(path, token.start[0], f"no reason: {token.string}"))
    return found


def silent_exceptions(path: str, text: str) -> list[Finding]:
    """Rules that `pyproject.toml` switches off on a line without a reason."""
    found: list[Finding] = []
    for number, line in enumerate(text.splitlines(), 1):
        off = re.match(r'\s+"([A-Z]+\d*)",(.*)', line)
        if off and not re.search(r"#\s*\S+ \S+", off[2]):
            found.append(Finding(path, number, f"no reason for {off[1]}"))
    return found


def sleeping(path: str, text: str) -> list[Finding]:
    """Calls of `time.sleep`: a test waits for an event with a deadline, or uses the virtual clock."""
    found: list[Finding] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr == "sleep" and isinstance(node.value, ast.Name):
            found += [Finding(path, node.lineno, "time.sleep")] if node.value.id == "time" else []
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [Finding(path, node.lineno, "time.sleep")] if any(a.name == "sleep" for a in node.names) else []
    return found


def impure(path: str, text: str) -> list[Finding]:
    """What import-linter cannot see in the core: the clock inside `datetime`, and the built-ins that do I/O."""
    found: list[Finding] = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            found.append(Finding(path, node.lineno, f".{node.func.attr}() reads the clock"))
        elif isinstance(node.func, ast.Name) and node.func.id in DOING:
            found.append(Finding(path, node.lineno, f"{node.func.id}() in the core"))
    return found


def foreign_imports(path: str, text: str, own: str) -> list[Finding]:
    """Imports a stand-alone program cannot make: all but the standard library and its `own` package."""
    found: list[Finding] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        else:
            continue
        names = [name for name in names if not f"{name}.".startswith(f"{own}.")]
        foreign = [name for name in names if name.split(".")[0] not in sys.stdlib_module_names]
        found += [Finding(path, node.lineno, f"imports {name}") for name in foreign]
    return found
