# `make demo` and `make test` need Python 3.10 to 3.13, pip and a package
# index; everything else they set up themselves, in .venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test lint bench faults clean

demo: $(READY)
	$(BIN)/python scripts/demo.py

test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python benchmarks/images.py
	$(BIN)/python benchmarks/scratch.py
	$(BIN)/python benchmarks/ways.py vgg16
	$(BIN)/python benchmarks/ways.py mobilenet_v2
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/cold_start.py
	$(BIN)/python benchmarks/checkpoints.py

# Kills two hundred trainings, and lets one in three of the system calls of ten
# commands fail; writes what came of it.
faults: $(READY)
	$(BIN)/python tests/faults/harness.py --kills 200 --processes 2 \
	  --minutes 120 --write docs/reliability.md
	$(BIN)/python tests/faults/disks.py --every 3 --minutes 120 \
	  --write docs/reliability.md

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find tlkit scripts tests -name __pycache__ -type d -exec rm -rf {} +

# Debian's python3 comes without the venv module's pip; virtualenv has its own.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' \
	  || { echo "tlkit needs Python 3.10 to 3.13; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) || { \
	  $(PYTHON) -m pip install --user virtualenv && \
	  $(PYTHON) -m virtualenv --clear $(VENV); }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)
