# `make` lists what there is. Everything lives in .venv; set PYTHON to choose the Python it is made from.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help run up test check lint bench bench-rivals bench-journeys proof soak lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.runtime ## Run the shipped campaigns on real purchases and show what was sent, what was not, and why
	@$(BIN)/dangol demo

up: .venv/.runtime ## Run web, workers and scheduler in this one process
	@$(BIN)/dangol up

# Many tests wait for servers and for processes of their own rather than work, so there are more processes than cores.
# Without compiled modules, each of the processes that tests start would compile dangol anew, for seconds.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/.dev ## Run the whole test suite, one process more than there are cores
	@$(BIN)/python -m pytest --dist worksteal --numprocesses "$$($(BIN)/python -c 'import os; print(1 + (os.cpu_count() or 1))')"

check: lint ## Check style, types, import contract, docs, the shipped workspace and the demo
	$(BIN)/python -m pytest tests/docs
	$(BIN)/dangol demo --json

lint: .venv/.dev ## Check what the test suite does not: style, types, import contract and the shipped workspace
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/dangol check

bench: .venv/.dev ## Measure sending over HTTP against rivals, in 10 minutes (needs PostgreSQL and redis-server)
	@$(BIN)/python -m bench

bench-rivals: .venv/.made ## Install what django-post-office needs, which `make bench` measures against
	@$(PYTHON) -m venv bench/rivals/post_office/.venv
	@bench/rivals/post_office/$(PIP) install --require-hashes -r bench/rivals/post_office/requirements.txt

bench-journeys: .venv/.dev ## Measure events and timers among 1,000,000 waiting journeys (needs PostgreSQL)
	@$(BIN)/python -m bench.journeys

proof: .venv/.dev ## Prove under load that caps, consents and quiet hours hold, in its long form (needs PostgreSQL)
	@$(BIN)/python -m tests.acceptance.load

soak: .venv/.dev ## Let everything fall over, again and again, in the long form (needs PostgreSQL, Redis and RabbitMQ)
	@$(BIN)/python -m tests.acceptance.faults

lock: ## Renew the locked requirements after a change in pyproject.toml (needs uv)
	$(LOCK) --group build -o requirements/runtime.txt
	$(LOCK) --group dev -o requirements/dev.txt
	$(subst pyproject.toml,bench/rivals/post_office/requirements.in,$(LOCK)) -o bench/rivals/post_office/requirements.txt

clean: ## Remove the environment, caches and the embedded database
	rm -rf .venv .dangol .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp says that its step is done; a step is done again when what it was made from changes.

.venv/.made:
	@command -v "$(PYTHON)" >/dev/null || { echo "error: $(PYTHON) is not there; install Python 3.11 or newer, or call make PYTHON=…" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: dangol needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" -V 2>&1); call make PYTHON=…" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) cannot make environments; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	@touch $@

.venv/.runtime: .venv/.made requirements/runtime.txt pyproject.toml
	@echo "Installing what dangol needs into .venv (once)…"
	@$(PIP) install --require-hashes -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.runtime requirements/dev.txt
	@echo "Installing what its development needs (once)…"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
