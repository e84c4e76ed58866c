# Every command works on a fresh clone: what it needs, it installs into .venv first.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench migration lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

demo: .venv/run ## play a day at the shop: bot + a simulated WeCom on this machine (Ctrl-C ends it)
	$(BIN)/xiaoer demo

test: .venv/dev ## every test; what this machine lacks is named at the end
	$(BIN)/python -m tests.setup_machine
	$(BIN)/python -m pytest

check: .venv/dev ## format, lint, strict types, import contracts, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/docs

format: .venv/dev ## rewrite the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/dev ## benchmarks: ratios to a peer or a limit in the same run
	@for file in bench/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

migration: .venv/dev ## write the next migration from the tables: make migration m="what changes"
	$(BIN)/python -m bot.migrations "$(m)"
	$(BIN)/ruff format bot/migrations/versions

lock: .venv/dev ## renew requirements/*.lock (hashes, no URLs)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --upgrade --generate-hashes --universal --no-emit-index-url --no-header --python-version 3.11 --quiet -o requirements/dev.lock
	$(BIN)/uv pip compile pyproject.toml --extra postgresql --generate-hashes --universal --no-emit-index-url --no-header --no-annotate --python-version 3.11 --quiet -c requirements/dev.lock -o requirements/run.lock

clean: ## remove what these commands made
	rm -rf .venv .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "小二 needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv

# One install per lock file; the stamp says which one the venv holds.
.venv/run: requirements/run.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	@touch $@

.venv/dev: requirements/dev.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	@touch $@ .venv/run
