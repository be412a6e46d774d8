# hwq: `make` alone lists what there is to do.
.DEFAULT_GOAL := help
SHELL := /bin/bash

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# Tests that run side by side.
JOBS ?= 2
# 1 for the deep setting of sim, bench, fuzz, formal and mutants.
DEEP ?= 0

.PHONY: help setup demo test lint sim docs golden bench fuzz coverage formal mutants clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing: virtual environment, Python packages, simulators
	@bash scripts/setup.sh

demo: setup ## build the shipped digits network into build/demo: quantise, generate, verify, report
	$(BIN)/hwq build examples/digits/model.onnx --calib examples/digits/calib.npz -o build/demo
	$(BIN)/hwq simulate build/demo/net.hwq examples/digits/test.npz -o build/demo-out.npz
	$(BIN)/python examples/digits/evaluate.py build/demo-out.npz

test: setup ## run every test and lint
	@mkdir -p build
	$(PYTEST) -n $(JOBS) --dist worksteal --junitxml build/test.xml

lint: setup ## check style, types, import order and RTL
	$(PYTEST) tests/lint

sim: setup ## simulate all modules, operations and networks on both simulators; DEEP=1: every case; results in build/sim.xml
	@mkdir -p build
	HWQ_DEEP=$(DEEP) $(PYTEST) rtl_sim tests/conformance -n $(JOBS) --dist worksteal -m "icarus or verilator" --junitxml build/sim.xml

docs: setup ## write docs/operations.md again, from the code and the tables of other pages
	$(BIN)/python scripts/operations.py

golden: setup ## write the golden files again; look at the difference before you commit it
	HWQ_GOLDEN=write $(PYTEST) tests/golden

bench: setup ## measure accuracy, cycles and times of the demo network; DEEP=1: of all networks
	$(BIN)/python benchmarks/simulator.py $(if $(filter 1,$(DEEP)),--deep --peers)
	$(BIN)/python benchmarks/run.py $(if $(filter 1,$(DEEP)),--deep --no-cache)
	$(BIN)/python benchmarks/layers.py $(if $(filter 1,$(DEEP)),,--networks squeeze_excite)
	$(BIN)/python benchmarks/accuracy.py --tools hwq $(if $(filter 1,$(DEEP)),,--models digits)
	$(BIN)/python benchmarks/imports.py $(if $(filter 1,$(DEEP)),--deep)
	$(BIN)/python benchmarks/hardware.py $(if $(filter 1,$(DEEP)),--deep)
	$(BIN)/python benchmarks/verification.py $(if $(filter 1,$(DEEP)),--deep)

fuzz: setup ## attack hwq with new random networks and bad files for 5 minutes; DEEP=1: for two hours
	$(BIN)/python proof/networks/run.py --jobs $(JOBS) --seconds $(if $(filter 1,$(DEEP)),5400,200) --json build/fuzz.json
	$(BIN)/python proof/files/run.py --seconds $(if $(filter 1,$(DEEP)),1800,60)

coverage: setup ## run every test and measure which lines of hwq and of the RTL they run; fails below 95 %
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/python -m coverage run -m pytest -n $(JOBS) --dist worksteal
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report
	$(BIN)/python proof/coverage/rtl.py --jobs $(JOBS)

formal: setup ## prove the RTL library: the quick proofs; DEEP=1: all of them, mutants and netlists too
	$(BIN)/python proof/formal/run.py $(if $(filter 1,$(DEEP)),--deep)

mutants: setup ## break the RTL (a sample of 3 %) and hwq/arith.py on purpose: some minutes; DEEP=1: everything, for hours
	$(BIN)/python proof/mutation/rtl/campaign.py $(if $(filter 1,$(DEEP)),--share 1 --killers 40 --deep)
	$(BIN)/python proof/mutation/rtl/equivalence.py
	$(BIN)/python proof/mutation/rtl/benches.py
	$(BIN)/python proof/mutation/rtl/score.py
	$(BIN)/python proof/mutation/python.py $(if $(filter 1,$(DEEP)),,--module hwq/arith.py)

clean: ## remove what was built; .venv and the cache of simulators stay
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find hwq tests rtl_sim templates benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +
