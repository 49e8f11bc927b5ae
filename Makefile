# make demo   a synthetic data set, analysed with both packages; prints where its reports are
# make story  why the packages differ on one run, told on one page of that data set
# make test   the whole test suite
# make docs   the documentation as a site, build/site; with the demo's pages where `make demo` has made them
# make fuzz   every reader of others' files with many random inputs (FUZZ=2000 each)
# They make the environment (.venv) by themselves from Python 3.11 or newer; nothing else is needed. make demo and
# make story install what running needs, everything else also the tests' packages and tools.

VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo
JOBS ?= 2

# Two busy cores with as many BLAS threads each are slower than with one.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

# One environment in three parts, each with a stamp. The version of a checkout is that of its commit: it is registered
# anew when that has changed.
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
OWN := $(VENV)/.own
HEAD := $(wildcard .git/logs/HEAD)

.PHONY: demo story test docs fuzz lint types format lock boutiques container container-test install venv dist clean

demo: install
	$(BIN)/bidsglm demo $(OUT)

story: install
	$(BIN)/bidsglm demo --story $(OUT)

test: venv
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

# Offline: the site's scripts and letters come with its packages. A warning or a dead link is an error.
docs: venv
	@rm -rf build/site
	DOCS_DEMO=$(OUT) $(BIN)/python -m sphinx -q -W --keep-going -d build/doctrees docs build/site
	@echo "build/site/index.html"

FUZZ ?= 2000

fuzz: venv
	BIDSGLM_FUZZ=$(FUZZ) $(BIN)/python -m pytest -n $(JOBS) tests/hostile/test_fuzz.py $(ARGS)

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: venv
	$(BIN)/mypy

install: $(OWN)

venv: $(DEV) $(OWN)

$(RUN): requirements.lock
	@sh .ci/make-venv $(VENV) run
	@touch $@

# Only what has nothing but the first part is added to: what was interrupted may look whole to pip.
$(DEV): requirements-dev.lock $(RUN)
	@[ ! -e $(VENV)/.adding ] || { sh .ci/make-venv $(VENV) run && touch $(RUN); }
	@touch $(VENV)/.adding
	@sh .ci/make-venv $(VENV) dev
	@touch $@

$(OWN): pyproject.toml $(RUN) $(HEAD)
	@sh .ci/make-venv $(VENV) own
	@touch $@

# After a change to the command line.
boutiques: install
	$(BIN)/bidsglm --bids-exec-spec > boutiques.json

# The BIDS App with docker, podman or apptainer, whichever is there first, or ENGINE=podman; docs/container.md.
container:
	sh container/build.sh

container-test: container install
	@rm -rf build/container-test
	@mkdir -p build
	sh container/demo.sh $(BIN)/python build/container-test
	sh container/test.sh build/container-test

# Wheel and sdist as a release has them, in dist: checked, installed into an empty environment, and the demo run from it.
dist:
	.ci/package dist

# Newer versions of everything, on purpose: make lock, then make test.
lock:
	@rm -rf build/uv
	python3 -m venv build/uv
	build/uv/bin/python -m pip install --quiet --upgrade pip uv
	sh .ci/make-lock build/uv/bin/uv
	@rm -rf build/uv

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
	find bidsglm tests -name __pycache__ -type d -exec rm -r {} +
