"""`watch`: the live view of runs that another process owns."""

import click

from holdfast.surfaces.cli.driving import view_of
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.following import followed
from holdfast.surfaces.cli.options import as_json, optional_run
from holdfast.surfaces.cli.outcome import headline, next_words, paint_status

GOING = frozenset({"pending", "running"})


@click.command()
@optional_run
@as_json
@click.pass_obj
def watch(command: Command, run: str | None) -> int:
    """Watch a run, or all that go on, until nobody drives them. Ctrl-C leaves them alone.

    With --json the document of `show` is printed then.
    """
    app, screen = command.app(), command.screen
    with app.reading() as reading:
        listed = [reading.resolve_run(run)] if run else [one.run for one in reading.runs().runs if one.status in GOING]
    if not listed:
        screen.note("nothing is running")
    with view_of(screen, app) as view, app.following() as follower:
        seen: dict[str, int] = {}
        for one in listed:
            past = follower.events(one, 0)
            view.recall(one, [stored.event for stored in past])
            seen[one] = past[-1].seq
        for events in followed(follower, seen):
            for stored in events:
                view.on_event(stored)
            view.on_idle()
    with app.reading() as reading:
        documents = [reading.show(one) for one in listed]
    if screen.json:
        screen.document(documents[0] if run else {"runs": documents})
        return 0
    for shown in documents:
        screen.say(paint_status(screen, headline(shown), shown.status))
        for line in next_words(shown):
            screen.note(line)
    return 0
