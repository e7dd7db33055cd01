"""Where a run stands, from its events, and how that looks."""

from holdfast.run import events as ev
from holdfast.surfaces.cli.frame import counts, frame, line
from holdfast.surfaces.cli.progress import Active, Ended, Progress
from holdfast.surfaces.cli.text import cells

S = 1_000_000
CREATED = ev.Event(0, ev.RunCreated("nightly", "sha256:0", "/p/plan.yaml", "/p"))
OWNED = ev.Event(0, ev.RunOwned(1, "host", 1, "0.1.0"))


def started(step: str, at: int, attempt: int = 1) -> ev.Event:
    launch = ev.Launch(("sh",), stdout=f"logs/{step}.{attempt}.out", stderr=f"logs/{step}.{attempt}.err")
    return ev.Event(at * S, ev.AttemptStarted(launch), step, attempt)


def ended(step: str, at: int, body: ev.AttemptEnded, attempt: int = 1) -> ev.Event:
    return ev.Event(at * S, body, step, attempt)


def told(*events: ev.Event, total: int = 5) -> tuple[Progress, list[Ended | None]]:
    progress = Progress("01R", total)
    return progress, [progress.take(event) for event in (CREATED, OWNED, *events)][2:]


def test_a_started_step_runs_until_it_ends() -> None:
    progress, heard = told(started("a", 1))
    assert progress.running == {"a": Active("a", 1, S, ("logs/a.1.out", "logs/a.1.err"))}
    assert heard == [Ended("started", "a")]
    assert progress.take(ended("a", 3, ev.AttemptEnded("succeeded", 0))) == Ended("done", "a", "", 2.0)
    assert (progress.running, progress.done, progress.left) == ({}, 1, 4)


def test_a_failure_that_is_tried_again_says_when() -> None:
    failed = ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero"), retry_at=5 * S)
    progress, heard = told(started("a", 1), ended("a", 2, failed))
    assert heard[1] == Ended("retry", "a", "exit.nonzero; attempt 2 in 3.0s", 1.0)
    assert progress.due == {"a": (5 * S, 2)}
    progress.take(started("a", 5, 2))
    assert progress.due == {}
    assert progress.running["a"].attempt == 2


def test_a_failure_for_good_is_counted_once() -> None:
    over = ended("a", 2, ev.AttemptEnded("timed_out", None, ev.Error("timeout", "after 10m")))
    progress, heard = told(started("a", 1), over, over)
    assert heard[1] == Ended("failed", "a", "after 10m", 1.0)
    assert progress.counts["failed"] == 1


def test_an_uncertain_effect_is_held_until_it_is_resolved() -> None:
    doubt = ended("a", 2, ev.AttemptEnded("uncertain", None, ev.Error("uncertain", "the connection broke")))
    progress, _ = told(started("a", 1), doubt)
    assert progress.doubts == {"a": "the connection broke"}
    assert progress.take(ev.Event(3 * S, ev.StepResolved("recheck"), "a")) is None
    assert progress.take(ev.Event(3 * S, ev.StepResolved("happened"), "a")) == Ended("resolved", "a", "happened")
    assert (progress.doubts, progress.done) == ({}, 1)


def test_a_lost_attempt_puts_its_step_back() -> None:
    progress, heard = told(started("a", 1), ended("a", 2, ev.AttemptEnded("lost")))
    assert heard[1] == Ended("lost", "a", "", 1.0)
    assert progress.left == 5


def test_a_skipped_step_says_why() -> None:
    _, heard = told(ev.Event(S, ev.StepSkipped("condition", "inputs.fast"), "a"))
    assert heard == [Ended("skipped", "a", "inputs.fast")]


def test_the_frame_shows_running_steps_with_their_last_words() -> None:
    progress, _ = told(started("compile", 1), started("test", 4))
    assert frame(progress, 14 * S, {"compile": "gcc \x1b[2Jmain.c"}, (80, 24)) == [
        ("running", "compile     13s  gcc main.c"),
        ("running", "test        10s"),
        ("", "0 done, 2 running, 3 waiting, 0 failed of 5"),
    ]


def test_the_frame_counts_down_to_a_retry_and_names_doubts() -> None:
    failed = ev.AttemptEnded("failed", 1, retry_at=9 * S)
    doubt = ev.AttemptEnded("uncertain", error=ev.Error("uncertain", "killed"))
    progress, _ = told(started("a", 1), ended("a", 2, failed), started("b", 1), ended("b", 2, doubt))
    assert frame(progress, 3 * S, {}, (80, 24))[:2] == [("retry", "a  attempt 2 in 6.0s"), ("uncertain", "b  killed")]


def test_the_frame_fits_the_terminal() -> None:
    progress, _ = told(*(started(f"step-{n:02}-{'x' * 60}", n) for n in range(40)), total=40)
    lines = frame(progress, 99 * S, {"step-00": "y" * 200}, (60, 10))
    assert len(lines) == 9
    assert lines[-2] == ("", "… and 33 more")
    assert all(cells(word.ljust(9) + rest if word else rest) < 60 for word, rest in lines)


def test_the_counts_say_what_was_asked_of_the_run() -> None:
    progress, _ = told(ev.Event(0, ev.RunPausing()))
    progress.since = S
    assert counts(progress, 3 * S).endswith("0 failed of 5  2.0s  pausing: running steps are awaited")


def test_a_lasting_line_is_one_line() -> None:
    assert line(Ended("failed", "build", "exit 2\nmore", 0.5)) == ("failed", "build  0.5s  exit 2 more")
    assert line(Ended("done", "a", "", 3.0), column=4) == ("done", "a     3.0s")
