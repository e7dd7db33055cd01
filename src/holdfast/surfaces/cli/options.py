"""Arguments that several verbs take, and how a shell completes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from holdfast.errors import HoldfastError
from holdfast.plan.dialects.names import DIALECTS
from holdfast.surfaces.cli.entry import Command

F = TypeVar("F", bound=Callable[..., Any])  # what click decorates has the parameters that its options say

COMPLETIONS = 50
"""Words offered to a shell at most."""


def _runs(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [word for word in ["last", *_known_runs(ctx)] if word.startswith(incomplete)][:COMPLETIONS]


def _steps(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from holdfast.app import Holdfast as App

    root = ctx.find_root().params
    try:
        app = App.find(None, root.get("directory"), root.get("db"))
        with app.reading() as reading:
            shown = reading.show(reading.resolve_run(ctx.params.get("run") or "last"))
    except (HoldfastError, OSError):
        return []
    return [one.step for one in shown.steps if one.step.startswith(incomplete)][:COMPLETIONS]


def _known_runs(ctx: click.Context) -> list[str]:
    from holdfast.app import Holdfast as App

    root = ctx.find_root().params
    try:
        app = App.find(None, root.get("directory"), root.get("db"))
        with app.reading() as reading:
            return [one.run for one in reading.runs(COMPLETIONS).runs]
    except (HoldfastError, OSError):
        return []


def as_json(command: F) -> F:
    """`--json`: one document on stdout. `entry` has read it already, since errors need it too."""
    return click.option("--json", is_flag=True, expose_value=False, help="One JSON document on stdout.")(command)


def plan_argument(command: F) -> F:
    """PLAN: a plan file."""
    return click.argument("plan", type=click.Path(readable=False, path_type=Path), metavar="PLAN")(command)


def dialect_option(command: F) -> F:
    """`--dialect`: the format a plan file is in."""
    return click.option(
        "--dialect",
        type=click.Choice(DIALECTS),
        callback=_read_as,
        expose_value=False,
        metavar="NAME",
        help=f"The plan's format ({', '.join(DIALECTS)}); default: what its shape says.",
    )(command)


def door_options(command: F) -> F:
    """`--dialect` and `--var`: how a plan file is read."""
    variables = click.option(
        "--var",
        multiple=True,
        callback=_filled_with,
        expose_value=False,
        metavar="KEY=VALUE",
        help="A ${KEY} of a plan in a foreign format; may be repeated.",
    )
    return dialect_option(variables(command))


def selecting_options(command: F) -> F:
    """`--from`, `--until`, `--only`, `--exclude`, `--force`, `--overwrite`: what is to run."""
    for flag, metavar, text in reversed(_SELECTING):
        more = {"is_flag": True} if metavar is None else {"multiple": True, "metavar": metavar}
        command = click.option(flag, callback=_selected, expose_value=False, help=text, **more)(command)
    return command


_SELECTING = (
    ("--from", "STEP|layer:N", "Run this step and all after it, whatever is proven; may be repeated."),
    ("--until", "STEP|layer:N", "Run no more than this step needs, or than the layers up to N; may be repeated."),
    ("--only", "STEP", "Leave out every other step; may be repeated."),
    ("--exclude", "STEP", "Leave this step out; may be repeated."),
    ("--force", "STEP|ARTIFACT", "Run this step, whatever is proven; may be repeated."),
    ("--overwrite", None, "Make products again that somebody has edited."),
)


def _selected(ctx: click.Context, param: click.Parameter, given: object) -> None:
    if isinstance(ctx.obj, Command) and given and param.name is not None:
        ctx.obj.selection["from_" if param.name == "from" else param.name] = given


def _read_as(ctx: click.Context, _param: click.Parameter, dialect: str | None) -> None:
    if isinstance(ctx.obj, Command):
        ctx.obj.door = ctx.obj.door._replace(dialect=dialect)


def _filled_with(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> None:
    if isinstance(ctx.obj, Command):
        ctx.obj.door = ctx.obj.door._replace(variables=named_values(ctx, param, given))


def run_argument(command: F) -> F:
    """RUN: an id, a unique prefix or `last`."""
    return click.argument("run", metavar="RUN", shell_complete=_runs)(command)


def optional_run(command: F) -> F:
    """RUN, or nothing."""
    return click.argument("run", metavar="[RUN]", required=False, shell_complete=_runs)(command)


def step_argument(command: F) -> F:
    """STEP: the id of a step."""
    return click.argument("step", metavar="STEP", shell_complete=_steps)(command)


def optional_step(command: F) -> F:
    """STEP, or nothing."""
    return click.argument("step", metavar="[STEP]", required=False, shell_complete=_steps)(command)


def by_option(command: F) -> F:
    """`--by`: who acts, where it is not the user of the machine."""
    return click.option("--by", metavar="NAME", help="Who acts, if not the user of this machine.")(command)


def named_values(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """`name=value` pairs as a mapping; a usage error for anything else and for a name given twice."""
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f'"{text}" is not name=value')
        if name in values:
            raise click.BadParameter(f'"{name}" is given twice')
        values[name] = value
    return values


def duration(_ctx: click.Context, _param: click.Parameter, given: str | None) -> float:
    """A duration such as `90s` or `2h` in seconds; nothing is none."""
    if given is None:
        return 0.0
    from holdfast.plan.units import parse_duration

    try:
        return parse_duration(given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def positive_duration(ctx: click.Context, param: click.Parameter, given: str | None) -> float | None:
    """A duration above 0 in seconds, where one is given."""
    if given is None:
        return None
    seconds = duration(ctx, param, given)
    if not seconds:
        raise click.BadParameter("it must be above 0")
    return seconds
