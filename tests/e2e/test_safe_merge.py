"""The template `safe-merge` on a real repository with a bare remote; also as a foreign plan, run unchanged."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.merging import FOREIGN, NATIVE, Scene, outputs, scene, steps

pytestmark = pytest.mark.timeout(240)
PLANS = pytest.mark.parametrize("plan", [NATIVE, FOREIGN])
PHASES = ("scan", "nested", "classify", "sync", "snapshot", "merge", "compile", "imports", "tests", "push")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Scene]:
    made = scene(tmp_path)
    yield made
    made.let_all_go()


def merged(demo: Scene, *, commits: int = 1) -> None:
    """The remote has the branch, by this many merges, and the tree is clean."""
    assert demo.git("rev-parse", demo.base) == demo.git("rev-parse", demo.base, where=demo.origin)
    demo.git("merge-base", "--is-ancestor", demo.branch, demo.base)
    assert demo.git("rev-list", "--count", "--merges", demo.base) == str(commits)
    assert demo.git("status", "--porcelain") == ""


def untouched(demo: Scene, before: str) -> None:
    """The base is where it was, here and on the remote, nothing is half done, and the snapshot is there."""
    assert demo.git("rev-parse", demo.base) == before
    assert demo.git("rev-parse", demo.base, where=demo.origin) == before
    assert demo.git("status", "--porcelain") == ""
    assert demo.git("rev-parse", "--abbrev-ref", "HEAD") == demo.base
    tag = demo.git("tag", "--list", f"snapshot/{demo.base}-*")
    assert demo.git("cat-file", "-t", tag) == "tag"
    assert demo.git("rev-parse", f"{tag}^{{commit}}") == before


@PLANS
def test_a_clean_merge_is_pushed(demo: Scene, plan: str) -> None:
    before = demo.git("rev-parse", "main")
    done = demo.run(plan)
    assert done.code == 0, done.err
    merged(demo)
    assert demo.git("rev-parse", "main^1") == before
    assert outputs(done, "push")["commit"] == demo.git("rev-parse", "main")
    tag = demo.git("tag", "--list", "snapshot/*")
    assert demo.git("rev-parse", f"{tag}^{{commit}}", demo.git("branch", "--list", "rollback/*").strip()).split() == [
        before,
        before,
    ]
    assert not [*demo.repo.rglob("__pycache__")]


@PLANS
def test_a_conflict_is_taken_back_and_its_files_are_listed(demo: Scene, plan: str) -> None:
    demo.on_branch("notes of the day.txt", "ours\n")
    demo.commit("notes of the day.txt", "theirs\n")
    demo.git("push", "--quiet", "origin", "main")
    before = demo.git("rev-parse", "main")
    done = demo.run(plan)
    assert done.code == 1
    assert steps(done)["merge"] == "failed"
    assert outputs(done, "merge") == {"conflicts": ["notes of the day.txt"]}
    untouched(demo, before)


@PLANS
@pytest.mark.parametrize(
    ("gate", "text"),
    [("compile", "def broken(:\n"), ("imports", "import a_module_that_is_not_there\n"), ("tests", "1 / 0\n")],
)
def test_a_gate_that_fails_puts_the_base_back(demo: Scene, plan: str, gate: str, text: str) -> None:
    demo.on_branch("tests/test_bad.py" if gate == "tests" else "bad.py", text)
    before = demo.git("rev-parse", "main")
    done = demo.run(plan)
    assert done.code == 1, done.err
    found = steps(done)
    if plan == FOREIGN:  # its gates run to their end
        assert found[f"gate-{gate}"] == "failed"
    else:  # the first one that fails stops the others
        assert {found[gate], *(found[name] for name in ("compile", "imports", "tests"))} >= {"failed"}
    assert found["push"] == "canceled"
    untouched(demo, before)


def test_a_cancel_puts_the_base_back(demo: Scene) -> None:
    demo.hold("tests")
    before = demo.git("rev-parse", "main")
    running = demo.start(NATIVE)
    demo.reached("tests")
    assert demo.git("rev-parse", "main") != before
    assert demo.cancel().code == 0
    assert running.wait() == 6, running.err
    untouched(demo, before)


def test_a_branch_without_python_needs_no_python_gate(demo: Scene) -> None:
    demo.without_python()
    done = demo.run(FOREIGN)
    assert done.code == 0, done.err
    assert {name: status for name, status in steps(done).items() if name.startswith("gate-")} == dict.fromkeys(
        ("gate-compile", "gate-imports", "gate-tests"), "skipped"
    )
    merged(demo)


def test_a_push_that_was_outrun_goes_back_and_merges_into_what_the_other_pushed(demo: Scene) -> None:
    # semantics S17
    demo.hold("push", "merge#2")
    running = demo.start(NATIVE)
    demo.reached("push")
    demo.outrun("first.txt")
    demo.let_go("push")
    demo.reached("merge#2")
    demo.kill_all(running)
    running.wait()
    demo.let_go("merge#2")
    done = demo.resume()
    assert done.code == 0, done.err
    merged(demo)
    assert "Another clone" in demo.git("log", "-1", "--format=%s", "main^1")
    found = steps(done)
    assert (found["push"], found["push#2"], found["put-back"]) == ("failed", "succeeded", "skipped")
    assert outputs(done, "push#2")["commit"] == demo.git("rev-parse", "main")
    tag = demo.git("tag", "--list", "snapshot/*")
    assert demo.git("rev-parse", f"{tag}^{{commit}}") == demo.git("rev-parse", "main^1")


def test_a_push_that_is_outrun_each_time_waits_for_a_person_after_three(demo: Scene) -> None:
    # semantics S17
    demo.without_python()
    pushes = ("push", "push#2", "push#3")
    demo.hold(*pushes)
    running = demo.start(NATIVE)
    for number, push in enumerate(pushes):
        demo.reached(push)
        demo.outrun(f"{number}.txt")
        demo.let_go(push)
    assert running.wait() == 4
    assert demo.reject().code == 0
    done = demo.resume()
    assert (done.code, steps(done)["push#3"]) == (1, "failed")
    assert "Another clone: 1.txt" in demo.git("log", "-1", "--format=%s", "main")
    assert demo.git("rev-list", "--count", "--merges", "main", where=demo.origin) == "0"
    assert demo.git("status", "--porcelain") == ""


def test_a_push_that_was_outrun_fails_and_is_not_repeated(demo: Scene) -> None:
    demo.hold("push")
    before = demo.git("rev-parse", "main")
    running = demo.start(FOREIGN)
    demo.reached("push")
    demo.outrun("first.txt")
    demo.let_go("push")
    assert running.wait() == 1
    assert demo.git("rev-parse", "main") == before
    assert "Another clone" in demo.git("log", "-1", "--format=%s", "main", where=demo.origin)
    assert demo.git("rev-list", "--count", "--merges", "main", where=demo.origin) == "0"


@PLANS
def test_a_base_with_a_slash_and_a_worktree_whose_git_is_a_file(demo: Scene, plan: str) -> None:
    demo.git("push", "--quiet", "origin", "main:release/1.0")
    tree = demo.folder / "work tree"
    demo.git("worktree", "add", "--quiet", "-b", "release/1.0", str(tree), "main")
    assert (tree / ".git").is_file()
    demo.repo, demo.base = tree, "release/1.0"
    done = demo.run(plan)
    assert done.code == 0, done.err
    merged(demo)
    assert demo.git("branch", "--list", "rollback/release/1.0-*") != ""


@pytest.mark.parametrize(
    ("spoil", "step", "said"),
    [
        ("echo x >>greeting.py", "scan", "changes that are not committed"),
        ("git checkout -q --detach && git commit -q --allow-empty -m x && git branch -q -f main", "sync", "1 commits"),
        ("git init -q inside && git -C inside commit -q --allow-empty -m x", "nested", "in the way of the merge"),
        ("git remote remove origin", "scan", "origin has no branch main"),
        ("git branch -D feature/greeting", "scan", "there is no branch feature/greeting"),
    ],
)
def test_what_must_hold_before_anything_is_touched(demo: Scene, spoil: str, step: str, said: str) -> None:
    demo.git("config", "--file", str(demo.folder.parent / ".gitconfig"), "user.email", "me@example.org")
    demo.git("config", "--file", str(demo.folder.parent / ".gitconfig"), "user.name", "Me")
    demo.shell(spoil)
    done = demo.run(FOREIGN)
    assert (done.code, steps(done)[step]) == (1, "failed"), done.err
    assert said in done.err
    assert demo.git("tag", "--list", "snapshot/*") == ""


def test_markers_of_a_conflict_are_not_merged(demo: Scene) -> None:
    demo.on_branch("left.txt", "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n")
    done = demo.run(FOREIGN)
    assert steps(done)["classify"] == "failed"
    assert "left.txt has conflict markers" in done.err


@pytest.mark.parametrize(
    ("phase", "power"),
    [*((phase, "everything") for phase in PHASES), *((phase, "engine") for phase in ("merge", "tests", "push"))],
)
def test_a_kill_at_any_phase_followed_by_resume_ends_the_same(demo: Scene, phase: str, power: str) -> None:
    demo.hold(phase)
    running = demo.start(NATIVE)
    demo.reached(phase)
    if power == "engine":
        running.send_signal(signal.SIGKILL)
    else:
        demo.kill_all(running)
    running.wait()
    demo.let_go(phase)
    done = demo.resume()
    assert done.code == 0, done.err
    merged(demo)
