# Phase 7. A command in a copy of what BASE holds now, so that nothing it writes dirties the working tree.
set -eu
project=$PWD
git -C "$REPO" archive "$BASE" | tar -x -C "$HOLDFAST_SCRATCH"
cd "$HOLDFAST_SCRATCH"
[ ! -f "$project/import_all.py" ] || cp "$project/import_all.py" .
"$@"
