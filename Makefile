# `make run` and `make test` are all a newcomer needs; both set up .venv first.
.DEFAULT_GOAL := help
BIN := .venv/bin
CODE := core client operator images scripts tests benchmarks
MEMBERS := core images/gateway images/runtime images/llmproxy client operator
DOCKERFILES := images/gateway images/runtime images/llmproxy operator
VERSION := 0.1.0
CLUSTER ?= codelab
KIND_IMAGE ?= kindest/node:v1.34.2
DOCKER ?= docker
# Some machines forbid caches of bytecode: then every worker and every command compiles everything.
export PYTHONDONTWRITEBYTECODE :=

.venv/.ready: requirements/dev.txt pyproject.toml $(MEMBERS:=/pyproject.toml)
	scripts/uv venv --quiet --allow-existing --python '>=3.12' .venv
	scripts/uv pip sync --quiet --require-hashes requirements/dev.txt
	scripts/uv pip install --quiet --no-deps $(MEMBERS:%=-e ./%)
	touch $@

.PHONY: setup run test fmt lint types generate check images kind e2e chart load help

setup: .venv/.ready ## prepare .venv with the pinned dependencies

run: setup ## the whole system on this machine, with a task on a sample project (ARGS=--once: no prompt after it)
	$(BIN)/codelab demo $(ARGS)

test: check ## lint, types, contracts, unit and integration tests
	$(BIN)/pytest -q -n 4 --dist worksteal tests/unit tests/integration tests/*.py $(ARGS)

fmt: setup ## format the code
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .

lint: setup ## format and lint, nothing is changed
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/codespell

types: setup ## mypy --strict over everything
	$(BIN)/mypy --num-workers 2 $(CODE)

generate: setup ## write what is generated from the types
	$(BIN)/python scripts/generate.py

check: lint types ## lint, types, import contracts, generated files, pinned dependencies
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/generate.py --check
	scripts/lock --check

images: ## the four container images, by the tags that the chart and compose name
	set -e; for folder in $(DOCKERFILES); do name=codelab/$${folder##*/}; \
	    $(DOCKER) build --quiet -t $$name:$(VERSION) -t $$name:dev -f $$folder/Dockerfile .; done

kind: images ## a kind cluster with operator and sample agent, and the chart's own test in it
	kind create cluster --name $(CLUSTER) --image $(KIND_IMAGE) --wait 60s
	kind load docker-image $(foreach folder,$(DOCKERFILES),codelab/$(notdir $(folder)):$(VERSION)) --name $(CLUSTER)
	-if $(DOCKER) image inspect redis:8.0 >/dev/null 2>&1; then \
	    kind load docker-image redis:8.0 --name $(CLUSTER); fi # else the node fetches it itself
	helm install codelab-agent charts/codelab-agent --set agent.create=true --wait
	kubectl wait --for=condition=Ready cla/agent --timeout=300s
	helm test codelab-agent

e2e: setup ## tests of images, compose and a kind cluster of their own; after `make images`
	$(BIN)/pytest -q tests/e2e $(ARGS)

chart: setup ## tests of the chart and of skaffold.yaml; they need helm and skaffold
	$(BIN)/pytest -q tests/chart $(ARGS)

load: setup ## 100 WebSockets, 10 requests a second, 5 minutes (ARGS='--duration 60': shorter)
	scripts/load-test.sh $(ARGS)

help: ## this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## (.*)/  make \1	\2/' | expand -t 18
