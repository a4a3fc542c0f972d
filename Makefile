# The few commands of this project, the same for people, hooks and CI. Needs Python 3.11, git and make; nothing else.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
# VERBOSE=1 shows everything that DVC and the stages print, of demo and repro.
VERBOSE ?=
# Where torch comes from: a Linux machine without a GPU saves 2 GB by naming PyTorch's index of CPU builds here.
TORCH_INDEX ?=

BIN := $(abspath .venv/bin)
STAMP := .venv/.installed-$(shell cat pyproject.toml constraints.txt | git hash-object --stdin)
# pip names every search location that a machine does not have; errors stay visible.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --progress-bar off --constraint constraints.txt
QUIET := 2> >(grep -v -e 'Location .* is ignored' >&2)
# Stages are started as `python -m components.<stage>`: the environment's python, the working folder's code.
export PATH := $(BIN):$(PATH)
export GX_ANALYTICS_ENABLED := false

.PHONY: help setup demo repro test test-slow test-cluster lint format results ui pipeline images clean

help:  ## What there is to type
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

setup: $(STAMP)  ## Make .venv with the pinned versions (nothing to do when it is up to date)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the pinned packages into .venv (a few minutes the first time) ..."
	@$(PIP) torch $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(QUIET)
	@$(PIP) --editable '.[train,pipeline,openvino,search,edf,dev]' $(QUIET)
	@rm -f .venv/.installed-*
	@touch $@

demo: setup  ## The whole pipeline on a simulated cohort, in build/demo (about 3 minutes; 8 on a slow core)
	@python -m pipelines.workspace build/demo --profile profiles/simulated.yaml --run $(if $(VERBOSE),--verbose)

repro: setup  ## The whole pipeline on the data that params.yaml names; redoes only what changed
	@bedside repro $(if $(VERBOSE),--verbose)

test: setup  ## The default tests (a few minutes)
	@python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-slow: setup  ## Pipelines run for real: three launchers, kills, the browser
	@python -m pytest --numprocesses 2 --dist loadfile -m '(slow or browser) and not docker and not cluster and not gpu'

test-cluster: setup  ## MLflow, scheduled runs, kills and outages on the cluster that KUBECONFIG names
	@python -m pytest -m cluster -rs tests/cluster

lint: setup  ## Formatting, lint, types
	@ruff format --check .
	@ruff check .
	@mypy

format: setup  ## Put the formatting right, and what lint can correct by itself
	@ruff format .
	@ruff check --fix .

results: setup  ## Write the results of the last `make repro` into README.md and docs/results
	@bedside results --write

ui: setup  ## MLflow's pages of `make repro` (STORE=build/demo for the demo's)
	@cd $(or $(STORE),.) && bedside ui

pipeline: setup  ## Compile the Kubeflow pipeline to build/compress.yaml
	@python -m pipelines.compress --out build/compress.yaml

images:  ## Build the container images (docs/how-to/build-images.md)
	@docker/build.sh

clean:  ## Remove what tests, builds and the demo left (not the environment, not artifacts)
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
