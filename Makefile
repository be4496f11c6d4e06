# Likeness. `make demo` shows it, `make test` proves it; everything else is here too.
SHELL := bash
PYTHON ?= python3.11
ENVS := .venv
TOOLS := $(ENVS)/tools/bin
SAM := $(ENVS)/sam/bin
export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export OMP_NUM_THREADS := 1
# `sam build` looks for the runtime's Python by name, so the tools' own comes first.
export PATH := $(CURDIR)/$(TOOLS):$(PATH)

.PHONY: help demo test lint up down envs build clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

# ---- environments: one for each stack, because their pins contradict each other (docs/decisions) ----

envs: $(ENVS)/tools/.ready $(ENVS)/sam/.ready $(ENVS)/lambda/.ready $(ENVS)/training/.ready $(ENVS)/serving/.ready ## create the five Python environments

$(ENVS)/tools/.ready: local/requirements.txt dependencies/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet -r local/requirements.txt
	touch $@

$(ENVS)/sam/.ready: local/requirements-sam.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet -r local/requirements-sam.txt
	touch $@

$(ENVS)/lambda/.ready: local/requirements-lambda.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet -r local/requirements-lambda.txt
	touch $@

# torch first: what depends on it would otherwise fetch the build with CUDA.
$(ENVS)/training/.ready: training_image/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet torch==2.13.0
	$(@D)/bin/pip install --quiet -r training_image/requirements.txt -r local/requirements-pytest.txt
	touch $@

# nvidia-pytriton only for the tritonserver inside its wheel, so without its dependencies.
$(ENVS)/serving/.ready: serving_image/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet torch==2.13.0
	$(@D)/bin/pip install --quiet -r serving_image/requirements.txt -r local/requirements-pytest.txt
	$(@D)/bin/pip install --quiet --no-deps nvidia-pytriton==0.7.0
	touch $@
