#!/bin/sh
# Installs the peers that the benchmarks compare with, each in an environment of its own, into a cache folder.
#
#     bench/setup.sh [FOLDER]        default: $HOLDFAST_BENCH, or ~/.cache/holdfast-bench
#
# ninja and make come from the system (apt-get install ninja-build make, brew install ninja make), and so does cc.
# A peer that cannot be installed (offline, or younger than the project's `exclude-newer` allows) is skipped.
set -eu
folder=${1:-${HOLDFAST_BENCH:-$HOME/.cache/holdfast-bench}}
uv=$(command -v uv || echo "$(cd "$(dirname "$0")/.." && pwd)/.venv/bin/uv")
python=$("$(dirname "$uv")/python" -c 'import sys; print(sys.executable)' 2>/dev/null || command -v python3)
mkdir -p "$folder"

peer() {
  name=$1
  shift
  [ -x "$folder/$name/bin/python" ] || "$uv" venv -q -p "$python" "$folder/$name"
  if "$uv" pip install -q -p "$folder/$name/bin/python" "$@"; then
    echo "$name: $*"
  else
    rm -rf "${folder:?}/$name"
    echo "$name: not installed, its lines will be skipped"
  fi
}

# Holdfast itself with what a user gets, nothing of what its developers need: W1 runs this one.
peer holdfast -e "$(cd "$(dirname "$0")/.." && pwd)"
peer dbos dbos==3.4.0
peer doit doit==0.37.0
peer langgraph langgraph==1.2.22 langgraph-checkpoint-sqlite==3.1.2
