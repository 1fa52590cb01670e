# Everything the course can be asked to do. Thin on purpose: each recipe is what one would type.
# On Windows, or without make, the README has the same commands.
#
#   PYTHON=python3.12   another interpreter (3.11 or newer)
#   VENV=.venv          where the environment lives
#   TORCH=cpu           PyTorch's own CPU wheels (Linux without a GPU: 0.2 instead of 3 GB)
#   ARGS="..."          handed on to JupyterLab or pytest
#   WORKERS=2           how many tests run at a time

# `:=`, because some systems have a NAME of their own in the environment; the command line still wins.
PYTHON  ?= python3
VENV    := .venv
WORKERS := 2
ARGS    :=
NB      :=
NAME    :=
RUN     := $(VENV)/bin/python
# A file stays on one worker; in the order of collection, so that the long browser file begins early.
BY_FILE := --dist loadfile --no-loadscope-reorder
FIRST   := lab/tree/notebooks/00_start_here.ipynb

PIP_FLAGS := --disable-pip-version-check
ifeq ($(TORCH),cpu)
PIP_FLAGS += --extra-index-url https://download.pytorch.org/whl/cpu
endif

.DEFAULT_GOAL := help
.PHONY: help lab project site test test-fast notebooks seeds experiments bench docs lint clean

help:  ## this list
	@echo "make TARGET [VARIABLE=value ...]"
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{printf "  %-12s %s\n", $$1, $$2}'
	@sed -n 's/^#   \([A-Z]*=.*\)/  \1/p' Makefile

lab: $(VENV)/.lab  ## set up, and open JupyterLab at the first notebook (ARGS="--no-browser --port 8899")
	$(RUN) -m jupyterlab --LabApp.default_url=/$(FIRST) $(ARGS)

project: $(VENV)/.project  ## every widget for a lecture hall, one at a time, in large type (ARGS="--port=8877")
	COURSE_CONTEXT=projector JUPYTER_PATH=$(CURDIR)/deploy/projector $(RUN) -m voila notebooks/gallery.ipynb \
	  --template=course --Voila.ip=127.0.0.1 --Voila.auto_token=True \
	  --VoilaConfiguration.extension_denylist='["jupyterlab-jupytext"]' $(ARGS)

site: $(VENV)/.site  ## the course as static pages, in build/site: for readers without Jupyter
	$(RUN) tools/website.py

test: $(VENV)/.dev  ## set up, and run every test (ARGS="-k solvers")
	$(RUN) -m pytest -n $(WORKERS) $(BY_FILE) $(ARGS)

test-fast: $(VENV)/.dev  ## library and style: no notebook run, no browser, no install; about a minute
	$(RUN) -m pytest -n $(WORKERS) $(BY_FILE) -m "not (notebook or browser or install or slow)" $(ARGS) tests

notebooks: $(VENV)/.dev  ## execute notebooks in place (NB=04 for one, NB="03 04", ARGS=--check)
	$(RUN) tools/execute_notebooks.py $(ARGS) $(NB)

seeds: $(VENV)/.dev  ## execute notebooks with COURSE_SEED 0 to 4, print claims and margins (NB=04)
	$(RUN) tools/execute_notebooks.py --seed 0-4 $(NB)

experiments: $(VENV)/.dev  ## run the scripts that make data/results (NAME=depth for one)
	@set -e; for script in $(or $(NAME:%=experiments/%.py),$(wildcard experiments/[a-z]*.py)); do \
	  echo "$$script"; $(RUN) $$script; done

bench: $(VENV)/.dev  ## measure beside the peers, and write benchmarks/results/ (NAME=gradients for one)
	@set -e; for name in $(or $(NAME),solvers gradients traces); do $(RUN) -m benchmarks.$$name; done

docs: $(VENV)/.dev  ## write what is generated: CLAIMS.md, the README's tables and badges, binder/
	$(RUN) -m course_lib.claims
	$(RUN) tools/binder.py
	$(RUN) tools/readme.py

lint: $(VENV)/.dev  ## ruff for code and notebooks
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

clean:  ## remove caches and builds; the environment stays (remove it by hand: rm -rf .venv)
	rm -rf build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -print | xargs rm -rf

# An environment is made once, and again when a file that it was made from is newer.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make TARGET PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.lab: $(VENV)/bin/python requirements.txt pyproject.toml
	@echo "Installing into $(VENV): some minutes the first time."
	$(RUN) -m pip install $(PIP_FLAGS) -r requirements.txt -e .
	@touch $@

$(VENV)/.project: $(VENV)/.lab requirements-project.txt
	$(RUN) -m pip install $(PIP_FLAGS) -r requirements-project.txt
	@touch $@

$(VENV)/.site: $(VENV)/.lab requirements-site.txt
	$(RUN) -m pip install $(PIP_FLAGS) -r requirements-site.txt
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements.txt requirements-dev.txt requirements-project.txt requirements-site.txt pyproject.toml
	@echo "Installing into $(VENV): some minutes the first time."
	$(RUN) -m pip install $(PIP_FLAGS) -r requirements-dev.txt -e .
	@touch $@ $(VENV)/.lab
