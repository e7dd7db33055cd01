# Phase 6. BRANCH merged into BASE with a commit of its own. A conflict takes the merge back and names the files.
set -eu
sh put-back.sh                                # what an attempt before this one may have left half done
cd "$REPO"
if git merge --no-ff --no-edit --message "Merge $BRANCH into $BASE" "$BRANCH"; then
  echo "commit=$(git rev-parse HEAD)" >>"$HOLDFAST_OUTPUT"
  exit 0
fi
git diff --name-only --diff-filter=U -z | python3 -c '
import json, sys
print(json.dumps({"conflicts": [name for name in sys.stdin.read().split("\0") if name]}))' >>"$HOLDFAST_OUTPUT"
git merge --abort
exit 1
