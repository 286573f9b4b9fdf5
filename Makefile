# Two commands do it all on a fresh machine: `make up` and `make test`.
PYTHON ?= python3
TOOLCHAIN := $(PYTHON) -m toolchain.bootstrap
BIN := .venv/bin
# dev (Service Mesh 2) or mesh3 (Service Mesh 3): make up STACK=mesh3
CHOSEN := $(if $(STACK),--stack $(STACK))
# Many processes import the same modules, and none is to compile them anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup up preview down start stop mesh verify env test test-fast bench lint format docs site lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: ## provide what the rest needs: engine, plugins, API server (all in .venv and .toolchain)
	@$(TOOLCHAIN) setup

up: ## set up, start the local cluster, `pulumi up` on a stack (dev, or STACK=mesh3), a summary
	@$(TOOLCHAIN) up $(CHOSEN)

preview: ## show what `make up` would change
	@$(TOOLCHAIN) preview $(CHOSEN)

down: ## `pulumi destroy`, then stop the local cluster and remove its data
	@$(TOOLCHAIN) down $(CHOSEN)

start: ## start the local cluster only
	@$(TOOLCHAIN) start

stop: ## stop the local cluster, keep its data
	@$(TOOLCHAIN) stop

mesh: ## after `make up`: Knative's operator, istiod and Envoy on the local cluster; curl through them
	@$(TOOLCHAIN) mesh $(CHOSEN)

verify: ## after `make mesh`: `serverless-mesh verify` asks the stack's own service through the mesh
	@$(TOOLCHAIN) verify $(CHOSEN)

env: ## print shell lines for using pulumi and kubectl by hand: eval "$$(make -s env)"
	@$(TOOLCHAIN) env

test-fast: ## the tests that need no cluster, in under a minute
	@$(TOOLCHAIN) env > /dev/null
	@$(BIN)/pytest --quiet --numprocesses 2 -m "not e2e" tests/unit tests/policy tests/docs

test: ## every test
	@$(TOOLCHAIN) setup --mesh
	@# More processes than two cores, since tests also wait.
	@$(BIN)/pytest --numprocesses 4 --dist loadscope --no-loadscope-reorder

bench: ## measure the rules, what the pack adds to a preview, and `check` beside istioctl
	@$(TOOLCHAIN) setup --mesh --bench
	@$(BIN)/python -m bench all

lint: setup ## ruff, mypy and the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/mypy policy/__main__.py
	@PYTHONPATH=policy:. $(BIN)/lint-imports

format: setup ## let ruff fix what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup ## generate Pulumi.yaml's schema and the references in docs/
	@$(BIN)/python -m toolchain.docs

site: setup ## build the documentation as a site, in the folder site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "site/index.html"

lock: setup ## renew both lock files from pyproject.toml
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --extra build --extra dev pyproject.toml --output-file requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --extra build --constraint requirements-dev.txt \
		pyproject.toml --output-file requirements.txt

clean: down ## remove everything that the commands made
	@rm -rf .venv .toolchain
