# Everything the course can be asked to do. Thin on purpose: each recipe is what one would type.
# On Windows, or without make, the README has the same commands.
#
#   PYTHON=python3.12   another interpreter (3.11 or newer)
#   VENV=.venv          where the environment lives
#   TORCH=cpu           PyTorch's own CPU wheels (Linux without a GPU: 0.2 instead of 3 GB)
#   ARGS="..."          handed on to what the target runs: JupyterLab, pytest, …
#   WORKERS=2           how many tests run at a time
#   PEERS=all           bench: the solvers beside torchdyn, torchode and diffrax, in .venv-peers

# `:=`, because some systems have a NAME of their own in the environment; the command line still wins.
PYTHON  ?= python3
VENV    := .venv
WORKERS := 2
ARGS    :=
NB      :=
SEEDS   := 0-4
NAME    :=
PEERS   :=
RUN     := $(VENV)/bin/python
# A file stays on one worker; in the order of collection, so that the long browser file begins early.
BY_FILE := --dist loadfile --no-loadscope-reorder
FIRST   := lab/tree/notebooks/00_start_here.ipynb
BENCHMARKS := solvers operators gradients memory traces work_precision scaling

PIP_FLAGS := --disable-pip-version-check
ifeq ($(TORCH),cpu)
PIP_FLAGS += --extra-index-url https://download.pytorch.org/whl/cpu
endif

# JupyterLab would ask at its first start whether it may fetch news.
NO_NEWS := $(VENV)/bin/jupyter labextension disable "@jupyterlab/apputils-extension:announcements" >/dev/null 2>&1 || true

.DEFAULT_GOAL := help
.PHONY: help lab project site test test-fast attack mutants notebooks seeds faults grades smoke-hub experiments bench bench-course docs equations audit lint clean

help:  ## this list
	@echo "make TARGET [VARIABLE=value ...]"
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{printf "  %-12s %s\n", $$1, $$2}'
	@sed -n 's/^#   \([A-Z]*=.*\)/  \1/p' Makefile

lab: $(VENV)/.lab  ## set up, and open JupyterLab at the first notebook (ARGS="--no-browser --port 8899")
	$(RUN) -m jupyterlab --LabApp.default_url=/$(FIRST) $(ARGS)

project: $(VENV)/.project  ## every widget for a lecture hall, one at a time, in large type (ARGS="--port=8877")
	COURSE_CONTEXT=projector JUPYTER_PATH="$(CURDIR)/deploy/projector" $(RUN) -m voila notebooks/gallery.ipynb \
	  --template=course --Voila.ip=127.0.0.1 --Voila.auto_token=True \
	  --VoilaConfiguration.extension_denylist='["jupyterlab-jupytext"]' $(ARGS)

site: $(VENV)/.site  ## the course as static pages, in build/site: for readers without Jupyter
	$(RUN) tools/website.py

test: $(VENV)/.dev  ## set up, and run every test (ARGS="-k solvers")
	$(RUN) -m pytest -n $(WORKERS) $(BY_FILE) $(ARGS)

test-fast: $(VENV)/.dev  ## library and style: no notebook run, no browser, no install; about a minute
	$(RUN) -m pytest -n $(WORKERS) $(BY_FILE) -m "not (notebook or browser or install or slow)" $(ARGS) tests

attack: $(VENV)/.dev  ## solvers and gradients under 11,000 random attacks, half an hour (ARGS="-k gradient")
	$(RUN) -m pytest --hypothesis-profile=attack --timeout=1800 tests/test_attack.py $(ARGS)

mutants: $(VENV)/.dev  ## break every exercise's solution in many ways: are all noticed? (NB="04 06" for some)
	$(RUN) -m tools.mutate_exercises $(NB)

notebooks: $(VENV)/.dev  ## execute notebooks in place (NB=04 for one, NB="03 04", ARGS=--check)
	$(RUN) tools/execute_notebooks.py $(ARGS) $(NB)

seeds: $(VENV)/.dev  ## do all claims hold for COURSE_SEED 0 to 4, and with what margin? (NB=04 SEEDS=5-9)
	$(RUN) -m tools.seeds --seeds $(SEEDS) $(NB)

faults: $(VENV)/.dev  ## whole notebooks under what goes wrong in class: twice, offline, 1 GiB, … (NB="twice 05")
	$(RUN) -m tools.faults $(NB)

grades: $(VENV)/.lab  ## results of all checks in notebooks handed in (NAME=folder, ARGS=--regrade)
	$(RUN) -m tools.grades "$(NAME)" $(ARGS)

smoke-hub: $(VENV)-hub/.hub  ## three students on a local JupyterHub, in an environment of its own, .venv-hub
	$(VENV)-hub/bin/python deploy/jupyterhub/smoke.py $(ARGS)

experiments: $(VENV)/.dev  ## run the scripts that make data/results (NAME=depth for one)
	@set -e; for script in $(or $(NAME:%=experiments/%.py),$(wildcard experiments/[a-z]*.py)); do \
	  echo "$$script"; $(RUN) $$script; done

ifeq ($(PEERS),all)
bench: $(VENV)-peers/.peers
	$(VENV)-peers/bin/python -m benchmarks.solvers
else
bench: $(VENV)/.dev  ## measure beside the peers, and write benchmarks/results/ (NAME=gradients for one)
	@set -e; for name in $(or $(NAME),$(BENCHMARKS)); do $(RUN) -m benchmarks.$$name; done
endif

bench-course: $(VENV)/.dev  ## measure every notebook, and every widget in Chromium (NB="04 13": only these notebooks)
	$(RUN) -m benchmarks.course $(NB)
	$(if $(NB),,$(RUN) -m benchmarks.latency)

docs: $(VENV)/.dev  ## write what is generated: CLAIMS.md, EQUATIONS.md, the README's tables and badges, binder/
	$(RUN) -m course_lib.claims
	$(RUN) tools/equations.py
	$(RUN) tools/binder.py
	$(RUN) tools/readme.py
	$(RUN) tools/demos.py

equations: $(VENV)/.dev  ## write EQUATIONS.md: each numbered equation and the tests that name it
	$(RUN) tools/equations.py

audit: $(VENV)/.dev $(VENV)-audit/.done  ## known vulnerabilities of all that is installed; what nobody could ask for is listed
	$(VENV)-audit/bin/python tools/audit.py $(VENV)

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
	@$(NO_NEWS)
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
	@$(NO_NEWS)
	@touch $@ $(VENV)/.lab

$(VENV)-hub/.hub: deploy/jupyterhub/requirements.txt requirements.txt
	$(PYTHON) -m venv $(VENV)-hub
	$(VENV)-hub/bin/python -m pip install $(PIP_FLAGS) -r requirements.txt -r deploy/jupyterhub/requirements.txt
	$(VENV)-hub/bin/python -m ipykernel install --prefix $(VENV)-hub --env PYTHONPATH '$${HOME}/course'
	@touch $@

$(VENV)-peers/.peers: benchmarks/requirements-peers.txt requirements.txt
	$(PYTHON) -m venv $(VENV)-peers
	$(VENV)-peers/bin/python -m pip install $(PIP_FLAGS) -r benchmarks/requirements-peers.txt
	@touch $@

$(VENV)-audit/.done:
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install $(PIP_FLAGS) pip-audit==2.10.1
	@touch $@
