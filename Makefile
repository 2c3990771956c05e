# Everything a developer types; `make help` prints this list.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ROOTS := model codecs topology agents connectors stores broker services api cli
RECORDS ?= 200000
SEED ?= 1
SIDE_BY_SIDE := --dist loadfile --no-loadscope-reorder
# where this is set, each of a thousand processes compiles everything anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types unit integration chaos bench docs lock clean profile
.PHONY: bench-enrichers
.PHONY: bench-latency bench-growth bench-workers bench-start bench-hop bench-packing bench-pii

help: ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(VENV)/.ready ## make .venv with the pinned packages

$(VENV)/.ready: requirements-dev.lock pyproject.toml setup.py
	@test -n "$(PYTHON)" || { echo "penstock needs Python 3.11, 3.12 or 3.13 on the path"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "penstock needs Python 3.11 to 3.13, this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## start a real Kafka, run the bundled pipeline, print what happened
	@$(BIN)/penstock demo

test: lint types unit integration chaos-short ## every check

lint: setup ## ruff: style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Type checkers do not follow package-dir in an editable install: one link a root makes the namespace visible.
.mypy/penstock: setup
	@mkdir -p $@ && for root in $(ROOTS); do ln -sfn ../../$$root $@/$$root; done

types: .mypy/penstock ## mypy, strict, over everything
	MYPYPATH=.mypy $(BIN)/mypy $(addprefix -p penstock.,$(ROOTS))

unit: setup ## tests without a broker
	$(BIN)/pytest -q -n 3 $(SIDE_BY_SIDE) --durations 5 -m "not integration and not chaos"

integration: setup ## tests on a real Kafka
	$(BIN)/pytest -q -n 4 $(SIDE_BY_SIDE) --durations 5 -m "integration" $$(grep -rl --include 'test_*.py' 'mark[.]integration' tests)

SOAK := tests/chaos/scenarios/test_soak.py

.PHONY: chaos-short
chaos-short: setup
	CHAOS_SEED=$(SEED) $(BIN)/pytest -q -n 3 $(SIDE_BY_SIDE) --durations 9 -m chaos tests/chaos/scenarios --ignore $(SOAK)
	CHAOS_SEED=$(SEED) $(BIN)/pytest -q -m chaos $(SOAK)

# what promises how long a partition may stand still has the machine to itself
ALONE := $(addprefix tests/chaos/scenarios/,test_kills.py test_storm.py)

chaos: setup ## every fault at its full size, up to 80 minutes, counted by an outside oracle (SEED=7 draws others)
	PENSTOCK_CHAOS_SEED=$(SEED) $(BIN)/pytest -q -m chaos tests/chaos tests/protocol --ignore tests/chaos/scenarios
	CHAOS_SIZE=full CHAOS_SEED=$(SEED) $(BIN)/pytest -q -rP -m chaos $(ALONE)
	CHAOS_SIZE=full CHAOS_SEED=$(SEED) $(BIN)/pytest -q -rP -n 2 $(SIDE_BY_SIDE) -m chaos tests/chaos/scenarios $(addprefix --ignore ,$(ALONE) $(SOAK))
	CHAOS_SIZE=full CHAOS_SEED=$(SEED) $(BIN)/pytest -q -s -m chaos $(SOAK)

bench: setup ## one job side by side with its peers (RECORDS=20000 is the short one)
	$(BIN)/python bench/run.py --records $(RECORDS)

bench-latency bench-growth bench-workers bench-start bench-hop bench-packing: setup
	$(BIN)/python bench/$(PROGRAM)

bench-latency: PROGRAM = latency.py
bench-latency: ## how long a record takes at half of the greatest rate
bench-growth: PROGRAM = growth.py $(if $(SHORT),--short)
bench-growth: ## what grows with records, partitions, bytes and time; 25 minutes (SHORT=1: 3)
bench-workers: PROGRAM = workers.py
bench-workers: ## two workers, each pinned to a core, against one
bench-start: PROGRAM = starting.py
bench-start: ## from the start of a worker to its first record, and a large table back
bench-hop: PROGRAM = hops.py
bench-hop: ## what one more stage costs that does nothing
bench-packing: PROGRAM = packing.py
bench-packing: ## what compression costs, in CPU time and bytes

profile: setup ## where a worker's CPU time goes, as text in docs/profile.txt
	$(BIN)/python bench/sampled.py --text docs/profile.txt

bench-pii: setup ## what is found of personal data and how fast, beside Presidio
	$(BIN)/python bench/pii.py

bench-enrichers: setup ## what each enricher costs a record, for docs/reference/enrichers.md (ONLY=geoip,hash)
	$(BIN)/python bench/enrichers.py $(if $(ONLY),--only $(ONLY))
	$(BIN)/python -m penstock.cli.reference

.PHONY: bench-language
bench-language: setup ## how often language is right, beside CLD2, fastText and lingua (DATA=file of language<TAB>text)
	$(BIN)/python bench/language.py $(DATA)
	$(BIN)/python -m penstock.cli.reference

docs: setup ## generate the reference pages from the code
	$(BIN)/python -m penstock.cli.reference

lock: setup ## pin the newest versions that pyproject.toml allows
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --extra s3 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url -c requirements.lock --extra dev --extra s3 pyproject.toml -o requirements-dev.lock

clean: ## remove what the other targets made
	rm -rf $(VENV) .mypy .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
