# The base back at the commit of the snapshot, and no merge half done. Does nothing where there is no snapshot.
set -eu
cd "$REPO"
rollback="rollback/$BASE-$HOLDFAST_RUN"
git rev-parse --quiet --verify "$rollback" >/dev/null || exit 0
if git rev-parse --quiet --verify MERGE_HEAD >/dev/null; then git merge --abort; fi
git switch --quiet "$BASE"
git reset --quiet --keep "$rollback"
echo "$BASE is at $(git rev-parse --short "$BASE")"
