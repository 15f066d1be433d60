# The front door. Needs Python 3.11 or newer, git and make; everything else comes from PyPI into .venv.
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3.14 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
EXAMPLE := examples/flights

.PHONY: run test unit lint bench synth setup clean

run: $(VENV)/.run  ## set up, and run the flights workflow for all of 2013
	@$(BIN)/python $(EXAMPLE)/data.py
	@$(BIN)/headwater lake sync $(EXAMPLE)/data/raw raw --project $(EXAMPLE)
	@$(BIN)/headwater run --project $(EXAMPLE)

test: $(VENV)/.dev  ## set up, and run every test, the fast ones first
	$(BIN)/pytest -q -n auto tests/unit
	$(BIN)/pytest -q tests/conformance tests/integration

unit: $(VENV)/.dev
	$(BIN)/pytest -q -n auto tests/unit

lint: $(VENV)/.dev  ## black, flake8, bandit and mypy --strict
	$(BIN)/black --check -q src tests examples benchmarks infra
	$(BIN)/flake8 src tests examples benchmarks infra
	$(BIN)/bandit -q -r src -c pyproject.toml
	$(BIN)/mypy

bench: $(VENV)/.dev  ## the workflow against the same scripts by hand, and Step Functions against its peers
	$(BIN)/python -m benchmarks

synth: $(VENV)/.infra  ## the CDK app of infra/, into infra/cdk.out; needs no Node.js and no AWS account
	@cd infra && HEADWATER_PROJECT=../$(EXAMPLE) ../$(BIN)/python app.py
	@echo "synthesized infra/cdk.out"

setup: $(VENV)/.dev

clean:
	rm -rf $(VENV) .headwater infra/cdk.out $(EXAMPLE)/.headwater $(EXAMPLE)/data .mypy_cache .pytest_cache .hypothesis

$(VENV)/bin/pip:
	@test -n "$(PYTHON)" || { echo "error: Headwater needs Python 3.11 or newer; none was found on PATH" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Headwater needs Python 3.11 or newer; $(PYTHON) is not" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/pip requirements.txt pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.infra: $(VENV)/.run infra/requirements.txt
	$(BIN)/pip install -q --disable-pip-version-check -r infra/requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt infra/requirements.txt
	$(BIN)/pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@
