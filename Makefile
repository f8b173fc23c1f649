PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo test corpora format lock wheel clean
help:  ## Show what there is to make
	@sed -n 's/^\([a-z]*\):.*  ## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

$(READY): requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || \
	  { echo "The desk needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is not: try make PYTHON=python3.13"; exit 1; }
	@echo "Making .venv …"
	@$(PYTHON) -m venv --clear .venv || { echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --no-build requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)  ## Run the whole desk on this machine, on one page
	@exec $(BIN)/python -m tests.playground

test: $(READY) wheel corpora  ## Check everything that must hold, then run the tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -n 4 --dist worksteal

wheel: $(READY)  ## Build the wheel and run it without the development dependencies
	@$(BIN)/python -m tests.wheel

corpora: $(READY)  ## Fetch real mails that others give away for tests
	@$(BIN)/python -m tests.corpora

format: $(READY)  ## Put the code in form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(READY)  ## Renew requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: \
	  --no-emit-index-url --no-header --no-annotate pyproject.toml --extra postgres --extra pdf --group dev --upgrade \
	  -o requirements.lock > /dev/null

clean:  ## Remove what was made
	@rm -rf .venv dist build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
