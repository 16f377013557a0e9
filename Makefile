# Everything sets itself up: a virtual environment in .venv, once, from requirements.lock.
.PHONY: forecast test test-long test-all setup checks lint tests wheel types contracts lock audit docs docs-cli docs-inventory docs-models docs-rooms docs-replay docs-picture ui clean
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WHEEL := .cache/wheel
MODULES := data features training forecast

# The next six months from the shipped counts; prints where the report is.
forecast: $(READY)
	@$(BIN)/harmattan forecast $(ARGS)

# Lint and import contracts on one core while the quick tests, with every docstring's example, take what is left.
test: $(READY)
	@$(MAKE) --no-print-directory --jobs 2 checks tests

# What takes longer: strict types, browser, notebook, Dask, kills, simulated worlds, servers.
test-long: types
	$(BIN)/pytest -q -n 2 -m slow

# Everything.
test-all: test
	@$(MAKE) --no-print-directory test-long

setup: $(READY)

# One of the two installs everything: uv in seconds, or pip where uv cannot be had.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is too old: Python 3.11 or newer is needed; set PYTHON=/path/to/python3." >&2; exit 1; }
	@echo "Setting up $(VENV), once ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check uv 2>/dev/null || true
	@if test -x $(BIN)/uv && $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock; then \
	   $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	 else \
	   echo "uv is not usable here, pip goes on (slower) ..." && \
	   $(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.lock && \
	   $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	 fi
	@touch $@

checks: lint contracts

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

tests: $(READY)
	$(BIN)/pytest -q -n 2 -m "not slow"

# Neither mypy nor the contracts can follow an editable install, so they read the wheel, which is built from a copy: no
# stale build/ gets in.
wheel: $(READY)
	@rm -rf $(WHEEL) && mkdir -p $(WHEEL)/source
	@cp -R pyproject.toml README.md LICENSE $(MODULES) $(WHEEL)/source
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  --wheel-dir $(WHEEL) $(WHEEL)/source
	@$(BIN)/python -m zipfile -e $(WHEEL)/harmattan-*.whl $(WHEEL)/site

types: wheel
	cd $(WHEEL)/site && MYPYPATH=. ../../../$(BIN)/mypy --config-file ../../../pyproject.toml \
	  --cache-dir ../../../.mypy_cache -p harmattan

# Which way imports run.
contracts: wheel
	@cd $(WHEEL)/site && PYTHONPATH=. ../../../$(BIN)/lint-imports ../../../pyproject.toml --no-cache --no-logo

# The tested versions, with hashes; those that are locked stay, unless UPGRADE=--upgrade.
lock: $(READY)
	$(BIN)/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes --extra dev --extra dask --extra tune --extra files --extra upload --extra docs --extra build \
	  --no-header --no-emit-index-url --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra upload --extra build --constraints requirements.lock \
	  --no-header --no-emit-index-url --output-file requirements-publish.lock pyproject.toml

# Known weaknesses of what a publishing machine installs; needs a network, and fails where it gets no record of a package.
audit: $(READY)
	$(BIN)/uv tool run pip-audit --strict --requirement requirements-publish.lock --require-hashes --disable-pip --progress-spinner off

# The documents as pages in site/, readable without a network; broken links and pages that nobody links to stop it.
docs: $(READY) docs-cli docs-models
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html; to search as well: $(BIN)/python -m http.server --directory site"

# The page of every command, from the program itself.
docs-cli: $(READY)
	@$(BIN)/python docs/make_cli.py

# The picture of the rooms, from the contracts of imports.
docs-rooms: $(READY)
	@$(BIN)/python docs/make_rooms.py

# What users rely on: commands, exit codes, settings, public names, and the newest release's files.
docs-inventory: $(READY)
	@$(BIN)/python docs/make_inventory.py

# The numbers on the page about models.
docs-models: $(READY)
	@$(BIN)/python docs/make_models.py

# The page that sets a forecast of August 2023 beside what followed.
docs-replay: $(READY)
	$(BIN)/python docs/make_replay.py

# The picture of the report in the README, from the newest release, with Debian's chromium and chromium-driver.
docs-picture: $(READY)
	$(BIN)/python docs/make_picture.py

# The runs, in a browser on this machine.
ui: $(READY)
	@$(BIN)/harmattan ui $(ARGS)

clean:
	rm -rf .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
