# Everything a contributor runs. `make` lists the targets; only Python 3.11 or newer and make are needed beforehand.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

PYTHON ?=
JOBS ?= 2
BIN := .venv/bin
STAMP := .venv/.synced
PYTEST := $(BIN)/pytest -n $(JOBS)

# A virtual environment or coverage run around make is not ours.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.PHONY: help
help:  ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*##  *\(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
	  printf '  make %-8s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: $(STAMP)  ## make .venv with everything in uv.lock (done by the others when needed)

$(STAMP): pyproject.toml uv.lock .ci/uv.txt .ci/setup
	@sh .ci/setup $(PYTHON)
	@touch $@

.PHONY: demo
demo: $(STAMP)  ## run a small real plan in the new folder holdfast-demo
	@rm -rf holdfast-demo
	@$(BIN)/holdfast demo

.PHONY: fast
fast: $(STAMP)  ## lint, types and the quick tests, in less than a minute
	@$(BIN)/ruff check -q
	@$(BIN)/ruff format --check -q
	@$(BIN)/mypy --no-error-summary
	@$(PYTEST) -q tests/tidy tests/unit tests/property

.PHONY: check
check: $(STAMP)  ## lint, format, types, import arrows, house rules; a warning is an error
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q tests/tidy

.PHONY: test
test: check  ## all that CI checks: check, every test suite, the coverage gates
	rm -rf .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n $(JOBS) --durations=8 tests
	$(BIN)/coverage combine -q
	$(BIN)/coverage json -q -o .coverage-report.json
	$(BIN)/python tools/coverage_gate.py .coverage-report.json

.PHONY: crash
crash: $(STAMP)  ## the crash suite: a child is killed after the n-th write, for every n
	$(PYTEST) tests/crash

.PHONY: fuzz
fuzz: $(STAMP)  ## every fuzzer with a million inputs
	@for file in tests/fuzz/[!_]*.py; do echo "== $$file"; PYTHONPATH=. $(BIN)/python "$$file" --count 1000000 || exit 1; done

.PHONY: bench
bench: $(STAMP)  ## the measurements of bench/
	@$(BIN)/python bench/run.py

.PHONY: wheel
wheel: $(STAMP)  ## build the wheel, install it in a new environment, run its demo
	@sh tools/try_wheel.sh

.PHONY: ci
ci: wheel test  ## what the project's CI runs
