# `make help` lists what there is. The first two are all that a newcomer needs: `make demo`, `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= outputs/demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-faults lint format bench clean

help:  ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-11s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev,export,lite0,sweep,tensorboard,mlflow,dashboard]'
	@touch $(STAMP)

demo: $(STAMP)  ## environment, then the main job on drawn faces (about 3 minutes on 2 cores); again: only what is missing
	$(BIN)/python -m mer.run +experiment=synthetic_loso hydra.run.dir=$(DEMO)

test: $(STAMP)  ## the tests, without the slow ones
	$(BIN)/python -m pytest -n auto -m 'not slow'

test-all: $(STAMP)  ## all tests
	$(BIN)/python -m pytest -n auto

test-faults: $(STAMP)  ## injected faults: kills, flipped bits, full disks, hostile files; counts by kind at the end
	$(BIN)/python -m pytest -n auto tests/faults

lint: $(STAMP)  ## format, style, types, direction of imports
	$(BIN)/ruff format --check mer tests
	$(BIN)/ruff check mer tests
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## rewrite the sources in house format
	$(BIN)/ruff format mer tests
	$(BIN)/ruff check --fix mer tests

bench: $(STAMP)  ## cost of every attention unit in ResNet-10, as ratios to none (about 5 minutes)
	$(BIN)/python -m mer.benchmark model --depth 10

clean:  ## remove what was built; keeps data, caches and outputs
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
