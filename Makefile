# Two commands: `make lab` opens the first lesson, `make test` runs the checks. `make help` lists the rest.

# Left empty, .make/setup.sh looks for a Python >= 3.11 itself.
PYTHON ?=
# wheel: the mpich wheel, inside .venv. site: the mpiexec on PATH. What .venv was made with stays the default.
MPI = $(or $(patsubst .venv/ready-%,%,$(wildcard .venv/ready-*)),wheel)
# Asked for the CPU build of torch only where pip's own index has none.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

READY = .venv/ready-$(MPI)
RUN = .venv/bin/python

.PHONY: help setup lab test test-all check bench bench-memory bench-overlap bench-shaped bench-scaling-shaped bench-simgrid bench-bits bench-losses bench-lbfgs bench-optimizers bench-dashboard bench-repaint bench-break-even bench-what-if bench-held-out clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-20s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "make setup PYTHON=/path/to/python3.11   with a Python of your choice"
	@echo "make setup MPI=site                     with the mpiexec on PATH instead of the mpich wheel"
	@echo "make setup TORCH_INDEX=URL              with another index for the CPU build of torch"

setup: $(READY) ## create .venv with everything in it (once; 1-2 minutes)

lab: $(READY) ## open JupyterLab on the first lesson, or print its address where there is no display
	@$(RUN) -m pdekit lab $(ARGS)

test: check ## ruff, unit tests, rank tests, lessons, browser
test-all: check ## the same and the slow tests
test: SLOW = and not slow

# Unit tests two at a time, then what needs the cores for itself. ARGS may leave no test in one of them: pytest's status 5.
test test-all:
	$(RUN) -m pytest -n 2 --dist worksteal -m "unit $(SLOW)" tests $(ARGS) $(if $(ARGS),|| [ $$? = 5 ])
	$(RUN) -m pytest --nbval-lax -m "not unit $(SLOW)" $(ARGS) $(if $(ARGS),|| [ $$? = 5 ])

check: $(READY) ## ruff alone: lint and format
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

bench: $(READY) ## seconds per step against DDP, threads and a perfect machine; communication, memory
	@$(RUN) -m tests.benchmarks.steps $(ARGS)

bench-memory: $(READY) ## bytes per rank with the optimizer's state whole and in parts
	@$(RUN) -m tests.benchmarks.memory $(ARGS)

bench-overlap: $(READY) ## gradients after backward or during it, on networks of 10 to 0.1 Gb/s
	@$(RUN) -m tests.benchmarks.overlap $(ARGS)

bench-shaped: $(READY) ## the same over TCP on shaped cables (needs root on Linux), and what the model says of it
	@$(RUN) -m tests.benchmarks.shaped $(ARGS)

bench-scaling-shaped: $(READY) ## allreduces between two to eight nodes on shaped cables (needs root on Linux), fitted and predicted
	@$(RUN) -m tests.benchmarks.scaling_shaped $(ARGS)

bench-simgrid: $(READY) ## the model of an allreduce against SimGrid, to 1,024 hosts (needs smpirun)
	@$(RUN) -m tests.benchmarks.simgrid $(ARGS)

bench-bits: $(READY) ## what the same bits on any number of ranks cost
	@$(RUN) -m tests.benchmarks.reproducible $(ARGS)

bench-losses: $(READY) ## what the loss and the Galerkin head cost, alone and in a step
	@OMP_NUM_THREADS=1 $(RUN) -m tests.benchmarks.losses $(ARGS)

bench-lbfgs: $(READY) ## evaluations of L-BFGS against torch's to the same losses
	@OMP_NUM_THREADS=1 $(RUN) -m tests.benchmarks.lbfgs $(ARGS)

bench-dashboard: $(READY) ## what the dashboard costs a step, with a browser on this machine (ARGS=--browser) or without
	@$(RUN) -m tests.benchmarks.dashboard $(ARGS)

bench-repaint: $(READY) ## what a repaint of the dashboard's figure costs a browser, by plotly and as a sketch
	@OMP_NUM_THREADS=1 $(RUN) -m tests.benchmarks.repaint $(ARGS)

bench-break-even: $(READY) ## training and inference against multigrid, from what on it pays (eight minutes)
	@OMP_NUM_THREADS=1 $(RUN) -m tests.benchmarks.break_even $(ARGS)

bench-what-if: $(READY) ## milliseconds from a slider of the what-if to its new curves
	@OMP_NUM_THREADS=1 $(RUN) -m tests.benchmarks.what_if $(ARGS)

bench-held-out: $(READY) ## what the model of a measurement (ARGS=FILE.jsonl of `pdekit scale`) says of what it was not given
	@$(RUN) -m tests.benchmarks.held_out $(ARGS)

bench-optimizers: $(READY) ## methods x problems x batches: seconds, epochs and messages to the same loss (hours)
	@OMP_NUM_THREADS=1 $(RUN) -m tests.benchmarks.optimizers $(ARGS)

clean: ## remove .venv and everything else that make and the tests wrote
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis tests/artifacts
	find . -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml .make/constraints.txt .make/setup.sh
	@PYTHON="$(PYTHON)" MPI="$(MPI)" TORCH_INDEX="$(TORCH_INDEX)" sh .make/setup.sh
