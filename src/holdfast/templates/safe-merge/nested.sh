# Phase 2. Repositories inside of REPO: submodules and ignored folders are fine, others are not.
set -eu
top=$(git -C "$REPO" rev-parse --show-toplevel)
bad=0
find "$top" -mindepth 2 -name .git -prune -print | { while read -r found; do
  inside=$(dirname "$found")
  case $inside in "$top"/.git/*) continue ;; esac
  if git -C "$top" check-ignore --quiet "$inside"; then echo "ignored: $inside"
  elif [ "$(git -C "$top" ls-files --stage -- "$inside" | cut -c1-6)" = 160000 ]; then echo "submodule: $inside"
  else echo "a repository of its own, in the way of the merge: $inside" >&2; bad=1
  fi
done; exit $bad; }
