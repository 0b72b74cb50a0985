# Every target sets up what it needs. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv does not read pip's settings: hand on where else wheels lie, if pip is told
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python -c configs/constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo train-demo check test test-fast bench reference rivals schemas clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.core  ## make .venv with pinned versions; enough to build, verify and show
$(VENV)/.core: pyproject.toml configs/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, for example: make PYTHON=python3.11 setup")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(INSTALL) -e '.[dev,cpu,graph,models,clap,imagebind,publish,train]'
	$(INSTALL) --no-deps laion-clap==1.1.7 imagebind-unofficial==0.1.1
	@touch $@

demo: setup  ## build and verify the sample release, and say where its audit page is
	$(BIN)/artsound build --config configs/demo.toml
	$(BIN)/artsound verify --config configs/demo.toml --deep

train-demo: $(VENV)/.dev  ## from a release to a small model, music for five paintings, an evaluation page
	[ -e build/train-demo/build.toml ] || $(BIN)/artsound train synthetic build/train-demo --pairs 1000
	$(BIN)/artsound build --config build/train-demo/build.toml
	$(BIN)/artsound train prepare --config build/train-demo/train.toml
	$(BIN)/artsound train run --config build/train-demo/train.toml
	for image in met_36131 met_437423 met_438754 met_459028 met_59669; do \
	  $(BIN)/artsound generate data/sample/artworks/$$image.jpg --model build/train-demo/run --out build/train-demo/generated || exit 1; \
	done
	$(BIN)/artsound evaluate build/train-demo/run build/train-demo/build/release/synthetic-1.0.0 --clips 100

check: $(VENV)/.dev  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(VENV)/.dev  ## all tests
	$(BIN)/pytest -q -n 2 --dist loadfile

test-fast: $(VENV)/.dev  ## without servers, browsers and whole builds
	$(BIN)/pytest -q -m 'not slow'

reference: build/reference/.made  ## other packages' metrics in an environment of their own, to compare ours with
build/reference/.made: bench/reference.txt $(VENV)/.core
	$(PYTHON) -m venv build/reference
	$(BIN)/uv pip install --quiet --python build/reference/bin/python numpy==1.26.4 scipy==1.14.1 scikit-learn==1.9.1 tqdm==4.70.1 torch==2.13.0
	$(BIN)/uv pip install --quiet --python build/reference/bin/python --no-deps -r bench/reference.txt
	@touch $@

rivals: build/rivals/.made  ## other packages' readers in an environment of their own, to compare our loader with
build/rivals/.made: bench/rivals.txt $(VENV)/.core
	$(PYTHON) -m venv build/rivals
	$(BIN)/uv pip install --quiet --python build/rivals/bin/python numpy==2.4.6 pyarrow==26.0.1 tqdm==4.70.1 torch==2.13.0
	$(BIN)/uv pip install --quiet --python build/rivals/bin/python --no-deps -r bench/rivals.txt
	@touch $@

bench: $(VENV)/.dev  ## side-by-side measurements; see bench/RESULTS.md
	$(BIN)/python -m bench

schemas: setup  ## write schemas/*.json from artsound/tables
	$(BIN)/python -m artsound.schemas

clean:  ## remove what was built; keeps .venv
	rm -rf build
