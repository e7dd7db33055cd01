"""The runner `git` on real repositories with a bare remote beside them."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from holdfast.runners.failing import WorkFailedError
from holdfast.runners.performing import Answer, perform
from holdfast.runners.place import Place


@pytest.fixture(autouse=True)
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git as a user has it, without regard to whose machine this is."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text(
        "[user]\nname = Ada\nemail = ada@example.org\n[init]\ndefaultBranch = main\n[commit]\ngpgSign = false\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in [name for name in os.environ if name.startswith("GIT_") and name != "GIT_CONFIG_NOSYSTEM"]:
        monkeypatch.delenv(name)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Repo:
    """A working tree (with a space in its path), its bare remote, and the runner in it."""

    def __init__(self, folder: Path) -> None:
        self.remote = folder / "remote.git"
        self.path = folder / "work tree"
        git(folder, "init", "-q", "--bare", str(self.remote))
        git(folder, "clone", "-q", str(self.remote), str(self.path))
        self.commit("first", {"a": "1\n"})
        git(self.path, "push", "-q", "origin", "main")

    def commit(self, message: str, files: dict[str, str]) -> str:
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        git(self.path, "add", "-A")
        git(self.path, "commit", "-qm", message)
        return self.head()

    def head(self, name: str = "HEAD") -> str:
        return git(self.path, "rev-parse", name)

    def there(self, ref: str) -> str:
        return git(self.remote, "rev-parse", ref)

    def do(self, op: str, attempt: int = 1, **params: Any) -> Answer:  # noqa: ANN401 - any parameter
        place = Place(str(self.path), str(self.path), plan="nightly", attempt=attempt)
        return perform("git", {"op": op, **params}, place)

    def other(self, files: dict[str, str]) -> None:
        """Somebody else pushes first."""
        clone = self.path.parent / "other"
        git(self.path.parent, "clone", "-q", str(self.remote), str(clone))
        for name, text in files.items():
            (clone / name).write_text(text)
        git(clone, "add", "-A")
        git(clone, "commit", "-qm", "theirs")
        git(clone, "push", "-q", "origin", "main")

    def hook(self, name: str, text: str) -> None:
        path = self.remote / "hooks" / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path)


def failure(answer: Answer) -> WorkFailedError:
    assert answer.failure is not None
    return answer.failure


def test_a_branch_for_the_plan_is_made_once_and_gone_to(repo: Repo) -> None:
    made = repo.do("branch")
    assert made.outputs == {"branch": "plan/nightly", "sha": repo.head(), "created": True}
    assert git(repo.path, "branch", "--show-current") == "plan/nightly"
    assert repo.do("branch").outputs["created"] is False


def test_a_branch_may_begin_elsewhere_and_be_left_alone(repo: Repo) -> None:
    first = repo.head()
    repo.commit("second", {"a": "2\n"})
    made = repo.do("branch", name="fix/a b".replace(" ", "-"), at="HEAD~1", switch=False)
    assert made.outputs == {"branch": "fix/a-b", "sha": first, "created": True}
    assert git(repo.path, "branch", "--show-current") == "main"
    failed = failure(repo.do("branch", name="fix/a-b", at="main"))
    assert "is there already" in str(failed)
    assert failed.definite


@pytest.mark.parametrize("name", ["a..b", "-x", "a b", "x.lock"])
def test_a_name_that_git_does_not_take_is_refused(repo: Repo, name: str) -> None:
    assert failure(repo.do("branch", name=name)).code == "spawn.failed"
    assert failure(repo.do("tag", name=name)).code == "spawn.failed"


def test_a_commit_takes_all_changes_and_its_message_from_the_template(repo: Repo) -> None:
    (repo.path / "sub").mkdir()
    (repo.path / "sub" / "é x").write_text("new")
    (repo.path / "a").unlink()
    done = repo.do("commit", subject="add a thing", body="Because.")
    assert done.outputs == {
        "committed": True,
        "sha": repo.head(),
        "branch": "main",
        "files": ["a", "sub/é x"],
        "message": "feat(nightly): add a thing\n\nBecause.",
    }
    assert git(repo.path, "log", "-1", "--format=%B") == "feat(nightly): add a thing\n\nBecause."
    again = repo.do("commit", attempt=2, subject="add a thing")
    assert again.outputs == {"committed": False, "sha": repo.head(), "branch": "main", "files": []}


def test_a_commit_may_take_only_some_paths(repo: Repo) -> None:
    (repo.path / "b").write_text("1")
    (repo.path / "c").write_text("1")
    git(repo.path, "add", "c")
    done = repo.do("commit", message="only b", paths=["b"], author="Bob <bob@example.org>")
    assert done.outputs["files"] == ["b"]
    assert git(repo.path, "log", "-1", "--format=%an %s") == "Bob only b"
    assert repo.do("commit", message="empty", paths=["b"], allow_empty=True).outputs["committed"] is True


def test_a_hook_that_refuses_a_commit_is_a_definite_failure(repo: Repo) -> None:
    hook = repo.path / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho error: no >&2\nexit 1\n")
    hook.chmod(0o755)
    (repo.path / "b").write_text("1")
    failed = failure(repo.do("commit", message="m"))
    assert (str(failed), failed.definite) == ("git commit: no", True)


def test_tags_are_made_once_and_not_moved(repo: Repo) -> None:
    sha = repo.head()
    assert repo.do("tag", name="v1", message="One").outputs == {"tag": "v1", "sha": sha, "created": True}
    assert git(repo.path, "cat-file", "-t", "v1") == "tag"
    assert repo.do("tag", name="v1").outputs["created"] is False
    new = repo.commit("second", {"a": "2\n"})
    assert "is there already" in str(failure(repo.do("tag", name="v1")))
    assert repo.do("tag", name="v1", force=True).outputs == {"tag": "v1", "sha": new, "created": True}


def test_push_says_what_is_there_now(repo: Repo) -> None:
    before = repo.head()
    sha = repo.commit("second", {"a": "2\n"})
    wanted = {"remote": "origin", "ref": "refs/heads/main", "sha": sha, "before": before, "pushed": True}
    assert repo.do("push").outputs == wanted
    assert repo.there("main") == sha
    assert repo.do("push").outputs == wanted | {"before": sha, "pushed": False}


def test_push_takes_another_branch_and_another_name_or_a_tag(repo: Repo) -> None:
    git(repo.path, "branch", "x/y")
    assert repo.do("push", branch="x/y", to="for/main").outputs["before"] is None
    assert repo.there("for/main") == repo.head()
    git(repo.path, "tag", "v1")
    assert repo.do("push", tag="v1").outputs["ref"] == "refs/tags/v1"
    assert repo.there("v1") == repo.head()


def test_a_push_that_is_rejected_is_definite_and_changes_nothing(repo: Repo) -> None:
    # semantics E2
    repo.other({"a": "theirs\n"})
    theirs = repo.there("main")
    repo.commit("mine", {"a": "mine\n"})
    failed = failure(repo.do("push"))
    assert failed.definite
    assert failed.code == "exit.nonzero"
    assert "the push to origin was rejected: main [rejected]" in str(failed)
    assert failed.outputs["pushed"] is False
    assert repo.there("main") == theirs


def test_a_forced_push_replaces_only_what_it_has_seen(repo: Repo) -> None:
    repo.other({"a": "theirs\n"})
    mine = repo.commit("mine", {"a": "mine\n"})
    assert repo.do("push", force=True).outputs["pushed"] is True
    assert repo.there("main") == mine


def test_a_hook_of_the_remote_that_refuses_is_definite(repo: Repo) -> None:
    repo.hook("pre-receive", "exit 1\n")
    repo.commit("second", {"a": "2\n"})
    failed = failure(repo.do("push"))
    assert failed.definite
    assert "pre-receive hook declined" in str(failed)


def test_a_push_without_an_answer_is_not_definite(repo: Repo) -> None:
    # semantics E2
    repo.hook("update", "kill -9 $PPID\n")
    repo.commit("second", {"a": "2\n"})
    failed = failure(repo.do("push"))
    assert not failed.definite
    assert "ended without an answer" in str(failed)


def test_a_push_whose_answer_is_lost_is_found_on_the_remote(repo: Repo) -> None:
    repo.hook("reference-transaction", 'if [ "$1" = committed ]; then kill -9 $PPID; fi\n')
    sha = repo.commit("second", {"a": "2\n"})
    assert repo.do("push").outputs["pushed"] is True
    assert repo.there("main") == sha


def test_a_remote_that_does_not_answer_is_definite_as_nothing_was_sent(repo: Repo) -> None:
    git(repo.path, "remote", "add", "gone", str(repo.path.parent / "gone.git"))
    git(repo.path, "remote", "add", "closed", "https://me:secret@127.0.0.1:1/x.git")
    for remote in ("gone", "closed", "none"):
        failed = failure(repo.do("push", remote=remote))
        assert failed.definite
        assert f"the remote {remote} does not answer" in str(failed)
        assert "secret" not in str(failed)


@pytest.mark.parametrize("url", ["https://evil.example/x.git", "git@evil.example:x.git", "ssh://evil.example:2222/x"])
def test_a_remote_on_a_host_that_the_policy_denies_is_not_asked(repo: Repo, url: str) -> None:
    git(repo.path, "remote", "add", "evil", url)
    place = Place(str(repo.path), str(repo.path), hosts_allowed=("*.org",))
    failed = failure(perform("git", {"op": "push", "remote": "evil"}, place))
    assert str(failed) == "the remote evil is on evil.example, which policy.hosts does not allow"
    assert perform("git", {"op": "push"}, place).failure is None


def test_merges_fast_forward_or_not_as_asked(repo: Repo) -> None:
    git(repo.path, "switch", "-qc", "topic")
    topic = repo.commit("topic", {"b": "1\n"})
    git(repo.path, "switch", "-q", "main")
    merged = {"merged": True, "sha": topic, "branch": "main", "fast_forward": True, "conflicts": []}
    assert repo.do("merge", branch="topic", ff="only").outputs == merged
    assert repo.do("merge", branch="topic").outputs == merged | {"merged": False, "fast_forward": False}
    git(repo.path, "reset", "-q", "--hard", "HEAD~1")
    done = repo.do("merge", branch="topic", ff="no", message="Merge it")
    assert done.outputs["fast_forward"] is False
    assert git(repo.path, "log", "-1", "--format=%s") == "Merge it"
    repo.commit("mine", {"c": "1\n"})
    git(repo.path, "switch", "-q", "topic")
    repo.commit("more", {"d": "1\n"})
    failed = failure(repo.do("merge", branch="main", ff="only"))
    assert failed.definite
    assert "merge of main:" in str(failed)


def test_a_merge_with_conflicts_is_taken_back_and_names_the_files(repo: Repo) -> None:
    git(repo.path, "switch", "-qc", "topic")
    repo.commit("topic", {"a": "theirs\n", "d/é x": "theirs\n"})
    git(repo.path, "switch", "-q", "main")
    mine = repo.commit("mine", {"a": "mine\n", "d/é x": "mine\n"})
    failed = failure(repo.do("merge", branch="topic"))
    assert failed.definite
    assert failed.outputs == {"merged": False, "sha": mine, "branch": "main", "conflicts": ["a", "d/é x"]}
    assert "conflicts in a, d/é x; it was aborted" in str(failed)
    assert git(repo.path, "status", "--porcelain") == ""
    assert repo.head() == mine


def test_a_merge_that_a_killed_attempt_left_is_taken_back_first(repo: Repo) -> None:
    git(repo.path, "switch", "-qc", "topic")
    repo.commit("topic", {"a": "theirs\n"})
    git(repo.path, "switch", "-q", "main")
    repo.commit("mine", {"a": "mine\n"})
    subprocess.run(["git", "merge", "topic"], cwd=repo.path, check=False, capture_output=True)
    assert "a merge is under way already" in str(failure(repo.do("merge", branch="topic")))
    assert failure(repo.do("merge", attempt=2, branch="topic")).outputs["conflicts"] == ["a"]
    assert git(repo.path, "status", "--porcelain") == ""


def test_a_lock_that_a_killed_git_left_is_named_with_what_to_do(repo: Repo) -> None:
    lock = repo.path / ".git" / "index.lock"
    lock.touch()
    (repo.path / "new").touch()
    failed = failure(repo.do("commit", subject="more"))
    assert str(failed).endswith(f"another git is at work there, or one was killed: if none is, remove {lock}")
    lock.unlink()
    assert repo.do("commit", subject="more").outputs["committed"]


def test_what_cannot_be_merged_is_said(repo: Repo) -> None:
    assert "there is no branch or commit nothing" in str(failure(repo.do("merge", branch="nothing")))
    assert failure(repo.do("merge", branch="--abort")).definite


def test_status_says_where_the_tree_stands(repo: Repo) -> None:
    sha = repo.head()
    clean = repo.do("status").outputs
    assert clean == {
        "branch": "main",
        "sha": sha,
        "upstream": "origin/main",
        "ahead": 0,
        "behind": 0,
        "clean": True,
        "staged": [],
        "changed": [],
        "untracked": [],
        "conflicts": [],
    }
    repo.commit("second", {"b b": "x\n" * 9})
    git(repo.path, "mv", "b b", "c c")
    (repo.path / "a").write_text("changed")
    (repo.path / "new").write_text("")
    found = repo.do("status").outputs
    assert (found["ahead"], found["clean"]) == (1, False)
    assert (found["staged"], found["changed"], found["untracked"]) == (["c c"], ["a"], ["new"])


def test_a_worktree_whose_git_is_a_file_works_as_any(repo: Repo, tmp_path: Path) -> None:
    tree = tmp_path / "linked tree"
    git(repo.path, "worktree", "add", "-q", "-b", "feature/x", str(tree))
    assert (tree / ".git").is_file()
    place = Place(str(tree), str(tree), plan="nightly")
    (tree / "b").write_text("1")
    done = perform("git", {"op": "commit", "message": "in a tree"}, place)
    assert (done.failure, done.outputs["branch"]) == (None, "feature/x")
    assert perform("git", {"op": "push"}, place).outputs["ref"] == "refs/heads/feature/x"


def test_a_detached_head_commits_and_pushes_only_where_it_is_told_to(repo: Repo) -> None:
    git(repo.path, "switch", "-q", "--detach")
    (repo.path / "b").write_text("1")
    done = repo.do("commit", message="loose")
    assert (done.outputs["committed"], done.outputs["branch"]) == (True, None)
    assert repo.do("status").outputs["branch"] is None
    assert "HEAD is detached" in str(failure(repo.do("push")))
    assert repo.do("push", to="loose").outputs["sha"] == done.outputs["sha"]


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    place = Place(str(tmp_path), str(tmp_path / "plain"))
    failed = failure(perform("git", {"op": "status"}, place))
    assert failed.code == "spawn.failed"
    assert "is not in the working tree of a git repository" in str(failed)
    assert "there is no folder none" in str(failure(perform("git", {"op": "status", "repo": "none"}, place)))


def test_a_repository_outside_of_the_write_roots_is_only_looked_at(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    place = Place(str(tmp_path / "project"), str(tmp_path / "project"))
    assert perform("git", {"op": "status", "repo": "../work tree"}, place).failure is None
    failed = failure(perform("git", {"op": "tag", "name": "v1", "repo": "../work tree"}, place))
    assert "lies outside of policy.write_roots" in str(failed)
