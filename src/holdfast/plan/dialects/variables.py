"""`${VAR}` in a foreign plan: replaced text by text after the file is parsed, so that no value can add structure.

`$$` is a dollar. What is not given with `--var` is an error, and so is a `${` that is no variable.
"""

import re
from collections.abc import Mapping
from typing import Final

from holdfast.plan.dialects.rewritten import Rewritten
from holdfast.plan.format.containers import FREE
from holdfast.plan.problems import Fault, Path

_MARK: Final = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<odd>\{))")


class Filled:
    """A foreign plan's data with its variables filled in, and which texts that changed."""

    def __init__(self, data: object, variables: Mapping[str, str]) -> None:
        self.faults: list[Fault] = []
        self.texts: dict[Path, Rewritten] = {}
        """The texts that were changed, by their path."""
        self._variables = variables
        self.data = self._walk(data, ())

    def _walk(self, value: object, path: Path) -> object:
        if isinstance(value, str):
            return self._text(value, path) if "$" in value else value
        if isinstance(value, dict):
            return {
                key: held if key.startswith(FREE) else self._walk(held, (*path, key)) for key, held in value.items()
            }
        if isinstance(value, list):
            return [self._walk(held, (*path, number)) for number, held in enumerate(value)]
        return value

    def _text(self, text: str, path: Path) -> str:
        made = Rewritten(text)
        done = 0
        for match in _MARK.finditer(text):
            made.copy(done, match.start())
            made.put("$" if match["dollar"] else self._value(match, text, path), match.start())
            done = match.end()
        made.copy(done, len(text))
        if made.text != text:
            self.texts[path] = made
        return made.text

    def _value(self, match: re.Match[str], text: str, path: Path) -> str:
        name = match["name"]
        if name in self._variables:
            return self._variables[name]
        if name is None:
            said = ": this ${ is not a variable such as ${NAME}"
            fault = Fault("variable.format", said, "write $${ where the text itself holds ${")
        else:
            said = f": ${{{name}}} has no value"
            fault = Fault(
                "variable.unresolved", said, f"give it one: --var {name}=VALUE; $${{{name}}} is the text itself"
            )
            fault.near = (name, self._variables) if self._variables else None
        fault.path = [*reversed(path)]
        fault.excerpt, fault.offset = text, match.start()
        self.faults.append(fault)
        return match[0]
