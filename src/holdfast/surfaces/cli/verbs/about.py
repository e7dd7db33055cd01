"""`schema`, `completion`, `version`."""

import platform
import sys

import click

from holdfast import __version__
from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.commands import cli
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.options import as_json, dialect_option

SHELLS = ("bash", "zsh", "fish")
_COMPLETION_HELP = """Print a script that completes commands, options, runs and steps.

\b
bash  eval "$(holdfast completion bash)"      in ~/.bashrc
zsh   eval "$(holdfast completion zsh)"       in ~/.zshrc
fish  holdfast completion fish | source       in ~/.config/fish/config.fish
"""


@click.command()
@dialect_option
@as_json
@click.pass_obj
def schema(command: Command) -> int:
    """Print the JSON Schema of plans, for editors."""
    command.screen.document(command.app().schema())
    return 0


@click.command(help=_COMPLETION_HELP)
@click.argument("shell", type=click.Choice(SHELLS), metavar="|".join(SHELLS))
@click.pass_obj
def completion(command: Command, shell: str) -> int:
    """Print a script that completes commands, options, runs and steps."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    command.screen.raw(kind(cli, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source())
    return 0


@click.command()
@as_json
@click.pass_obj
def version(command: Command) -> int:
    """Print the version."""
    screen = command.screen
    if screen.json:
        screen.document({"version": __version__, "python": platform.python_version(), "platform": sys.platform})
    else:
        screen.say(f"{PROGRAM} {__version__}")
    return 0
