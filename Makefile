# The same commands on a laptop and in CI. `make build` and `make test` set up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SPARK := .venv-spark
WAREHOUSES := .venv-warehouses
export DBT_PROFILES_DIR := $(CURDIR)
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.PHONY: help setup build test test-browser test-engines test-spark test-spark-cluster test-warehouses test-package test-deep wheel docs check format lock bench clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## Make .venv from requirements.lock

# An environment from a lock file, by uv where it is installed: $(call environment,directory,lock file,package to install beside it)
define environment
@if command -v uv >/dev/null 2>&1; then \
  uv venv --quiet --clear --python "$(PYTHON)" $(1) && \
  VIRTUAL_ENV="$(CURDIR)/$(1)" uv pip sync --quiet --require-hashes $(2) && \
  $(if $(3),VIRTUAL_ENV="$(CURDIR)/$(1)" uv pip install --quiet --no-deps --no-build-isolation $(3),:) ; \
else \
  $(PYTHON) -m venv --clear $(1) && \
  $(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes --requirement $(2) && \
  $(if $(3),$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(3),:) ; \
fi
@touch $@
endef

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"Segmentry needs Python 3.11 to 3.13, found {v[0]}.{v[1]}. Name another one: make setup PYTHON=python3.12")'
	$(call environment,$(VENV),$<,--editable .)

build: setup ## Build segments, tests and report from the shipped demo
	$(BIN)/dbt build --exclude-resource-type unit_test
	$(BIN)/segmentry report --database warehouse.duckdb --output output

test: setup ## Run the tests, but for those of the other test commands
	$(BIN)/pytest

test-engines: setup ## Build on a PostgreSQL server of its own and compare with DuckDB (needs Debian's postgresql)
	$(BIN)/pytest -m postgres --numprocesses=0 tests/python/test_postgres.py

test-package: setup ## Test the wheel, the use as a dbt package and the examples
	$(BIN)/pytest tests/package

wheel: setup ## Build dist/segmentry-*.whl, which carries the dbt project
	rm -rf build dist
	$(BIN)/python -c 'from setuptools.build_meta import build_wheel; print("dist/" + build_wheel("dist"))' | tail -n 1
	rm -rf build

# An environment of its own: whoever only builds and tests does not wait for it.
.venv-docs/.ready: docs/requirements.txt
	$(call environment,.venv-docs,$<)

docs: setup .venv-docs/.ready ## Build the documentation site, strictly, into target/site
	$(BIN)/dbt parse --quiet
	$(BIN)/python scripts/docs_pages.py target/manifest.json target/docs
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

test-deep: setup ## Test merges on 20,000 random histories, kinds on 20 data sets of each law, and all property tests on more examples
	SEGMENTRY_HISTORIES=20000 SEGMENTRY_EXAMPLES=500 $(BIN)/pytest tests/python/test_merges.py tests/python/test_identity.py
	SEGMENTRY_SETS=20 $(BIN)/pytest tests/python/test_evidence.py tests/python/test_recovery.py

test-browser: setup ## Test the report in headless Chromium
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || test -x "$$SEGMENTRY_CHROMIUM" || \
	  { echo "No browser found. Install Chromium (Debian: apt-get install chromium), or name one: make test-browser SEGMENTRY_CHROMIUM=/path/to/chrome"; exit 1; }
	$(BIN)/pytest -m browser tests/python/test_browser.py --numprocesses=0

test-spark: $(SPARK)/.ready ## Run the tests on Spark (makes .venv-spark; needs Java 17)
	$(SPARK)/bin/pytest -m spark --numprocesses=0 tests/python/test_spark.py

test-spark-cluster: $(SPARK)/.ready ## Run the build on a master and two workers of Spark (needs Java 17)
	$(SPARK)/bin/pytest -m spark_cluster --numprocesses=0 tests/python/test_spark_cluster.py

$(SPARK)/.ready: requirements-spark.lock pyproject.toml
	$(call environment,$(SPARK),$<,--editable .)

test-warehouses: $(WAREHOUSES)/.ready ## Parse and render for five more warehouses, and build on an imitation of Snowflake (makes .venv-warehouses)
	$(WAREHOUSES)/bin/pytest -m warehouses --numprocesses=0 tests/python/test_warehouses.py

$(WAREHOUSES)/.ready: requirements-warehouses.lock pyproject.toml
	$(call environment,$(WAREHOUSES),$<,--editable .)

check: setup ## Lint, type-check and parse strictly
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/dbt parse --no-partial-parse --warn-error --quiet
	$(BIN)/sqlfluff lint --processes 2 models tests

format: setup ## Format Python and SQL
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --processes 2 models tests

bench: setup ## Measure; prints a table and writes benchmarks/results
	$(BIN)/python benchmarks/run.py

lock: ## Resolve the dependencies again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-emit-index-url --extra dev --upgrade pyproject.toml --output-file requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-emit-index-url --extra dev --extra spark --constraint requirements.lock pyproject.toml --output-file requirements-spark.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-emit-index-url --extra warehouses --upgrade pyproject.toml --output-file requirements-warehouses.lock

clean: ## Remove what a build leaves behind
	rm -rf target logs output published warehouse.duckdb warehouse.duckdb.wal
