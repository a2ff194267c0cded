# make demo: set up and open the app.   make test: set up and run every test.
# make bench: set up and compare the speed of liverseg and its peers with what was measured before.
PYTHON ?= python3
PORT ?= 7860
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# A thread for each test process: two run at once, and more threads than processors wait for each other.
TEST := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest

.PHONY: demo test test-served test-cohort test-app test-train coverage bench lint audit clean

demo: $(VENV)/.app
	$(VENV)/bin/python app.py --port $(PORT)

# Training forks loader processes; a process that holds inference engines, their threads and a server has
# crashed at that, so the parts run apart, and at the same time: a test waits more than it computes.
test: $(VENV)/.dev
	$(MAKE) --jobs 4 --output-sync=target --no-print-directory test-served test-cohort test-app test-train

# The page and its API, in Chromium and over HTTP: mostly waiting.
SERVED := tests/scenarios/browser tests/liverseg/app
# A cluster of Ray on this machine, which is started and killed.
COHORT := tests/liverseg/cohort
# Behind the cluster's, which are the first to end.
REGISTRY := tests/registry registry
FUZZING := tests/fuzzing fuzzing

test-served: $(VENV)/.dev
	$(TEST) $(SERVED)

test-cohort: $(VENV)/.dev
	$(TEST) $(COHORT)
	$(TEST) $(REGISTRY)
	$(TEST) $(FUZZING)

test-app: $(VENV)/.dev
	$(TEST) tests liverseg --ignore=tests/train $(addprefix --ignore=,$(SERVED) $(COHORT) $(REGISTRY) $(FUZZING))

test-train: $(VENV)/.dev
	$(TEST) tests/train train

# Branches of the pure core that its own tests and doctests reach; fails below the floor in pyproject.toml.
CORE_TESTS := tests/liverseg/core tests/liverseg/analysis tests/liverseg/rendering
coverage: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m coverage run -m pytest $(CORE_TESTS) liverseg/core liverseg/analysis liverseg/rendering
	$(VENV)/bin/python -m coverage report

bench: $(VENV)/.bench
	$(VENV)/bin/python -m liverseg bench --guard

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/python -m mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: $(VENV)/bin/python requirements.txt constraints.txt
	$(PIP) --requirement requirements.txt
	touch $@

$(VENV)/.dev: $(VENV)/.app pyproject.toml
	$(PIP) --editable '.[train,dev,mcp,cohort]'
	touch $@

$(VENV)/.bench: $(VENV)/.app pyproject.toml
	$(PIP) --editable '.[train,bench]'
	touch $@

# Asks the advisory databases about every pinned version; needs a network.
audit: $(VENV)/bin/python
	$(PIP) pip-audit
	$(VENV)/bin/python -m pip_audit --requirement constraints.txt --no-deps --disable-pip

clean:
	rm -rf $(VENV) build *.egg-info
