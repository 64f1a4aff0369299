# Every target makes what it needs first; `make help` lists them. Nothing but Python 3.11+, make and a package registry.
.DEFAULT_GOAL := help
.PHONY: help setup demo check test clean
PYTHON ?= python3
BIN := .venv/bin

# commands read these; make itself runs in the repository, wherever it is called from
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
export DBT_PROFILES_DIR := $(CURDIR)
export DBT_TARGET_PATH := $(CURDIR)/.cascade/dbt_target
export DBT_LOG_PATH := $(CURDIR)/.cascade/dbt_logs

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: .venv/.complete ## make .venv from pyproject.toml and constraints.txt

.venv/.complete: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup ## scrape two creators of the sandbox, enrich, show the cascade
	@$(BIN)/cascade demo

check: setup ## the fast loop: lint, types, unit tests, dbt parse (under 90 s)
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --nocolor --disable-progress-bar --processes 2 dbt_project/models dbt_project/tests
	$(BIN)/dbt --quiet parse --no-partial-parse --project-dir dbt_project
	$(BIN)/pytest -q -m unit

test: check ## every test, the fast loop included
	$(BIN)/pytest -q -n 2 -m 'not unit'

clean: ## stop the embedded Postgres and forget all it holds, the demo's data included
	@test ! -x $(BIN)/cascade || $(BIN)/cascade database --stop
	rm -rf .cascade
