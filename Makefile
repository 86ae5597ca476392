# `make run` and `make test` are all a newcomer needs; both set up .venv first.
.DEFAULT_GOAL := help
BIN := .venv/bin
CODE := core client operator images scripts tests benchmarks
MEMBERS := core images/gateway images/runtime images/llmproxy client operator
# Some machines forbid caches of bytecode: then every worker and every command compiles everything.
export PYTHONDONTWRITEBYTECODE :=

.venv/.ready: requirements/dev.txt pyproject.toml $(MEMBERS:=/pyproject.toml)
	scripts/uv venv --quiet --allow-existing --python '>=3.12' .venv
	scripts/uv pip sync --quiet --require-hashes requirements/dev.txt
	scripts/uv pip install --quiet --no-deps $(MEMBERS:%=-e ./%)
	touch $@

.PHONY: setup run test fmt lint types generate check help

setup: .venv/.ready ## prepare .venv with the pinned dependencies

run: setup ## the whole system on this machine, with a task on a sample project (ARGS=--once: no prompt after it)
	$(BIN)/codelab demo $(ARGS)

test: check ## lint, types, contracts, unit and integration tests
	$(BIN)/pytest -q -n 4 tests/unit tests/integration tests/*.py $(ARGS)

fmt: setup ## format the code
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .

lint: setup ## format and lint, nothing is changed
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/codespell

types: setup ## mypy --strict over everything
	$(BIN)/mypy $(CODE)

generate: setup ## write what is generated from the types
	$(BIN)/python scripts/generate.py

check: lint types ## lint, types, import contracts, generated files, pinned dependencies
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/generate.py --check
	scripts/lock --check

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/' | expand -t 18
