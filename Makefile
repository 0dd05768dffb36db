# Two commands: `make table1` runs the main job, `make test` passes the tests.
.DELETE_ON_ERROR:
.PHONY: help environment table1 test test-cluster lint lock clean

PYTHON ?= python3
BIN := .venv/bin
CORES ?= all
export PATH := $(CURDIR)/$(BIN):$(PATH)

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

environment: .venv/ready  ## create .venv with the locked packages

table1: .venv/ready  ## run the whole default pipeline to results/table1.csv
	snakemake --cores $(CORES) results/table1.csv

test: .venv/ready  ## run the tests
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive pytest -n 2 --dist loadfile tests

test-cluster: .venv/ready  ## run the pipeline through a real SLURM that the test starts (needs slurmd)
	@command -v slurmctld slurmd sbatch > /dev/null \
	  || { echo "SLURM is not installed; Debian: apt install slurmctld slurmd slurm-client"; exit 1; }
	SRNET_CLUSTER=1 OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive pytest tests/workflow/test_cluster.py

lint: .venv/ready  ## check style, types and rules
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

lock: .venv/ready  ## write requirements.lock and envs/srnet.yaml from this .venv
	$(BIN)/python envs/lock.py
	touch .venv/ready

clean:  ## remove results, keep the environment
	rm -rf results .snakemake
