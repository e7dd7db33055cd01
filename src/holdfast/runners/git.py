"""The runner `git`: branch, commit, tag, push, merge and status of a repository, by the `git` program.

Git is never let ask anything. What it answers is read from its machine formats, so that a failure is known by what
happened and not by its words: a push that was rejected is definite, one whose answer never came is not.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import msgspec

from holdfast.runners.failing import WorkFailedError, refused
from holdfast.runners.hosts import host_of_remote
from holdfast.runners.place import Place

SAID_MAX = 500
UNANSWERED = "remote failed to report status"
_SETTINGS = ("-c", "core.quotePath=false", "-c", "credential.interactive=false", "-c", "gc.autoDetach=false")
_LOCKED = re.compile(r"Unable to create '([^'\n]+\.lock)': File exists")
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+(?=@)")


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `with` may hold; which operation takes what is checked with the plan."""

    op: Literal["branch", "commit", "tag", "push", "merge", "status"]
    repo: str | None = None
    name: str | None = None
    at: str = "HEAD"
    switch: bool = True
    message: str | None = None
    type: str = "feat"
    scope: str | None = None
    subject: str | None = None
    body: str | None = None
    paths: list[str] = []
    allow_empty: bool = False
    author: str | None = None
    remote: str = "origin"
    branch: str | None = None
    tag: str | None = None
    to: str | None = None
    tags: bool = False
    force: bool = False
    ff: Literal["auto", "only", "no"] = "auto"


class Said(NamedTuple):
    """What a git command answered."""

    code: int
    out: str
    err: str

    @property
    def why(self) -> str:
        """What it said of its failure, in one line and without passwords."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("fatal:", "error:", "! "))] or lines[-3:]
        text = "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in told)
        text = _PASSWORD.sub("***", text)[:SAID_MAX] or f"git ended with {self.code}"
        locked = _LOCKED.search(self.err)
        if locked is None:
            return text
        return f"{text.rstrip('.')}; another git is at work there, or one was killed: if none is, remove {locked[1]}"


class Repository:
    """One working tree, wherever its `.git` is."""

    def __init__(self, params: Params, place: Place) -> None:
        self.params = params
        self.place = place
        self.path = place.readable(params.repo) if params.repo else place.cwd
        if params.op != "status" and not place.allows(os.path.realpath(self.path)):
            raise refused(f"the repository {self.path} lies outside of policy.write_roots")
        if not os.path.isdir(self.path):
            raise refused(f"there is no folder {params.repo or self.path}")
        self.env = unasking(os.environ)
        inside = self.git("rev-parse", "--is-inside-work-tree")
        if inside.code or inside.out.strip() != "true":
            raise refused(f"{self.path} is not in the working tree of a git repository: {inside.why}")

    def git(self, *arguments: str) -> Said:
        """Run git and take what it answers; its errors are in the step's log too."""
        command = ["git", "-C", self.path, *_SETTINGS, *arguments]
        try:
            done = subprocess.run(
                command, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, check=False, close_fds=True
            )
        except FileNotFoundError:
            raise refused("there is no program git on PATH") from None
        said = Said(done.returncode, _text(done.stdout), _text(done.stderr))
        sys.stdout.write(_PASSWORD.sub("***", f"git {' '.join(arguments)}\n"))
        sys.stderr.write(_PASSWORD.sub("***", said.err))
        return said

    def must(self, *arguments: str) -> str:
        """The answer of a command that has to succeed; that it did not is definite, as nothing leaves this machine."""
        said = self.git(*arguments)
        if said.code:
            raise WorkFailedError("exit.nonzero", f"git {arguments[0]}: {said.why}", definite=True)
        return said.out

    def commit_of(self, name: str) -> str | None:
        """The commit that a name stands for."""
        said = self.git("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
        return said.out.strip() if said.code == 0 else None

    def branch(self) -> str | None:
        """The current branch; `None` where HEAD is detached."""
        said = self.git("symbolic-ref", "--quiet", "--short", "HEAD")
        return said.out.strip() if said.code == 0 else None


def perform(params: Params, place: Place) -> dict[str, object]:
    """Do it. Raises `WorkFailedError`."""
    return _OPERATIONS[params.op](Repository(params, place))


def unasking(env: Mapping[str, str]) -> dict[str, str]:
    """The environment in which git and what it starts ask nobody anything, and speak plainly."""
    calm = {**env, "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "GIT_MERGE_AUTOEDIT": "no", "LC_ALL": "C"}
    calm.setdefault("GIT_ASKPASS", "true")
    calm["SSH_ASKPASS_REQUIRE"] = "never"
    if "GIT_SSH" not in calm:
        calm.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
    return calm


def _branch(repo: Repository) -> dict[str, object]:
    params = repo.params
    name = _checked(repo, params.name or f"plan/{repo.place.plan}", "branch")
    known = repo.commit_of(f"refs/heads/{name}")
    start = repo.commit_of(params.at)
    if start is None and (params.at != "HEAD" or known is None):
        raise WorkFailedError("exit.nonzero", f"there is no commit {params.at}", definite=True)
    if known is None:
        repo.must("branch", "--no-track", name, params.at)
    elif params.at != "HEAD" and repo.git("merge-base", "--is-ancestor", params.at, known).code:
        said = f"the branch {name} is there already, at {known[:12]}, and does not hold {params.at}"
        raise WorkFailedError("exit.nonzero", said, definite=True)
    if params.switch and repo.branch() != name:
        repo.must("switch", name)
    return {"branch": name, "sha": repo.commit_of(f"refs/heads/{name}"), "created": known is None}


def _commit(repo: Repository) -> dict[str, object]:
    params = repo.params
    only = ["--", *params.paths] if params.paths else []
    repo.must("add", "--all", *(only or ["--", ":/"]))
    is_empty = repo.git("diff", "--cached", "--quiet", *only).code == 0
    if is_empty and not params.allow_empty:
        return {"committed": False, "sha": repo.commit_of("HEAD"), "branch": repo.branch(), "files": []}
    message = message_of(params, repo.place.plan)
    more = [f"--author={params.author}"] if params.author else []
    repo.must(
        "commit", "--quiet", "--cleanup=strip", *(["--allow-empty"] if is_empty else []), *more, "-m", message, *only
    )
    files = _listed(repo.must("show", "--name-only", "--format=", "-z", "HEAD"))
    sha = repo.commit_of("HEAD")
    return {"committed": True, "sha": sha, "branch": repo.branch(), "files": files, "message": message}


def message_of(params: Params, plan: str) -> str:
    """The message of a commit: as written, or by the template `type(scope): subject`, then the body."""
    if params.message is not None:
        return params.message
    first = f"{params.type}({params.scope or plan}): {params.subject}"
    return f"{first}\n\n{params.body}" if params.body else first


def _tag(repo: Repository) -> dict[str, object]:
    params = repo.params
    name = _checked(repo, params.name or "", "tag")
    sha = repo.commit_of(params.at)
    if sha is None:
        raise WorkFailedError("exit.nonzero", f"there is no commit {params.at}", definite=True)
    known = repo.commit_of(f"refs/tags/{name}")
    if known is not None and known != sha and not params.force:
        said = f"the tag {name} is there already, at {known[:12]}, not {sha[:12]}"
        raise WorkFailedError("exit.nonzero", said, definite=True)
    if known != sha:
        kind = ["--annotate", "-m", params.message] if params.message is not None else []
        repo.must("tag", *(["--force"] if params.force else []), *kind, "--", name, sha)
    return {"tag": name, "sha": sha, "created": known != sha}


def _merge(repo: Repository) -> dict[str, object]:
    params = repo.params
    source = params.branch or ""
    if repo.commit_of("MERGE_HEAD") is not None:
        if repo.place.attempt == 1:
            raise WorkFailedError("exit.nonzero", "a merge is under way already; end or abort it first", definite=True)
        repo.must("merge", "--abort")  # an attempt before this one was ended in the middle of it
    wanted = repo.commit_of(source)
    if wanted is None or source.startswith("-"):
        raise WorkFailedError("exit.nonzero", f"there is no branch or commit {source} to merge", definite=True)
    before = repo.commit_of("HEAD")
    how = {"auto": [], "only": ["--ff-only"], "no": ["--no-ff"]}[params.ff]
    message = ["-m", params.message] if params.message is not None else []
    said = repo.git("merge", "--no-edit", *how, *message, source)
    conflicts = _listed(repo.git("diff", "--name-only", "--diff-filter=U", "-z").out) if said.code else []
    if said.code:
        if repo.commit_of("MERGE_HEAD") is not None:
            repo.must("merge", "--abort")
        outputs: dict[str, object] = {"merged": False, "sha": before, "branch": repo.branch(), "conflicts": conflicts}
        files = ", ".join(conflicts)
        why = f"conflicts in {files}; it was aborted, and the tree is as it was" if conflicts else said.why
        raise WorkFailedError("exit.nonzero", f"merge of {source}: {why}", definite=True, outputs=outputs)
    sha = repo.commit_of("HEAD")
    return {
        "merged": sha != before,
        "sha": sha,
        "branch": repo.branch(),
        "fast_forward": sha == wanted and sha != before,
        "conflicts": [],
    }


def _push(repo: Repository) -> dict[str, object]:
    """Push one branch or tag. Nothing is sent before the remote has answered where it stands."""
    params = repo.params
    remote = params.remote
    if remote.startswith("-"):
        raise refused(f"{remote} is not the name of a remote")
    _admit(repo, remote)
    branch = params.branch or (None if params.tag else repo.branch())
    source = f"refs/tags/{params.tag}" if params.tag else f"refs/heads/{branch}" if branch else "HEAD"
    to = params.tag or params.to or branch
    if to is None:
        raise refused("HEAD is detached: say which branch is pushed (branch), or to which one (to)")
    _checked(repo, to, "tag" if params.tag else "branch")
    target = f"refs/tags/{to}" if params.tag else f"refs/heads/{to}"
    sha = repo.git("rev-parse", "--verify", "--quiet", "--end-of-options", source).out.strip()
    if not sha:
        raise WorkFailedError("exit.nonzero", f"there is no {source.removeprefix('refs/')} to push", definite=True)
    before = _remote_sha(repo, remote, target)
    outputs: dict[str, object] = {"remote": remote, "ref": target, "sha": sha, "before": before or None}
    if before == sha and not params.tags:
        return outputs | {"pushed": False}
    lease = [f"--force-with-lease={target}:{before}"] if params.force else []
    tags = ["--follow-tags"] if params.tags else []
    said = repo.git("push", "--porcelain", *lease, *tags, "--", remote, f"{source}:{target}")
    if said.code:
        _unpushed(repo, said, outputs, (remote, target))
    return outputs | {"pushed": True}


def _unpushed(repo: Repository, said: Said, outputs: dict[str, object], where: tuple[str, str]) -> None:
    """A push that failed: rejected, or lost on the way; returns where the remote has it all the same."""
    remote, target = where
    refusals = [line.split("\t") for line in said.out.splitlines() if line.startswith("!\t")]
    if refusals and not any(UNANSWERED in line[-1] for line in refusals):
        told = [(line[1].rpartition(":")[2].removeprefix("refs/heads/"), line[-1]) for line in refusals]
        why = "; ".join(f"{name} {reason}" for name, reason in told)
        text = f"the push to {remote} was rejected: {why}"
        raise WorkFailedError("exit.nonzero", text, definite=True, outputs=outputs | {"pushed": False})
    now = repo.git("ls-remote", "--exit-code", "--", remote, target)
    if now.code == 0 and now.out.split()[0] == outputs["sha"]:
        return
    text = f"the push to {remote} ended without an answer: {said.why}"
    raise WorkFailedError("exit.nonzero", text, outputs=outputs)


def _remote_sha(repo: Repository, remote: str, target: str) -> str:
    """What the remote has under a name; empty if nothing. Raises where it does not answer: nothing was sent then."""
    said = repo.git("ls-remote", "--", remote, target)
    if said.code:
        raise WorkFailedError("exit.nonzero", f"the remote {remote} does not answer: {said.why}", definite=True)
    return said.out.split()[0] if said.out.split() else ""


def _admit(repo: Repository, remote: str) -> None:
    """Refuse a remote whose host the policy does not allow."""
    said = repo.git("remote", "get-url", "--push", "--all", remote)
    for url in said.out.splitlines() if said.code == 0 else [remote]:
        host = host_of_remote(url)
        why = repo.place.denied(*host) if host is not None else None
        if host is not None and why is not None:
            raise refused(f"the remote {remote} is on {host[0]}, which policy.hosts {why}")


def _status(repo: Repository) -> dict[str, object]:
    out = repo.must("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all")
    facts: dict[str, str] = {}
    found: dict[str, list[str]] = {"staged": [], "changed": [], "untracked": [], "conflicts": []}
    entries = iter(out.split("\0"))
    for entry in entries:
        kind, _, rest = entry.partition(" ")
        if kind == "#":
            name, _, value = rest.partition(" ")
            facts[name] = value
        elif kind == "?":
            found["untracked"].append(rest)
        elif kind == "u":
            found["conflicts"].append(rest.split(" ", 9)[-1])
        elif kind in {"1", "2"}:
            path = rest.split(" ", 7 if kind == "1" else 8)[-1]
            if kind == "2":
                next(entries, None)  # the name it had before
            found["staged"] += [path] if rest[0] != "." else []
            found["changed"] += [path] if rest[1] != "." else []
    head = facts.get("branch.head", "")
    ahead, behind = (abs(int(part)) for part in facts.get("branch.ab", "+0 -0").split())
    return {
        "branch": None if head == "(detached)" else head,
        "sha": None if facts.get("branch.oid") == "(initial)" else facts.get("branch.oid"),
        "upstream": facts.get("branch.upstream"),
        "ahead": ahead,
        "behind": behind,
        "clean": not any(found.values()),
        **found,
    }


_OPERATIONS: dict[str, Callable[[Repository], dict[str, object]]] = {
    "branch": _branch,
    "commit": _commit,
    "tag": _tag,
    "push": _push,
    "merge": _merge,
    "status": _status,
}


def _checked(repo: Repository, name: str, kind: str) -> str:
    form = ["--branch", name] if kind == "branch" else ["refs/tags/" + name]
    if name.startswith("-") or repo.git("check-ref-format", *form).code:
        raise refused(f'"{name}" cannot be the name of a {kind}')
    return name


def _listed(out: str) -> list[str]:
    return sorted({name for name in out.split("\0") if name})


def _text(data: bytes) -> str:
    """Git's answer as text that any record can hold; bytes of a name that are not UTF-8 are shown in hexadecimal."""
    return data.decode("utf-8", "backslashreplace")
