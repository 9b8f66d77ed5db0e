# Everything a developer or a CI machine does. Needs python3 (3.11 or newer) and make, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
# What `make test` installs. Tests of an extra that is not named here are skipped.
TEST_EXTRAS ?= dev,train,torch,keras,quantize
TEST_STAMP := $(VENV)/.test-stamp-$(TEST_EXTRAS)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format docs clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create .venv with Belvedere and the developer tools

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Belvedere needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>/dev/null || echo missing)." >&2; \
	  echo "Name a newer one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## Train on 30 drawn pictures, evaluate, score new ones; writes demo/
	$(BIN)/belvedere demo demo

$(TEST_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(TEST_EXTRAS)]'
	@touch $@

test: $(TEST_STAMP) ## Run all tests, the slow ones too
	$(BIN)/python -m pytest -q $(PYTEST_ARGS)

lint: $(STAMP) ## Linters, types, layers, and the manual (strict)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(STAMP) ## Format the code and apply safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## Serve the manual on http://127.0.0.1:8000
	$(BIN)/mkdocs serve

clean: ## Remove what builds and tests left behind (not .venv)
	rm -rf build dist site demo .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests tools benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +
