# make demo: set up .venv and serve the app.   make test: set up .venv and run every test.
# make bench: set up .venv, compare the speed of liverseg with that of other libraries, and check the ratios
#             against their baseline.
PYTHON ?= python3
PORT ?= 7860
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# One thread for each test process: several run at the same time, and more threads than processors slow all down.
TEST := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest

.PHONY: demo test test-served test-cohort test-app test-train coverage bench lint audit clean

demo: $(VENV)/.app
	$(VENV)/bin/python app.py --port $(PORT)

# Training forks loader processes, and forking a process that holds inference engines, their threads and a
# server has crashed. The parts therefore run in separate processes; they run in parallel, because tests wait
# more than they compute.
test: $(VENV)/.dev
	$(MAKE) --jobs 4 --output-sync=target --no-print-directory test-served test-cohort test-app test-train

# The page in Chromium. These tests mostly wait.
SERVED := tests/scenarios/browser
# Ray clusters on this machine, which the tests start and kill.
COHORT := tests/liverseg/cohort
# Run after the tests of cohorts, which finish first.
PAGE := tests/liverseg/app
REGISTRY := tests/registry registry
FUZZING := tests/fuzzing fuzzing

test-served: $(VENV)/.dev
	$(TEST) $(SERVED)

test-cohort: $(VENV)/.dev
	$(TEST) $(COHORT)
	$(TEST) $(REGISTRY)
	$(TEST) $(FUZZING)
	$(TEST) $(PAGE)

test-app: $(VENV)/.dev
	$(TEST) tests liverseg --ignore=tests/train $(addprefix --ignore=,$(SERVED) $(PAGE) $(COHORT) $(REGISTRY) $(FUZZING))

test-train: $(VENV)/.dev
	$(TEST) tests/train train

# Branch coverage of the pure rooms by their own tests and doctests; fails below `fail_under` in pyproject.toml.
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

# Queries the advisory databases for every pinned version; needs a network.
audit: $(VENV)/bin/python
	$(PIP) pip-audit
	$(VENV)/bin/python -m pip_audit --requirement constraints.txt --no-deps --disable-pip

clean:
	rm -rf $(VENV) build *.egg-info
