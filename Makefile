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

TRITON_MODELS := $(addsuffix /1/model.py,functions/contracts/model_package serving_image/base_model bench/serving/reference)

.PHONY: unit integration smoke-training smoke-serving quality simulate bench-training bench-serving bench-workflow corpus mutants help demo test lint up down envs clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

# Where imports start: `contracts` and the stages, the trainer, the server, the laptop.
ROOMS := $(addprefix $(CURDIR)/,functions training_image serving_image) $(CURDIR)

# ---- environments: one for each stack, because their pins contradict each other (docs/decisions) ----

envs: $(ENVS)/tools/.ready $(ENVS)/sam/.ready $(ENVS)/lambda/.ready $(ENVS)/training/.ready $(ENVS)/serving/.ready ## create the five Python environments

$(ENVS)/tools/.ready: local/requirements.txt dependencies/requirements.txt | python
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet -r local/requirements.txt
	printf '%s\n' $(ROOMS) > "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/likeness.pth"
	touch $@

$(ENVS)/sam/.ready: local/requirements-sam.txt | python
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet -r local/requirements-sam.txt
	touch $@

$(ENVS)/lambda/.ready: local/requirements-lambda.txt | python
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet -r local/requirements-lambda.txt
	touch $@

# torch first: what depends on it would otherwise fetch the build with CUDA. In faces/, where nothing else
# finds it, a torchvision that does not load beside a CPU torch and would break transformers.
$(ENVS)/training/.ready: training_image/requirements.txt training_image/requirements-optional.txt training_image/requirements-faces.txt local/requirements-training-tests.txt | python
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet torch==2.13.0
	$(@D)/bin/pip install --quiet -r training_image/requirements.txt -r local/requirements-pytest.txt -r local/requirements-training-tests.txt
	$(@D)/bin/pip install --quiet --no-deps --upgrade --target $(@D)/optional -r training_image/requirements-optional.txt
	$(@D)/bin/pip install --quiet --no-deps --upgrade --target $(@D)/faces -r training_image/requirements-faces.txt torchvision==0.28.0
	touch $@

# nvidia-pytriton only for the tritonserver inside its wheel, so without its dependencies.
$(ENVS)/serving/.ready: serving_image/requirements.txt serving_image/requirements-no-deps.txt | python
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet torch==2.13.0
	$(@D)/bin/pip install --quiet -r serving_image/requirements.txt -r local/requirements-pytest.txt
	$(@D)/bin/pip install --quiet --no-deps nvidia-pytriton==0.7.0 -r serving_image/requirements-no-deps.txt
	touch $@

# mutmut and what it needs, in a folder that comes last on the path of the environment whose tests run.
$(ENVS)/mutants/.ready: local/requirements-mutants.txt $(ENVS)/tools/.ready
	$(TOOLS)/pip install --quiet --upgrade --target $(@D) -r local/requirements-mutants.txt
	touch $@

$(ENVS)/node/.ready:
	npm install --silent --no-save --prefix $(@D) asl-validator@4.0.0
	touch $@

# A missing or old Python says so itself, instead of failing somewhere in pip.
.PHONY: python
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "Likeness needs Python 3.11 or newer as '$(PYTHON)'. Install it, or name yours: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 1; }

# ---- the laptop ------------------------------------------------------------------------------------

PORT ?= 4566

demo: envs ## ten photos in, a picture from a personal model out
	$(TOOLS)/python -m local.demo --port $(PORT)

up: $(ENVS)/tools/.ready $(ENVS)/lambda/.ready ## start the laptop's AWS
	$(TOOLS)/python -m local.cloud --port $(PORT) --detach

down: ## stop it
	$(TOOLS)/python -m local.cloud --port $(PORT) --stop

# ---- proof -----------------------------------------------------------------------------------------

lint: $(ENVS)/tools/.ready $(ENVS)/sam/.ready $(ENVS)/node/.ready ## style, types, imports, template, state machine
	$(TOOLS)/ruff format --no-cache --check .
	$(TOOLS)/ruff check --no-cache .
	$(TOOLS)/mypy functions training_image serving_image local tests bench likeness_client
	$(TOOLS)/mypy serving_image/serve statemachine/assemble.py .ci/expand_template.py
	$(foreach model,$(TRITON_MODELS),$(TOOLS)/mypy $(model) &&) true
	$(TOOLS)/lint-imports
	$(SAM)/sam validate --lint --region us-east-1
	PYTHONPATH=. $(TOOLS)/python .ci/expand_template.py > $(ENVS)/expanded.json
	$(SAM)/cfn-lint $(ENVS)/expanded.json
	$(foreach machine,$(wildcard statemachine/*.asl.json),$(ENVS)/node/node_modules/.bin/asl-validator --json-path $(machine) &&) true

test: envs ## unit, contract, integration, smoke, end to end
	$(MAKE) --jobs 2 --output-sync=target smoke-training smoke-serving integration unit
	$(TOOLS)/pytest tests/e2e

# One core each.
unit: envs
	$(TOOLS)/pytest tests/unit tests/contract

integration: envs
	$(TOOLS)/pytest tests/integration

smoke-training: envs
	$(ENVS)/training/bin/pytest -m training tests/smoke

smoke-serving: envs
	$(ENVS)/serving/bin/pytest -m serving tests/smoke/test_serv*.py

corpus: $(ENVS)/tools/.ready ## every kind of bad and odd upload through intake, and a naive reader beside it (3 minutes)
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.intake

quality: $(ENVS)/training/.ready ## twenty unseen characters trained, measured, and bad adapters refused (an hour; goes on where it stopped)
	PYTHONPATH=functions:training_image:. $(ENVS)/training/bin/python -m bench.quality $(QUALITY)

simulate: $(ENVS)/tools/.ready ## ten thousand uploads against a simulated SageMaker (10 minutes)
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.planning.simulate

bench-training: $(ENVS)/training/.ready ## the trainer against diffusers' script: DIFFUSERS=path of a checkout, else ours alone (20 minutes; goes on where it stopped)
	env -u OMP_WAIT_POLICY $(ENVS)/training/bin/python -m bench.training $(if $(DIFFUSERS),--official $(DIFFUSERS)) $(BENCH_FLAGS)

bench-serving: $(ENVS)/serving/.ready ## serving against a base per user, on one tritonserver (15 minutes; goes on where it stopped)
	OMP_WAIT_POLICY=PASSIVE $(ENVS)/serving/bin/python -m bench.serving $(BENCH_FLAGS)

bench-workflow: envs ## 200 uploads at once with a stub trainer, then 20 with the real one, through the whole workflow (20 minutes)
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.workflow $(WORKFLOW)

mutants: $(ENVS)/tools/.ready $(ENVS)/training/.ready $(ENVS)/serving/.ready $(ENVS)/mutants/.ready ## mistakes made on purpose, that the tests must notice: ROOM=domain/pricing, MUTANTS="--minutes 30" (hours; goes on where it stopped)
	PYTHONPATH=. $(TOOLS)/python -m bench.mutants $(if $(ROOM),--room $(ROOM)) $(MUTANTS)

clean: ## forget builds, environments and the laptop's state
	rm -rf .venv .aws-sam .local reports
