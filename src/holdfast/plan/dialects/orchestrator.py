"""The foreign format `orchestrator`: what each of its keys is in the native one."""

from collections.abc import Mapping
from typing import Any, Final

from holdfast.plan.dialects.conditions import Names, rewrite, spelled
from holdfast.plan.dialects.orchestrator_table import ORCHESTRATOR
from holdfast.plan.dialects.origins import Origins
from holdfast.plan.dialects.rewritten import Rewritten
from holdfast.plan.dialects.tokens import Tokens
from holdfast.plan.dialects.translation import Translation
from holdfast.plan.dialects.variables import Filled
from holdfast.plan.dialects.work import escaped, work
from holdfast.plan.format.kinds import shown
from holdfast.plan.problems import Fault, Found, Path, Use, warning_at
from holdfast.plan.units import format_duration, parse_duration

Values = Mapping[str, Any]
"""What the table read; its types are those of the table."""

DEFAULT_CONCURRENCY: Final = 1
DEFAULT_CEILING_S: Final = 3600.0
DEFAULT_TIMEOUT_S: Final = 1800.0


def translate(data: object, variables: Mapping[str, str]) -> Translation:
    """The native plan of foreign data, as far as it can be read."""
    filled = Filled(data, variables)
    found: Found = []
    values = ORCHESTRATOR.read(filled.data, found)
    faults = [it for it in found if not isinstance(it, Use)] + filled.faults
    origins = Origins()
    held = filled.data.get("steps") if isinstance(filled.data, dict) else None
    subjects = _Subjects(held if isinstance(held, list) else [])
    if not isinstance(values, dict) or not values.get("steps"):
        return Translation(None, origins, faults, subjects)
    made = _Plan(values, filled, origins, faults)
    return Translation(made.native() if made.steps else None, origins, faults, subjects)


class _Subjects:
    """What messages call things: a step by its id, not by its number."""

    def __init__(self, steps: list[object]) -> None:
        self._steps = steps

    def __call__(self, path: Path) -> str:
        if len(path) > 1 and path[0] == "steps" and isinstance(path[1], int):
            step = self._steps[path[1]] if path[1] < len(self._steps) else None
            name = step.get("id") if isinstance(step, dict) else None
            owner = f'step "{name}"' if isinstance(name, str) else f"steps[{path[1]}]"
            keys = _keys(path[2:])
            return f"{owner}: {keys}" if keys else owner
        return _keys(path) or "the plan"


def _keys(path: Path) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


class _Plan:
    """One plan on its way."""

    def __init__(self, values: Values, filled: Filled, origins: Origins, faults: list[Fault]) -> None:
        self.faults = faults
        self._values = values
        self._filled = filled
        self._origins = origins
        self._globals: Values = values.get("globals", {})
        self._ceiling: float = self._globals.get("max_step_duration_sec", DEFAULT_CEILING_S)
        self.steps = self._by_id()
        self._names = Names(self.steps, self._globals.get("env", {}))
        self._conditions: dict[str, list[str]] = {}
        """The steps that a step's conditions speak of."""

    def native(self) -> dict[str, object]:
        """The native plan's data."""
        steps: dict[str, dict[str, object]] = {}
        for name, (number, step) in self.steps.items():
            steps[name] = self._step(name, number, step)
        self._add_tokens(steps)
        return {**self._head(), "steps": steps}

    def _by_id(self) -> dict[str, tuple[int, Values]]:
        """The steps that could be read, with their numbers; a second one of the same id is a fault."""
        steps: dict[str, tuple[int, Values]] = {}
        read = iter(self._values["steps"])
        raw = self._filled.data
        assert isinstance(raw, dict)
        for number, held in enumerate(raw["steps"]):
            step = next(read) if isinstance(held, dict) else None
            if step is None or "id" not in step:
                continue
            if step["id"] in steps:
                said = f'"{step["id"]}" is also the id of step {steps[step["id"]][0] + 1}'
                fault = Fault("id.duplicate", said, "rename one of the two")
                fault.path = ["id", number, "steps"]
                self.faults.append(fault)
            else:
                steps[step["id"]] = number, step
        return steps

    def _head(self) -> dict[str, object]:
        values, held = self._values, self._globals
        head: dict[str, object] = {"plan": values.get("plan_id", "unnamed")}
        for key, foreign in (("title", "name"), ("description", "description"), ("version", "version")):
            if foreign in values:
                value = values[foreign]
                head[key] = value if isinstance(value, str) else shown(int(value) if value == int(value) else value)
        if "metadata" in values:
            head["metadata"] = values["metadata"]
        if "env" in held:
            head["env"] = escaped(held["env"])
        if self._names.passed:
            head["env_pass"] = [*self._names.passed]
        head["limits"] = {"concurrency": held.get("max_concurrency", DEFAULT_CONCURRENCY)}
        defaults: dict[str, object] = {}
        timeout = self._timeout(held.get("default_timeout_sec", DEFAULT_TIMEOUT_S))
        if timeout != DEFAULT_TIMEOUT_S:
            defaults["timeout"] = _seconds(timeout)
        if held.get("default_retries"):
            defaults["retry"] = held["default_retries"] + 1
        if defaults:
            head["defaults"] = defaults
        self._place_head()
        return head

    def _place_head(self) -> None:
        for native, foreign in (
            (("plan",), ("plan_id",)),
            (("title",), ("name",)),
            (("env",), ("globals", "env")),
            (("limits",), ("globals",)),
            (("limits", "concurrency"), ("globals", "max_concurrency")),
            (("defaults",), ("globals",)),
            (("defaults", "timeout"), ("globals", "default_timeout_sec")),
            (("defaults", "retry"), ("globals", "default_retries")),
            (("description",), ("description",)),
            (("version",), ("version",)),
            (("metadata",), ("metadata",)),
            (("steps",), ("steps",)),
        ):
            self._origins.add(native, foreign)

    def _step(self, name: str, number: int, step: Values) -> dict[str, object]:
        here: Path = ("steps", number)
        self._origins.add(("steps", name), here)
        made: dict[str, object] = {}
        for key, foreign in (("title", "name"), ("description", "description")):
            if foreign in step:
                made[key] = escaped(step[foreign])
        done = work(step)
        made |= {key: escaped(value) if key in {"command", "with"} else value for key, value in done.keys.items()}
        for below, origin in done.places.items():
            self._origins.add(("steps", name, *below), (*here, *origin))
        for key in ("cwd", "env"):
            if key in step:
                made[key] = escaped(step[key])
        if step.get("depends_on"):
            made["depends_on"] = [*step["depends_on"]]
        made |= self._conditions_of(name, number, step)
        made |= self._limits(name, number, step)
        made |= self._policy(name, number, step)
        made |= self._shown(name, number, step)
        return made

    def _conditions_of(self, name: str, number: int, step: Values) -> dict[str, object]:
        made: dict[str, object] = {}
        env: Mapping[str, str] = step.get("env", {})
        if "condition" in step:
            made["when"] = self._condition(step["condition"], env, ("steps", name, "when"), (number, "condition"))
        if step.get("skip_if"):
            made["skip_if"] = [
                self._condition(text, env, ("steps", name, "skip_if", place), (number, "skip_if", place))
                for place, text in enumerate(step["skip_if"])
            ]
        return made

    def _condition(self, text: object, env: Mapping[str, str], native: Path, foreign: Path) -> object:
        if not isinstance(text, str):
            return text
        path: Path = ("steps", *foreign)
        source = self._filled.texts.get(path)
        if source is None:
            source = Rewritten(text)
            source.copy(0, len(text))
        condition = rewrite(source, self._names, env)
        self._conditions.setdefault(str(native[1]), []).extend(condition.steps)
        self._origins.add(native, path, condition.text)
        return condition.text.text

    def _limits(self, name: str, number: int, step: Values) -> dict[str, object]:
        made: dict[str, object] = {}
        inherited = self._globals.get("default_timeout_sec", DEFAULT_TIMEOUT_S)
        if "timeout_sec" in step:
            asked = step["timeout_sec"]
            if asked > self._ceiling:
                said = f" is above max_step_duration_sec; {shown(_number(self._ceiling))} holds"
                self._warn(number, "timeout_sec", "timeout.ceiling", said)
            if self._timeout(asked) != self._timeout(inherited):
                made["timeout"] = _seconds(self._timeout(asked))
        retries = step.get("retries", self._globals.get("default_retries", 0))
        delay = step.get("retry_delay_sec")
        if delay is not None and retries:
            made["retry"] = {
                "attempts": retries + 1,
                "delay": _seconds(delay),
                "factor": 1,
                "max_delay": _seconds(delay),
                "jitter": 0,
            }
        elif retries != self._globals.get("default_retries", 0):
            made["retry"] = retries + 1
        for native, foreign in (("timeout", "timeout_sec"), ("retry", "retries")):
            self._origins.add(("steps", name, native), ("steps", number, foreign))
        self._origins.add(("steps", name, "retry", "delay"), ("steps", number, "retry_delay_sec"))
        self._origins.add(("steps", name, "retry", "max_delay"), ("steps", number, "retry_delay_sec"))
        return made

    def _timeout(self, asked: float) -> float:
        """The seconds in force: those asked for, where 0 asks for none, up to the ceiling."""
        return min(asked or self._ceiling, self._ceiling)

    def _policy(self, name: str, number: int, step: Values) -> dict[str, object]:
        policy = step.get("on_failure", "abort")
        self._origins.add(("steps", name, "on_failure"), ("steps", number, "on_failure"))
        if policy == "fallback_step" and "fallback_step" in step:
            self._origins.add(("steps", name, "on_failure", "fallback"), ("steps", number, "fallback_step"))
            return {"on_failure": {"fallback": step["fallback_step"]}}
        if policy == "abort" and step.get("critical") is False:
            said = " is false, so a failure skips what depends on the step; it does not abort the plan"
            hint = 'say so: "on_failure": "skip_dependents"'
            self._warn(number, "critical", "policy.tolerated", said, hint)
            return {"on_failure": "skip_dependents"}
        return {"on_failure": policy} if policy in {"skip_dependents", "continue"} else {}

    def _shown(self, name: str, number: int, step: Values) -> dict[str, object]:
        made: dict[str, object] = {}
        if step.get("tags"):
            made["labels"] = escaped([*step["tags"]])
        hints: Values = step.get("ui_hints", {})
        if "group" in hints:
            made["group"] = escaped(hints["group"])
        if "weight" in hints:
            made["x-weight"] = _number(hints["weight"])
        command = step.get("command")
        if isinstance(command, str) and not step.get("shell") and not step.get("args") and " " in command.strip():
            hint = 'give its arguments in "args", or write "shell": true'
            said = f' is the name of one program, "{command}", with spaces in it'
            self._warn(number, "command", "command.spaces", said, hint)
        self._origins.add(("steps", name, "labels"), ("steps", number, "tags"))
        self._origins.add(("steps", name, "group"), ("steps", number, "ui_hints", "group"))
        self._origins.add(("steps", name, "title"), ("steps", number, "name"))
        return made

    def _add_tokens(self, steps: dict[str, dict[str, object]]) -> None:
        """A step that consumes a token runs only if the step that provides it is ok."""
        provided: dict[str, tuple[str, ...]] = {}
        needs: dict[str, list[str]] = {}
        for name, (_, step) in self.steps.items():
            needs[name] = [*step.get("depends_on", ()), *self._conditions.get(name, ())]
            for token in step.get("provides", ()):
                provided[token] = (*provided.get(token, ()), name)
        tokens = Tokens(provided, needs)
        for name, (number, step) in self.steps.items():
            providers: dict[str, None] = {}
            for place, token in enumerate(step.get("consumes", ())):
                found = tokens.provider(name, token)
                if isinstance(found, Fault):
                    found.path = [place, "consumes", number, "steps"]
                    self.faults.append(found)
                else:
                    providers[found] = None
            if providers:
                self._require(name, number, steps[name], [*providers])

    def _require(self, name: str, number: int, made: dict[str, object], providers: list[str]) -> None:
        ok = " and ".join(f"{spelled('steps', it)}.ok" for it in providers)
        native: Path = ("steps", name, "when")
        written = made.get("when", True)
        if written is True:
            made["when"] = ok
            self._origins.add(native, ("steps", number, "consumes"))
        elif isinstance(written, str):
            text = Rewritten(written, earlier=self._origins.text(native))
            text.put(f"{ok} and (", 0)
            text.copy(0, len(written))
            text.put(")", len(written))
            made["when"] = text.text
            self._origins.add(native, ("steps", number, "condition"), text)
        else:
            made["when"] = False

    def _warn(self, number: int, key: str, code: str, said: str, hint: str | None = None) -> None:
        self.faults.append(warning_at(("steps", number, key), code, said, hint))


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _seconds(seconds: float) -> str | float:
    """A duration as it is written best: `10m`, unless that is not exactly the same."""
    text = format_duration(seconds)
    return text if parse_duration(text) == seconds else seconds
