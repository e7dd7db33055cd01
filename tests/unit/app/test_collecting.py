"""What a collection of the artifact store deletes, and what it must never delete."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.app.collecting import Collected, Collector, Limits
from holdfast.artifacts.objects import Condition
from holdfast.artifacts.store import Store
from holdfast.errors import RequestError
from holdfast.ports import Append, Owner
from holdfast.run import events as ev
from holdfast.run.project import BreakerFailed
from tests.unit.engine.workshop import Workshop

OLD_S = 100_000
OWNER = Owner("here", "boot", 1, "1", "engine")
PLAN = """
    inputs: {{n: {{type: int}}}}
    steps:
      a: {{run: "mkdir -p d; echo $N > d/n; echo file $N > f; echo same > same", env: {{N: "${{{{ inputs.n }}}}"}},
          produces: {{dir: d, file: {{path: f{more}}}, same: same}}}}
    """


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def _age(shop: Workshop, by_s: float = OLD_S) -> None:
    then = time.time() - by_s
    for path in (shop.app.state / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def _collect(shop: Workshop, keep: int, min_age_s: float = 0.0, *, dry_run: bool = False) -> Collected:
    with shop.app.artifacts() as shelf:
        return shelf.collect(Limits(keep, min_age_s), dry_run=dry_run)


def _present(shop: Workshop) -> dict[str, set[str]]:
    """The artifacts that have their bytes, by run."""
    found: dict[str, set[str]] = {}
    with shop.app.artifacts() as shelf:
        for one in shelf.listed():
            found.setdefault(one.run, set()).update({one.artifact} if one.present else set())
    return found


@pytest.fixture
def ran(shop: Workshop) -> list[str]:
    """Three runs, oldest first, whose objects are old."""
    runs = [shop.run(PLAN.format(more=""), n=n).run for n in range(3)]
    _age(shop)
    return runs


ALL = {"dir", "file", "same"}


def test_the_latest_runs_of_a_plan_keep_what_they_made(shop: Workshop, ran: list[str]) -> None:
    assert _collect(shop, 3).objects == 0
    told = _collect(shop, 2, dry_run=True)
    assert (told.dry_run, told.objects, told.kept) == (True, 3, 7)
    assert {name for run, _, name in told.artifacts if run == ran[0]} == {"dir", "file"}
    assert _present(shop) == dict.fromkeys(ran, ALL)
    done = _collect(shop, 2)
    assert (done.dry_run, done.objects, done.bytes, done.artifacts) == (False, told.objects, told.bytes, told.artifacts)
    assert _present(shop) == {ran[0]: {"same"}, ran[1]: ALL, ran[2]: ALL}
    assert _collect(shop, 2).objects == 0


def test_the_latest_success_of_a_step_is_kept_however_many_runs_came_after(shop: Workshop, ran: list[str]) -> None:
    for _ in range(2):
        shop.run("steps: {a: {run: 'false'}, b: {run: 'true'}}")
    _collect(shop, 1)
    assert _present(shop) == {ran[0]: {"same"}, ran[1]: {"same"}, ran[2]: ALL}


def test_what_is_young_is_left_alone(shop: Workshop, ran: list[str]) -> None:
    _age(shop, by_s=50)
    done = _collect(shop, 1, min_age_s=60)
    assert (done.objects, done.young) == (0, 6)
    assert _present(shop) == dict.fromkeys(ran, ALL)
    assert _collect(shop, 1, min_age_s=40).objects == 6


@pytest.fixture
def held(shop: Workshop, ran: list[str]) -> Iterator[int]:
    """A run in an engine's hands; since when, in seconds."""
    journal = shop.app.open_journal()
    created = journal.events(ran[0])[0].event
    since = time.time() - OLD_S / 2
    at = int(since * 1e6)
    owned = ev.RunOwned(1, "here", 1, "engine")
    events = [ev.Event(at, created.body), ev.Event(at, owned)]
    journal.append(Append("r-held", events, after=0, take=OWNER, plan=None))
    yield int(since)
    journal.close()


def test_what_a_run_elsewhere_may_be_about_to_commit_is_not_deleted(shop: Workshop, held: int) -> None:
    # It has stored, or touched, that since an engine took it: nothing so young is deleted while that engine lives.
    store = Store(shop.app.state)
    about = store.put_bytes(b"about to be committed")
    _age(shop)
    os.utime(store.path(about), (held + 5, held + 5))
    with shop.app.reading() as reading:
        collector = Collector(shop.app, reading.journal)
        collector.collect(Limits(1, 0.0), lambda _: True)
        assert store.objects.check(about) is Condition.INTACT
        collector.collect(Limits(1, 0.0), lambda _: None)  # on another host: nobody can tell
        assert store.objects.check(about) is Condition.INTACT
        collector.collect(Limits(1, 0.0), lambda _: False)
        assert store.objects.check(about) is Condition.MISSING


def test_what_is_stored_while_a_collection_deletes_it_is_there_afterwards(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.put_bytes(b"x")
    path = str(store.path(digest))
    for _ in range(150):
        os.utime(path, (1, 1))
        before_ns = time.time_ns() - 1_000_000_000
        collection = threading.Thread(target=store.objects.drop, args=[[path], before_ns])
        collection.start()
        store.put_bytes(b"x")
        collection.join()
        assert store.read(digest) == b"x"


def test_what_the_projects_own_stream_names_is_kept(shop: Workshop, ran: list[str]) -> None:
    # pins and adoptions will be events of it; any that names a digest holds it
    with shop.app.artifacts() as shelf:
        [pinned] = [one for one in shelf.listed(ran[0]) if one.artifact == "dir"]
    journal = shop.app.open_journal()
    journal.append(Append("0", [ev.Event(1, BreakerFailed(pinned.digest, ran[0], "a", 1, 0, "x"))]))
    journal.close()
    _collect(shop, 1)
    assert _present(shop)[ran[0]] == {"same", "dir"}


def test_a_product_with_a_retention_is_kept_for_that_long(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    run = shop.run(PLAN.format(more=", retention: 1h"), n=1).run
    _age(shop)
    assert _collect(shop, 5).objects == 0
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 7200 * 10**9)
    assert _collect(shop, 5).artifacts == ((run, "a", "file"),)
    assert _present(shop) == {run: {"dir", "same"}}
    with shop.app.artifacts() as shelf:
        assert shelf.verify().ok


def test_large_outputs_and_lists_are_kept_as_artifacts_are(shop: Workshop) -> None:
    write = "import os; open(os.environ['HOLDFAST_OUTPUT'], 'a').write('big=' + '{}' * 100000)"
    for letter in "xy":
        shop.run(f'steps: {{a: {{shell: python, run: "{write.format(letter)}"}}}}')
    _age(shop)
    assert _collect(shop, 2).objects == 0
    assert _collect(shop, 1).objects == 1


def test_what_a_crash_left_half_done_is_deleted(shop: Workshop, ran: list[str]) -> None:
    state = shop.app.state
    staged = state / "objects/tmp-0123"
    staged.write_text("half")
    half = state / "placing/x/new"
    half.mkdir(parents=True)
    assert _collect(shop, 3).leftovers == 0
    for path in (staged, half.parent):
        os.utime(path, (1, 1))
    assert _collect(shop, 3).leftovers == 2
    assert not staged.exists()
    assert not half.parent.exists()


def test_a_journal_that_does_not_know_the_folders_runs_collects_nothing(
    shop: Workshop, ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_DB", f"sqlite:///{tmp_path}/other.db")
    shop.run("steps: {a: {run: 'true'}}")
    with pytest.raises(RequestError, match=f"does not know: .*{ran[0]}") as refused:
        _collect(shop, 1)
    assert refused.value.code == "E_ARTIFACT_FOREIGN"
    monkeypatch.delenv("HOLDFAST_DB")
    assert _present(shop) == dict.fromkeys(ran, ALL)
