# The two commands of this project are `make demo` and `make test`; STACK=addons runs them on TensorFlow 2.15 with
# Keras 2.15 and TensorFlow Addons instead of the current TensorFlow with Keras 3.
STACK ?= current
PYTHON ?= python3
# Another Python beside it: make test PYTHON=python3.13 VENV=.venv-3.13
VENV := .venv-$(STACK)
# TensorFlow 2.15 has no wheels for newer ones.
PYTHONS := $(if $(filter addons,$(STACK)),3.11,3.11 3.12 3.13)
BIN := $(VENV)/bin
# The CPU wheel is a third of the size; with a GPU (or GPU=1) the full one with its CUDA libraries is installed.
GPU ?= $(if $(shell command -v nvidia-smi 2>/dev/null),1,)
TENSORFLOW := $(if $(GPU),tensorflow[and-cuda],tensorflow-cpu)
# Tests run in so many processes, each file in one of them.
WORKERS ?= 2
# In the order that tests/conftest.py gives the files, longest first; by itself xdist begins with those of most tests.
IN_PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PYTEST_ARGS ?=
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: setup demo test test-slow lint format docs wheel clean

# An environment that is there stays what it is: asked for another Python, say so rather than go on with this one.
setup: $(VENV)/ready
	@[ "$(origin PYTHON)" != "command line" ] || [ "$$($(PYTHON) -V)" = "$$($(BIN)/python -V)" ] || { \
	  echo "$(VENV) has $$($(BIN)/python -V), $(PYTHON) is $$($(PYTHON) -V): remove it, or add VENV=.venv-NAME"; exit 1; }

$(VENV)/ready: requirements/$(STACK).txt setup.py
	@case " $(PYTHONS) " in *" $$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])') "*) ;; *) \
	  echo "The $(STACK) stack needs Python $(PYTHONS), $(PYTHON) is $$($(PYTHON) -V): add PYTHON=python3.11"; exit 1;; esac
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	sed 's/^tensorflow-cpu==/$(TENSORFLOW)==/' requirements/$(STACK).txt > $(VENV)/requirements.txt
	$(BIN)/pip install --quiet -r $(VENV)/requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

demo: setup
	$(BIN)/python scripts/demo.py --workdir=runs/demo-$(STACK)

test: setup
	$(BIN)/python -m pytest $(IN_PARALLEL) $(PYTEST_ARGS)

test-slow: setup
	$(BIN)/python -m pytest $(IN_PARALLEL) --slow -m "slow or large" $(PYTEST_ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The static site of README, guides and docstrings, in build/site/; it reads the package's files and needs no TensorFlow.
docs: .venv-docs/ready
	.venv-docs/bin/sphinx-build --quiet --fail-on-warning --keep-going -c docs -d build/doctrees . build/site
	@echo "The site is at build/site/index.html"

.venv-docs/ready: requirements/docs.txt
	rm -rf .venv-docs
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet -r requirements/docs.txt
	touch $@

wheel: setup
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean:
	rm -rf .venv-* build dist *.egg-info runs
