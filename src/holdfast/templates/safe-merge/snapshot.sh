# Phase 5. An annotated tag and a branch at the base, named after this run; after another sync they move along.
set -eu
cd "$REPO"
git tag --force --annotate --message "before $BRANCH is merged into $BASE" "snapshot/$BASE-$HOLDFAST_RUN" "$BASE"
git branch --force "rollback/$BASE-$HOLDFAST_RUN" "$BASE"
echo "commit=$(git rev-parse "$BASE")" >>"$HOLDFAST_OUTPUT"
echo "rollback=rollback/$BASE-$HOLDFAST_RUN" >>"$HOLDFAST_OUTPUT"
