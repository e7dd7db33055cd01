# Phase 8. The base to the remote, never by force. A push of what is there already changes nothing, so it may be repeated.
set -eu
cd "$REPO"
git merge-base --is-ancestor "$BRANCH" "$BASE" || { echo "$BASE does not hold $BRANCH" >&2; exit 1; }
if said=$(git push --porcelain "$REMOTE" "refs/heads/$BASE:refs/heads/$BASE" 2>&1); then
  echo "$said"
  echo "commit=$(git rev-parse "$BASE")" >>"$HOLDFAST_OUTPUT"
  exit 0
fi
echo "$said" >&2
case $said in *"[rejected]"* | *"cannot lock ref"*)   # another clone was faster; nothing of ours is there
  echo "outcome=rejected" >>"$HOLDFAST_OUTPUT" ;;
esac
git reset --quiet --keep "rollback/$BASE-$HOLDFAST_RUN"
exit 1
