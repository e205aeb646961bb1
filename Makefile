# Two commands for a newcomer: `make demo` and `make test`. Everything else is for those who change the code.
PYTHON ?= python3
VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

LOWEST := $(VENV)-lowest
LOWEST_TESTS := tests/kit tests/scraper tests/dataset/test_alpha.py tests/dataset/test_decode.py tests/test_screen.py

.PHONY: demo test quick lowest check bench clean

demo: $(VENV)/.installed
	$(BIN)/vgc demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

quick: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --quick

# The lowest versions that setup.cfg allows: NumPy's is for Python 3.11 and 3.12.
lowest: $(LOWEST)/.installed
	$(LOWEST)/$(notdir $(BIN))/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --quick $(LOWEST_TESTS)

check: $(VENV)/.installed-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m release.audit

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks

clean:
	rm -rf build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "vgc needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# Editable, so that a change of the code needs no new installation; a change of setup.cfg does.
$(VENV)/.installed: $(BIN)/python setup.cfg
	@echo "installing PyTorch and the rest into $(VENV): a few minutes the first time"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(LOWEST)/.installed: setup.cfg tests/lowest.py
	$(PYTHON) -m venv --clear $(LOWEST)
	$(PYTHON) tests/lowest.py > $(LOWEST)/requirements.txt
	$(LOWEST)/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check --requirement $(LOWEST)/requirements.txt
	$(LOWEST)/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/.installed-%: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@
