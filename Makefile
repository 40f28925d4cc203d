# `make run` and `make test` do their whole set-up; they need Python 3.11+ and make, nothing else.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# what Lambda runs, at the versions of dev.txt: deploy/bundle.py says for which Python and processor
LOCK_LAMBDA := uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" \
	--python-version 3.13 --python-platform aarch64-manylinux_2_28 -c requirements/dev.txt --extra lambda
PIP := -m pip install --quiet --disable-pip-version-check

.PHONY: help setup setup-sam run test test-parts test-whole test-deployed test-core lint bench lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: .venv/.ready .venv-aws/.ready ## what run and test need, into .venv and .venv-aws

.venv/.ready: requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11 or newer on the PATH."; exit 1; }
	@echo "Installing Parley's packages into .venv: a minute or two, once."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Install Python's venv module (Debian: apt install python3-venv)."; exit 1; }
	@$(BIN)/python $(PIP) --require-hashes -r requirements/dev.txt
	@$(BIN)/python $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# ministack pins its own botocore, so it has an environment of its own
.venv-aws/.ready: requirements/aws.txt
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11 or newer on the PATH."; exit 1; }
	@echo "Installing the local AWS into .venv-aws: half a minute, once."
	@test -x .venv-aws/bin/python || $(PYTHON) -m venv .venv-aws
	@.venv-aws/bin/python -m pip --version >/dev/null 2>&1 || .venv-aws/bin/python -m ensurepip -q
	@.venv-aws/bin/python $(PIP) --require-hashes -r requirements/aws.txt
	@touch $@

setup-sam: .venv-sam/.ready ## what deploys, and tests the deployment, into .venv-sam

# as is --no-deps: the list is whole, and some pips take an extra in it for another requirement
.venv-sam/.ready: requirements/sam.txt
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11 or newer on the PATH."; exit 1; }
	@test -x .venv-sam/bin/python || $(PYTHON) -m venv .venv-sam
	.venv-sam/bin/python $(PIP) --no-deps --require-hashes -r requirements/sam.txt
	@touch $@

run: setup ## everything on this machine; prints the page's address
	$(BIN)/parley run

lint: setup ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint setup-sam ## style, types and all tests (a Chromium is needed for the page's)
	@$(BIN)/python -c "from local.opensearch.files import home; home()"
	@$(BIN)/python -m tests.independent.parts
	@$(MAKE) --no-print-directory -j3 test-parts test-whole test-deployed test-core

# side by side: most of the latter two's is waiting for other processes
test-parts:
	@$(BIN)/python -m pytest --ignore=tests/e2e --ignore=tests/deploy

# tests of the core that need no other process, once more: the tracer makes all of test-parts slow
test-core:
	@$(BIN)/coverage run -m pytest tests/core/turn tests/core/values tests/core/rates tests/core/people tests/core/runtime tests/core/wording
	@$(BIN)/coverage report

test-whole:
	@$(BIN)/python -m pytest tests/e2e

test-deployed:
	@$(BIN)/python -m pytest tests/deploy

bench: setup ## the benchmarks, a few minutes; prints tables
	$(BIN)/python -m benchmarks

lock: setup ## resolve requirements anew (needs uv on the PATH)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --all-extras -o requirements/dev.txt pyproject.toml
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -o requirements/aws.txt requirements/aws.in
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -o requirements/sam.txt requirements/sam.in
	@$(LOCK_LAMBDA) --extra slack -o requirements/lambda-slack.txt pyproject.toml
	@$(LOCK_LAMBDA) --extra teams -o requirements/lambda-teams.txt pyproject.toml
	@$(LOCK_LAMBDA) --extra worker -o requirements/lambda-worker.txt pyproject.toml
	@$(LOCK_LAMBDA) --extra ingestion -o requirements/lambda-ingester.txt pyproject.toml
	@$(LOCK_LAMBDA) -o requirements/lambda-schedule.txt pyproject.toml
	uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -c requirements/dev.txt --extra serve -o requirements/container.txt pyproject.toml

clean: ## remove what setup made
	rm -rf .venv .venv-aws .venv-sam .aws-sam .mypy_cache .ruff_cache .pytest_cache
