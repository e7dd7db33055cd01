"""The verbs: where each is found, what its one line of help is, and what to say about a word that is none."""

from collections.abc import Sequence
from importlib import import_module
from typing import Final, NamedTuple

import click

from holdfast.surfaces.cli import PROGRAM


class Verb(NamedTuple):
    """A command: its module below `verbs`, the attribute there, and one line of help."""

    module: str
    attribute: str
    summary: str


SECTIONS: Final[dict[str, dict[str, Verb]]] = {
    "Start": {
        "demo": Verb("demo", "demo", "Write a small real plan into a new folder and run it."),
        "new": Verb("new", "new", "Write a plan from a template."),
        "check": Verb("check", "check", "Validate plans: every problem at once."),
        "convert": Verb("convert", "convert", "Print a plan of a foreign format as a native one."),
    },
    "Run": {
        "plan": Verb("plan", "plan", "Show what would run, and why."),
        "run": Verb("run", "run", "Run a plan."),
        "resume": Verb("run", "resume", "Go on after a crash, a pause or an answer."),
    },
    "Look": {
        "runs": Verb("look", "runs", "List runs, newest first."),
        "show": Verb("look", "show", "Show one run: its steps, attempts and artifacts."),
        "logs": Verb("logs", "logs", "Print what steps wrote."),
        "events": Verb("events", "events", "Print a run's journal."),
        "timeline": Verb("timeline", "timeline", "Show when each step ran."),
        "watch": Verb("watch", "watch", "The live view of runs that another process owns."),
        "why": Verb("why", "why", "Say why a step ran or did not run."),
        "report": Verb("report", "report", "Write one self-contained page about a run."),
        "breakers": Verb("limits", "breakers", "List circuit breakers."),
        "graph": Verb("graph", "graph", "Draw a plan or a run as Mermaid or DOT text."),
    },
    "Act": {
        "pause": Verb("act", "pause", "Start nothing new in a run; running steps are awaited."),
        "cancel": Verb("act", "cancel", "End a run."),
        "release": Verb("act", "release", "Free a quarantined run."),
        "budget": Verb("limits", "budget", "Allow more of a spent budget."),
        "inbox": Verb("inbox", "inbox", "List what people are asked."),
        "approve": Verb("inbox", "approve", "Say that a step did what it promised."),
        "reject": Verb("inbox", "reject", "Say that a step did not do what it promised."),
        "resolve": Verb("inbox", "resolve", "Settle an effect that is uncertain."),
    },
    "Store": {
        "artifacts": Verb("artifacts", "artifacts", "List, bring out, verify and collect what steps made."),
        "audit": Verb("audit", "audit", "Prove that the journal was not altered."),
        "doctor": Verb("doctor", "doctor", "Look for what is wrong, and repair what can be."),
    },
    "About": {
        "schema": Verb("about", "schema", "Print the JSON Schema of plans."),
        "completion": Verb("about", "completion", "Print the completion script of a shell."),
        "version": Verb("about", "version", "Print the version."),
    },
}
VERBS: Final = {name: verb for verbs in SECTIONS.values() for name, verb in verbs.items()}

_LATER_VERBS = (
    "adopt answer backup choose diff digest handlers hypotheses inputs kb mcp memory "
    "messages pin pins replay research restore retry revise revisions rollback serve skip topics unpin up"
)
LATER: Final = frozenset(_LATER_VERBS.split())
"""Verbs of the design that this version does not have."""

_LATER_FLAGS = "--pin --invalid-pins --verify --max-cost --planned --out"
LATER_FLAGS: Final = frozenset(_LATER_FLAGS.split())
"""Flags of `plan`, `run` and `resume` that this version does not have."""

GLOBAL_FLAGS: Final = frozenset({"--dir", "--db", "--color", "-q", "--quiet", "-v", "--verbose", "--log-json"})


class Holdfast(click.Group):
    """The group of all verbs; a verb's module is imported when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, in the order of the help page."""
        del ctx
        return [*VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command; None for a word that is no verb."""
        del ctx
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command = getattr(import_module(f"{__package__}.verbs.{verb.module}"), verb.attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names; a usage error names the nearest."""
        word = args[0]
        if word not in VERBS and not word.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(no_verb(word), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs by section, without importing any of them."""
        del ctx
        for section, verbs in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, verb.summary) for name, verb in verbs.items()], col_max=12)


def no_verb(word: str) -> str:
    """What to say about a word that is no verb of this version."""
    if word in LATER:
        return f'"{word}" is not yet in this version'
    near = nearest(word, [*VERBS])
    return f'there is no command "{word}"' + (f'; did you mean "{near}"?' if near else "")


def no_flag(flag: str, known: Sequence[str]) -> str:
    """What to say about a flag that the command does not have."""
    if flag in LATER_FLAGS:
        return f"{flag} is not yet in this version"
    if flag in GLOBAL_FLAGS:
        return f"{flag} stands before the command: {PROGRAM} {flag} COMMAND"
    near = nearest(flag, known)
    return f"there is no option {flag}" + (f"; did you mean {near}?" if near else "")


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that is most like `word`, if any is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word.lower(), known, n=1, cutoff=0.6)), None)
