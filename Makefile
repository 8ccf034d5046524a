# Voicekeeper: `make demo` shows it, `make test` proves it. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= gpu01
FAULT ?= crash
LOCKS := remediator/requirements.lock tts_app/requirements.lock tests/requirements.lock

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.done: $(LOCKS)
	@echo "== Python packages into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==0.13.9"
	@for lock in $(LOCKS); do $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $$lock || exit 1; done
	@touch $@

setup: $(VENV)/.done ## install the Python packages, and the Debian packages when root
	@bash tests/debian_packages.sh

lock: ## compute the lock files from the pinned direct requirements
	@for part in remediator tts_app tests; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" -o $$part/requirements.lock $$part/requirements.txt $$([ $$part = tests ] && echo "-c remediator/requirements.lock -c tts_app/requirements.lock") || exit 1; done

lint: setup ## ruff, mypy --strict, ansible-lint production, shellcheck
	@$(BIN)/python -m tests.suites lint

test: setup ## lint, unit, playbooks, browser and one pass of each first fault on the lab
	@$(BIN)/python -m tests.suites

test-all: setup ## the same, with the slow tests
	@$(BIN)/python -m tests.suites --slow

demo: setup ## boot a fleet, deploy it, print where to look and how to break it
	@$(BIN)/python -m tests.lab demo

demo-down: ## remove every trace of the demo
	@$(BIN)/python -m tests.lab demo-down

break: ## make break HOST=gpu01 FAULT=crash
	@$(BIN)/python -m tests.lab break demo $(HOST) $(FAULT)

heal: ## make heal HOST=gpu01 FAULT=crash
	@$(BIN)/python -m tests.lab heal demo $(HOST) $(FAULT)

status: ## what the demo's fleet is doing, as JSON
	@$(BIN)/python -m tests.lab status

observe: $(VENV)/.done ## no root: the remediator alone, replaying recorded alerts in observe mode
	@$(BIN)/python -m tests.lab observe

bench: setup ## timings, side by side in one run, into docs/speed.md; about 40 minutes on a machine that does nothing else
	@$(BIN)/python -m bench --write

.PHONY: help setup lock lint test test-all demo demo-down break heal status observe bench
