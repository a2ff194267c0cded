# make demo: set up and open the app.   make test: set up and run every test.
PYTHON ?= python3
PORT ?= 7860
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# A thread for each test process: two run at once, and more threads than processors wait for each other.
TEST := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest

.PHONY: demo test test-app test-train coverage lint clean

demo: $(VENV)/.app
	$(VENV)/bin/python app.py --port $(PORT)

# Training forks loader processes; a process that holds inference engines, their threads and a server has
# crashed at that, so the two halves run apart, and at the same time: a test waits more than it computes.
test: $(VENV)/.dev
	$(MAKE) --jobs 2 --output-sync=target --no-print-directory test-app test-train

test-app: $(VENV)/.dev
	$(TEST) tests liverseg registry --ignore=tests/train

test-train: $(VENV)/.dev
	$(TEST) tests/train train

# Branches of the pure core that its own tests and doctests reach; fails below the floor in pyproject.toml.
CORE_TESTS := $(filter-out %segmenter.py %_line.py %_batch.py %_command.py,$(wildcard tests/liverseg/test_*.py))
coverage: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m coverage run -m pytest $(CORE_TESTS) liverseg
	$(VENV)/bin/python -m coverage report

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
	$(PIP) --editable '.[train,dev,mcp]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
