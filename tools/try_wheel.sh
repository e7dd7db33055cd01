#!/bin/sh
# Builds the wheel, installs it with the locked runtime packages alone into a new environment, and uses it from there.
set -eu
cd "$(dirname "$0")/.."
uv="$PWD/.venv/bin/uv"
place=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-wheel.XXXXXX")
trap 'rm -rf "$place"' EXIT INT TERM

"$uv" build -q --wheel --out-dir "$place/dist"
"$uv" venv -q --python .venv/bin/python --no-python-downloads "$place/venv"
"$uv" export -q --locked --no-dev --no-emit-project --output-file "$place/runtime.txt"
export VIRTUAL_ENV="$place/venv"
"$uv" pip install -q --require-hashes -r "$place/runtime.txt"
"$uv" pip install -q --no-deps "$place"/dist/*.whl

mkdir "$place/elsewhere"
cd "$place/elsewhere"
unset VIRTUAL_ENV
"$place/venv/bin/holdfast" version
"$place/venv/bin/holdfast" demo
echo "wheel: $(basename "$place"/dist/*.whl) installs and runs"
