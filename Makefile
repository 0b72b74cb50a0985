# Every target sets up what it needs. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo check test test-fast bench schemas clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## make the virtual environment .venv with pinned versions
$(STAMP): pyproject.toml configs/constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c configs/constraints.txt -e '.[dev]'
	@touch $@

demo: setup  ## build, verify and show the sample release
	$(BIN)/artsound build --config configs/demo.toml
	$(BIN)/artsound verify --config configs/demo.toml

check: setup  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup  ## all tests
	$(BIN)/pytest -q

test-fast: setup  ## without servers, browsers and whole builds
	$(BIN)/pytest -q -m 'not slow'

bench: setup  ## side-by-side measurements; see bench/RESULTS.md
	$(BIN)/python -m bench

schemas: setup  ## write schemas/*.json from artsound/tables.py
	$(BIN)/python -m artsound.schemas

clean:  ## remove what was built; keeps .venv
	rm -rf build
