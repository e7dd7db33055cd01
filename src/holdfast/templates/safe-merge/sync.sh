# Phase 4. BASE checked out, and exactly as REMOTE has it.
set -eu
cd "$REPO"
git fetch --quiet "$REMOTE" "+refs/heads/$BASE:refs/remotes/$REMOTE/$BASE"
git switch --quiet "$BASE"
git merge --quiet --ff-only "$REMOTE/$BASE"
own=$(git rev-list --count "$REMOTE/$BASE..$BASE")
[ "$own" = 0 ] || { echo "$BASE has $own commits that $REMOTE does not have; push or move them first" >&2; exit 1; }
echo "commit=$(git rev-parse "$BASE")" >>"$HOLDFAST_OUTPUT"
