# `make demo` and `make test` are the two commands of the README; each does all set-up by itself.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit covered rest programs bench campaign lock clean

help:            ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "goal-monitor needs Python 3.11 or newer; found $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q && apt-get install -qy python3-venv; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP)   ## set up and watch the whole main job on this machine (under a minute)
	$(BIN)/monitor demo

test: lint unit  ## set up, all checks, all tests

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/bandit -q -r monitor -c pyproject.toml

# What tests start for real: installed where set-up may, as root on Debian; elsewhere the tests say what they miss.
programs:
	@for each in mosquitto chromium postgresql; do \
	  PATH="$$PATH:/usr/sbin:$$(echo /usr/lib/postgresql/*/bin)" command -v $${each%ql} >/dev/null && continue; \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$each; } \
	  || echo "goal-monitor: $$each is not installed and set-up cannot do it here: the tests of $$each will fail; install it by hand" >&2; \
	done

# Two processes share the tests, so that one works while the other waits (tests/README.md). What they write is in memory
# where there is room: most commits of the tests would wait for a disk that no test cuts the power of.
SPREAD  := -n 2 --dist worksteal
SCRATCH := mktemp -d -p "$$([ "$$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 4000000 ] 2>/dev/null && echo /dev/shm || echo "$${TMPDIR:-/tmp}")" goal-monitor-XXXXXX
JUDGED  := judge agent watch

unit: $(STAMP) programs
	@scratch=$$($(SCRATCH)) && trap 'rm -rf "$$scratch"' EXIT && TMPDIR=$$scratch $(MAKE) --no-print-directory covered rest

covered:
	$(BIN)/python -m pytest $(SPREAD) $(JUDGED:%=tests/%) --cov --cov-report=
	@for room in $(JUDGED); do \
	  $(BIN)/coverage report --include="monitor/$$room/*" --fail-under=95 --format=total > /dev/null \
	  || { $(BIN)/coverage report --include="monitor/$$room/*" --show-missing; echo "monitor/$$room: branch coverage below 95 %"; exit 1; }; \
	done

rest:
	$(BIN)/python -m pytest $(SPREAD) $(JUDGED:%=--ignore=tests/%)

bench: $(STAMP)  ## print the benchmarks of bench/, each as a ratio against a floor of the same run
	$(BIN)/python -m bench

campaign: $(STAMP) ## the full figures of docs/reliability.md, in parts that go on where they stopped
	$(BIN)/python -m campaign

lock:            ## pin every dependency again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --all-extras --group dev pyproject.toml -o requirements.lock

clean:           ## remove what set-up made
	rm -rf $(VENV)
