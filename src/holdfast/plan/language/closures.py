"""From the text of an expression to a closure: parsed by `ast`, checked node by node, never given to `eval`."""

import ast
from collections.abc import Callable
from itertools import takewhile
from typing import Final, NamedTuple

from holdfast.plan.language.functions import FUNCTIONS, pattern_of
from holdfast.plan.language.operators import BINARY, COMPARE, Operator, condition, negated, unchanged
from holdfast.plan.language.paths import Closure, Missing, Part, Path, item_or_missing, suggestion
from holdfast.plan.language.scan import check_unicode, step_spelling
from holdfast.plan.language.syntax import Syntax, literal_key, refused
from holdfast.plan.language.values import checked_number, kind_of
from holdfast.plan.language.work import MAX_DEPTH, MAX_NODES, ExpressionError, Frame

_PATH_FACTS: Final = frozenset({"network.online", "disk.free", "disk.store_free"})

_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_FORMS: Final = {"get": (2, 3), "exists": (1, 1)}


class Reference(NamedTuple):
    """What an expression reads: the path up to its first computed part, and where it stands in the text.

    `optional` if it stands in `get()` or `exists()`, so that it may lead nowhere.
    """

    path: tuple[str | int, ...]
    offset: int
    optional: bool


class Compiled(NamedTuple):
    """What an expression reads, the host facts it needs, and the closure that evaluates it."""

    references: tuple[Reference, ...]
    facts: frozenset[str]
    closure: Closure


def compiled(text: str) -> Compiled:
    """The compiled expression `text`; raises ExpressionError, whose offset is in `text`."""
    compiler = _Compiler(text)
    closure = compiler.build(compiler.syntax.tree, 1)
    references = sorted(compiler.references, key=lambda reference: reference.offset)
    return Compiled(tuple(references), frozenset(compiler.facts), closure)


class _Compiler:
    """The compilation of one expression: each method gives the closure of one kind of node."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.references: list[Reference] = []
        self.facts: set[str] = set()
        self.nodes = 0
        self.syntax = Syntax(text)
        self.at = self.syntax.start

    def build(self, node: ast.expr, depth: int) -> Closure:
        """The closure of one node."""
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp):
            self.count(node, depth)  # the others count themselves, part by part
        builder = _BUILDERS.get(type(node))
        if builder is not None:
            return builder(self, node, depth)
        raise refused(node, self.at(node))

    def count(self, node: ast.expr, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ExpressionError(f"the expression has more than {MAX_NODES} parts", offset=self.at(node))
        if depth > MAX_DEPTH:
            raise ExpressionError(f"the expression is nested deeper than {MAX_DEPTH}", offset=self.at(node))

    def constant(self, node: ast.expr, depth: int) -> Closure:
        assert isinstance(node, ast.Constant)
        try:
            value = self.literal(node)
        except ExpressionError as error:
            raise ExpressionError(error.headline, offset=self.at(node)) from None
        return lambda frame: value

    def literal(self, node: ast.Constant) -> object:
        value = node.value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            check_unicode(value)
            return value
        if isinstance(value, int | float):
            return checked_number(value)
        raise ExpressionError("this literal is not part of expressions")

    def unary(self, node: ast.expr, depth: int) -> Closure:
        assert isinstance(node, ast.UnaryOp)
        if isinstance(node.op, ast.Not):
            return self.negation(node, depth)
        if isinstance(node.op, ast.Invert):
            raise ExpressionError("~ is not part of expressions", offset=self.at(node), hint="write not")
        operand, offset = self.build(node.operand, depth + 1), self.at(node)
        change = negated if isinstance(node.op, ast.USub) else unchanged

        def run(frame: Frame) -> object:
            value = operand(frame)
            try:
                return change(value)
            except ExpressionError as error:
                raise error.placed(offset) from None

        return run

    def negation(self, node: ast.UnaryOp, depth: int) -> Closure:
        operand = self.condition(node.operand, depth + 1)
        return lambda frame: not operand(frame)

    def condition(self, node: ast.expr, depth: int) -> Callable[[Frame], bool]:
        """The closure of a node that must give true or false."""
        closure, offset = self.build(node, depth), self.at(node)

        def run(frame: Frame) -> bool:
            value = closure(frame)
            if value is True or value is False:
                return value
            try:
                return condition(value)
            except ExpressionError as error:
                raise error.placed(offset) from None

        return run

    def junction(self, node: ast.expr, depth: int) -> Closure:
        assert isinstance(node, ast.BoolOp)
        operands = tuple(self.condition(value, depth + 1) for value in node.values)
        if isinstance(node.op, ast.And):
            return lambda frame: all(operand(frame) for operand in operands)
        return lambda frame: any(operand(frame) for operand in operands)

    def choice(self, node: ast.expr, depth: int) -> Closure:
        assert isinstance(node, ast.IfExp)
        test = self.condition(node.test, depth + 1)
        first, second = self.build(node.body, depth + 1), self.build(node.orelse, depth + 1)
        return lambda frame: first(frame) if test(frame) else second(frame)

    def comparison(self, node: ast.expr, depth: int) -> Closure:
        assert isinstance(node, ast.Compare)
        left = self.build(node.left, depth + 1)
        pairs: list[tuple[Operator, Closure]] = []
        for sign, right in zip(node.ops, node.comparators, strict=True):
            operator = COMPARE.get(type(sign).__name__)
            if operator is None:
                raise ExpressionError("is is not part of expressions", offset=self.at(node), hint="write == or !=")
            pairs.append((operator, self.build(right, depth + 1)))
        offset = self.at(node)

        def run(frame: Frame) -> object:
            before = left(frame)
            try:
                for operator, right in pairs:
                    after = right(frame)
                    if not operator(before, after, frame):
                        return False
                    before = after
            except ExpressionError as error:
                raise error.placed(offset) from None
            return True

        return run

    def arithmetic(self, node: ast.expr, depth: int) -> Closure:
        # A chain such as a + b + c leans to the left; it is one level, not one for each sign.
        chain: list[tuple[Operator, Closure]] = []
        operands: list[tuple[Operator, ast.expr]] = []
        at = self.at(node)
        while isinstance(node, ast.BinOp):
            operator = BINARY.get(type(node.op).__name__)
            if operator is None:
                raise ExpressionError(
                    "bit operators are not part of expressions",
                    offset=self.at(node.right),
                    hint="write and, or, not, **",
                )
            operands.append((operator, node.right))
            self.check_operand(node.left)
            self.count(node, depth)
            node = node.left
        first = self.build(node, depth + 1)
        for operator, operand in reversed(operands):
            self.check_operand(operand)
            chain.append((operator, self.build(operand, depth + 1)))

        def run(frame: Frame) -> object:
            value = first(frame)
            try:
                for operator, operand in chain:
                    value = operator(value, operand(frame), frame)
            except ExpressionError as error:
                raise error.placed(at) from None
            return value

        return run

    def check_operand(self, node: ast.expr) -> None:
        """A whole step is never a number: `steps.run-tests.ok` is a step whose id has a hyphen."""
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name) or node.value.id != "steps":
            return
        hint = step_spelling(self.text) or "name what of the step you mean: .ok, .status, .outputs.x"
        raise ExpressionError(f"steps.{node.attr} is a whole step, not a number", offset=self.at(node), hint=hint)

    def sequence(self, node: ast.expr, depth: int) -> Closure:
        assert isinstance(node, ast.List)
        items = [self.build(item, depth + 1) for item in node.elts]
        return lambda frame: [item(frame) for item in items]

    def mapping(self, node: ast.expr, depth: int) -> Closure:
        assert isinstance(node, ast.Dict)
        pairs: list[tuple[Closure, Closure]] = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                raise ExpressionError("** in a map is not part of expressions", offset=self.at(value))
            pairs.append((self.build(key, depth + 1), self.build(value, depth + 1)))
        offset = self.at(node)

        def run(frame: Frame) -> object:
            result: dict[str, object] = {}
            for key, value in pairs:
                name = key(frame)
                if not isinstance(name, str):
                    raise ExpressionError(f"the keys of a map are texts, not {kind_of(name)}", offset=offset)
                result[name] = value(frame)
            return result

        return run

    def name(self, node: ast.expr, depth: int) -> Closure:
        assert isinstance(node, ast.Name)
        if node.id in _CONSTANTS:
            self.count(node, depth)
            value = _CONSTANTS[node.id]
            return lambda frame: value
        return self.access(node, depth)

    def access(self, node: ast.expr, depth: int) -> Closure:
        return self.path(node, depth).reader()

    def path(self, node: ast.expr, depth: int, *, optional: bool = False, last: Part | None = None) -> Path:
        """The path that ends at `node`; `last` is one more static part that belongs to what it refers to."""
        steps: list[ast.Attribute | ast.Subscript] = []
        while isinstance(node, ast.Attribute | ast.Subscript):
            steps.insert(0, node)
            self.count(node, depth)
            node = node.value
        start = self.at(node)
        parts, marks = [self.part(step, depth) for step in steps], [self.syntax.end(step.value) for step in steps]
        if not isinstance(node, ast.Name) or node.id in _CONSTANTS:
            return Path(self.text, start, parts, marks, base=self.build(node, depth + 1))
        self.count(node, depth)
        _check_public(node.id, start)
        static = takewhile(lambda part: not callable(part), [*parts, last] if last is not None else parts)
        self.refer((node.id, *(part for part in static if isinstance(part, str | int))), start, optional=optional)
        return Path(self.text, start, [node.id, *parts], [start, *marks])

    def part(self, node: ast.Attribute | ast.Subscript, depth: int) -> Part:
        """One part of a path: a key, a position, or the closure that computes one."""
        if isinstance(node, ast.Attribute):
            _check_public(node.attr, self.syntax.end(node.value))
            return node.attr
        key = self.build(node.slice, depth + 1)
        static = literal_key(node.slice)
        return key if static is None else static

    def refer(self, path: tuple[str | int, ...], offset: int, *, optional: bool) -> None:
        self.references.append(Reference(path, offset, optional))
        name = ".".join(map(str, path[:2]))
        self.facts |= {fact for fact in _PATH_FACTS if fact == name or fact.startswith(f"{name}.")}

    def call(self, node: ast.expr, depth: int) -> Closure:
        assert isinstance(node, ast.Call)
        name = self.called(node)
        least, most = _FORMS[name] if name in _FORMS else FUNCTIONS[name][1:3]
        given = len(node.args)
        if given < least or (most is not None and given > most):
            wanted = f"{least}" if most == least else f"{least} or more" if most is None else f"{least} to {most}"
            noun = "argument" if most == 1 else "arguments"
            raise ExpressionError(f"{name} takes {wanted} {noun}, not {given}", offset=self.at(node))
        if name == "exists":
            return self.existence(node, depth)
        if name == "get":
            return self.lookup(node, depth)
        if name == "now_utc":
            self.facts.add("now_utc")
        return self.function(node, name, depth)

    def called(self, node: ast.Call) -> str:
        """The name of the function that `node` calls, if it may be called like this."""
        if isinstance(node.func, ast.Attribute):
            word = node.func.attr
            hint = f"write {word}(x)" if word in FUNCTIONS else None
            raise ExpressionError("values have no methods", offset=self.at(node), hint=hint)
        if not isinstance(node.func, ast.Name):
            raise ExpressionError("only a named function can be called", offset=self.at(node))
        name = node.func.id
        if name not in FUNCTIONS and name not in _FORMS:
            names = sorted([*FUNCTIONS, *_FORMS])
            hint = suggestion(name, names) or f"the functions are {', '.join(names)}"
            raise ExpressionError(f'there is no function "{name[:64]}"', offset=self.at(node), hint=hint)
        if node.keywords:
            raise ExpressionError("arguments are given without names", offset=self.at(node.keywords[0].value))
        return name

    def function(self, node: ast.Call, name: str, depth: int) -> Closure:
        function, offset = FUNCTIONS[name], self.at(node)
        args = [self.build(arg, depth + 1) for arg in node.args]
        call = function.call

        def run(frame: Frame) -> object:
            values = [arg(frame) for arg in args]
            try:
                return call(frame, values)
            except ExpressionError as error:
                raise error.placed(offset) from None

        if function.literal and isinstance(node.args[0], ast.Constant):
            value = run(Frame({}))
            return lambda frame: value
        if name == "matches":
            self.check_pattern(node.args[1])
        return run

    def check_pattern(self, node: ast.expr) -> None:
        """A literal pattern is compiled when the expression is."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                pattern_of(node.value)
            except ExpressionError as error:
                raise error.placed(self.at(node)) from None

    def existence(self, node: ast.Call, depth: int) -> Closure:
        target = node.args[0]
        if not isinstance(target, ast.Name | ast.Attribute | ast.Subscript):
            raise ExpressionError("exists needs a path such as inputs.day", offset=self.at(target))
        find = self.path(target, depth + 1, optional=True).find
        return lambda frame: not isinstance(find(frame), Missing)

    def lookup(self, node: ast.Call, depth: int) -> Closure:
        target, offset = node.args[0], self.at(node)
        key = self.build(node.args[1], depth + 1)
        default = self.build(node.args[2], depth + 1) if len(node.args) == 3 else None
        if isinstance(target, ast.Name | ast.Attribute | ast.Subscript):
            find: Closure = self.path(target, depth + 1, optional=True, last=literal_key(node.args[1])).find
        else:
            find = self.build(target, depth + 1)

        def run(frame: Frame) -> object:
            whole, name = find(frame), key(frame)
            if isinstance(name, bool) or not isinstance(name, str | int):
                raise ExpressionError(f"get needs a text or a whole number as key, not {kind_of(name)}", offset=offset)
            found = item_or_missing(whole, name)
            if isinstance(found, Missing):
                return None if default is None else default(frame)
            return found

        return run


_BUILDERS: Final[dict[type[ast.expr], Callable[[_Compiler, ast.expr, int], Closure]]] = {
    ast.Constant: _Compiler.constant,
    ast.Name: _Compiler.name,
    ast.Attribute: _Compiler.access,
    ast.Subscript: _Compiler.access,
    ast.UnaryOp: _Compiler.unary,
    ast.BoolOp: _Compiler.junction,
    ast.IfExp: _Compiler.choice,
    ast.Compare: _Compiler.comparison,
    ast.BinOp: _Compiler.arithmetic,
    ast.List: _Compiler.sequence,
    ast.Dict: _Compiler.mapping,
    ast.Call: _Compiler.call,
}


def _check_public(name: str, offset: int) -> None:
    if name.startswith("_"):
        raise ExpressionError(f'"{name[:64]}" begins with _, which names of expressions do not', offset=offset)
