# make demo   a synthetic data set, analysed with both packages; prints where its reports are
# make story  why the packages differ on one run, told on one page of that data set
# make test   the whole test suite
# make docs   the documentation as a site, build/site; with the demo's pages where `make demo` has made them
# make fuzz   every reader of others' files with many random inputs (FUZZ=2000 each)
# They make the environment (.venv) by themselves from Python 3.11 or newer; nothing else is needed.

VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo
JOBS ?= 2

# Two busy cores with as many BLAS threads each are slower than with one.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: demo story test docs fuzz lint types format lock boutiques container container-test venv clean

demo: venv
	$(BIN)/bidsglm demo $(OUT)

story: venv
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

venv: $(VENV)/.installed

$(VENV)/.installed: requirements-dev.lock pyproject.toml
	@sh .ci/make-venv $(VENV)
	@touch $@

# After a change to the command line.
boutiques: venv
	$(BIN)/bidsglm --bids-exec-spec > boutiques.json

# The BIDS App with docker, podman or apptainer, whichever is there first, or ENGINE=podman; docs/container.md.
container:
	sh container/build.sh

container-test: container venv
	@rm -rf build/container-test
	@mkdir -p build
	sh container/demo.sh $(BIN)/python build/container-test
	sh container/test.sh build/container-test

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
