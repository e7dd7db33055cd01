# Phase 1. Is REPO a repository in which a merge of BRANCH into BASE can be done and undone?
set -eu
no() { echo "$REPO: $1" >&2; exit 1; }

git --version
git -C "$REPO" rev-parse --is-inside-work-tree >/dev/null || no "not a working tree"   # its .git may be a file
[ -z "$(git -C "$REPO" status --porcelain --untracked-files=no)" ] || no "there are changes that are not committed"
for name in MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD; do
  ! git -C "$REPO" rev-parse --quiet --verify "$name" >/dev/null || no "something is half done ($name)"
done
git -C "$REPO" var GIT_COMMITTER_IDENT >/dev/null || no "git does not know who you are: git config user.email"
git -C "$REPO" rev-parse --quiet --verify "$BRANCH^{commit}" >/dev/null || no "there is no branch $BRANCH"
git -C "$REPO" ls-remote --exit-code --heads "$REMOTE" "refs/heads/$BASE" >/dev/null || no "$REMOTE has no branch $BASE"
echo "merging $BRANCH into $BASE of $REMOTE, in $(git -C "$REPO" rev-parse --show-toplevel)"
