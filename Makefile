# Two commands do all the set-up: `make demo` and `make test`. Both make their own environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench chaos constraints clean

demo: $(READY)
	@$(BIN)/saga demo

test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

# `make bench PEERS=1` measures others too; BENCH takes any option of `python -m benchmarks`, such as --quick.
bench: $(READY)
	$(BIN)/python -m benchmarks $(if $(PEERS),--peers) $(BENCH)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "saga needs Python 3.11 or newer: make PYTHON=python3.12 $@")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

chaos: $(READY)
	$(BIN)/python tests/chaos $(CHAOS)

constraints:
	rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	(echo '# Versions that the tests passed with. Made by: make constraints'; $(BIN)/python -m pip freeze --exclude-editable) > constraints.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
