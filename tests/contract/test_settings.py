"""Every setting has a door: what trainer and server read, the template's parameters, the page."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aws.parameters.run_limits import run_limits_from_env
from aws.training import settings_from_env
from contracts.documents.training import TaskPhoto, TrainingPlan, TrainingTask
from contracts.shared.instances.accelerators import INSTANCES, training_types
from contracts.shared.limits import MAX_RUN_SECONDS, MAX_VOLUME_GB, MIN_RUN_SECONDS
from domain.training.sagemaker_job import Inputs, Placement, training_job_request
from local.knobs import Knob, KnobError, doors, knobs, parameters_in
from serving import settings
from tests.contract.files import ROOT, functions, template
from tests.e2e.changed_settings import CHANGED, NOT_CHANGED, STAYING
from tests.unit.training_kit import ON_DEMAND, REQUEST, job_id

PARAMETERS: dict[str, Any] = template()["Parameters"]
INTERNAL: dict[str, dict[str, dict[str, str]]] = tomllib.loads(
    (ROOT / "docs" / "internal_settings.toml").read_text()
)
REASONS = {(program, name) for program, names in INTERNAL.items() for name in names}


def test_everything_that_trainer_and_server_read_has_a_door_or_a_reason() -> None:
    doors_of = doors(template())
    closed = {(k.program, k.name) for k in knobs() if not doors_of(k)}
    assert closed == REASONS, "give it a door (CONTRIBUTING.md, Add a setting), or a reason"
    assert all(len(row["reason"]) > 10 for names in INTERNAL.values() for row in names.values())


def test_a_knob_is_found_however_it_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "training_image"
    folder.mkdir()
    (folder / "a.py").write_text(
        'A, B = "first", "second"\nos.environ.get(A)\nos.getenv(B)\n"third" in os.environ\n'
        'os.environ["fourth"]\nos.environ["written"] = "x"\n'
        "mine = dict(os.environ)\nmine.setdefault('fifth', '')\n"
        'def put(into, name):\n    into.get(name)\n    mine.get(name)\nput(mine, "sixth")\n'
        'flags = {"seventh": 1}\n[os.environ[n] for n, _ in flags.items()]\n'
        'def read(given: Mapping[str, str]):\n    given.get("LIKENESS_NINTH", "LIKENESS_X=1")\n'
    )
    (folder / "b.py").write_text(
        'class Machine:\n    size: int = 1\n    def read(self): open("hyperparameters.json")\n'
        'def read(): return json.load("hyperparameters.json").get("other")\n'
    )
    program = folder / "run"
    program.write_text('#!/usr/bin/env python3\nos.environ["eighth"]\n')
    order = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
    given = [Knob("trainer", "hyperparameter", name) for name in ("size", "other")]
    read = [Knob("trainer", "variable", name) for name in (*order, "LIKENESS_NINTH")]
    assert knobs(tmp_path) == sorted([*given, *read])


def test_a_name_that_cannot_be_seen_is_refused(tmp_path: Path) -> None:
    (tmp_path / "training_image").mkdir()
    (tmp_path / "training_image" / "a.py").write_text("os.environ[input()]")
    with pytest.raises(KnobError, match=r"a\.py:1"):
        knobs(tmp_path)


def test_the_trainer_gets_what_the_launcher_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A door of a hyperparameter is a variable of the launcher: the request must have it."""
    given = functions()["launch_training"]["Environment"]["Variables"]
    for name, value in given.items():
        (parameter, *_) = parameters_in(value) or [""]
        monkeypatch.setenv(name, CHANGED.get(parameter, "x"))
    photo = TaskPhoto(index=0, file=f"{job_id(1)}/000.png", sha256="0" * 64)
    task = TrainingTask(job_id=job_id(1), request=REQUEST, photos=(photo,))
    plan = TrainingPlan(plan_id=job_id(1), base_sha256="b" * 64, tasks=(task,))
    placement = Placement(ON_DEMAND)
    request = training_job_request(
        "likeness-x", plan, Inputs("base"), placement, settings_from_env()
    )
    found = request["HyperParameters"] | request["Environment"]
    doors_of = doors(template())
    through_the_template = {
        knob.name: CHANGED[door]
        for knob in knobs()
        if knob.program == "trainer"
        for door in doors_of(knob)
        if door in PARAMETERS
    }
    assert through_the_template
    assert {name: found[name] for name in through_the_template} == through_the_template


def test_no_parameter_was_forgotten_where_all_are_changed() -> None:
    changed = CHANGED | STAYING
    assert set(changed) | set(NOT_CHANGED) == set(PARAMETERS)
    same = {
        name for name, value in changed.items() if value == str(PARAMETERS[name].get("Default"))
    }
    assert not same, "a changed setting has its default"


def test_every_parameter_is_described_and_refuses_what_cannot_work() -> None:
    for name, parameter in PARAMETERS.items():
        assert parameter.get("Description"), name
        bounds = {"MinValue", "MaxValue"} <= set(parameter)
        assert bounds or {"AllowedValues", "AllowedPattern"} & set(parameter), name


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_default_is_one_of_the_values_that_can_work(name: str) -> None:
    assert_allowed(name, PARAMETERS[name], PARAMETERS[name].get("Default"))


@pytest.mark.parametrize("name", sorted(CHANGED | STAYING))
def test_a_changed_value_is_one_of_those_that_can_work(name: str) -> None:
    assert_allowed(name, PARAMETERS[name], (CHANGED | STAYING)[name])


def assert_allowed(name: str, parameter: Mapping[str, Any], value: object) -> None:
    if value is None:
        return
    if "AllowedValues" in parameter:
        assert str(value) in {str(one) for one in parameter["AllowedValues"]}, name
    if "AllowedPattern" in parameter:
        members = (
            str(value).split(",") if parameter["Type"] == "CommaDelimitedList" else [str(value)]
        )
        assert all(re.fullmatch(parameter["AllowedPattern"], one) for one in members), name
    if "MinValue" in parameter:
        assert parameter["MinValue"] <= float(str(value)) <= parameter["MaxValue"], name


def test_every_parameter_stands_in_one_group_of_the_console() -> None:
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(PARAMETERS)


def test_limits_of_a_request_are_those_of_the_template() -> None:
    longest, volume = PARAMETERS["MaxRunLimit"], PARAMETERS["MaxVolumeSizeInGB"]
    assert (longest["MinValue"], longest["MaxValue"]) == (MIN_RUN_SECONDS, MAX_RUN_SECONDS)
    assert volume["MaxValue"] == PARAMETERS["VolumeSizeInGB"]["MaxValue"] == MAX_VOLUME_GB
    types = PARAMETERS["TrainingInstanceType"]["AllowedValues"]
    pattern = PARAMETERS["AllowedInstanceTypes"]["AllowedPattern"]
    escaped = "|".join(re.escape(one.removeprefix("ml.")) for one in types)
    assert pattern == rf"^(none|ml\.({escaped}))$"


def test_the_template_knows_which_instances_have_several_gpus() -> None:
    (one,) = template()["Rules"]["SeveralProcessesNeedSeveralGpus"]["Assertions"]
    gpus = {name: INSTANCES[name].gpus for name in training_types()}
    own, *allowed = [each["Fn::Contains"] for each in one["Assert"]["Fn::Or"]]
    several = {name for name in gpus if gpus[name] > 1}
    assert set(own[0]) == {name for _, name in allowed} == several
    assert PARAMETERS["TrainerProcesses"]["MaxValue"] == max(gpus.values())


def test_the_servers_defaults_are_the_templates() -> None:
    defaults = {
        "EndpointQueueSize": settings.QUEUE_SIZE,
        "PicturesPerPass": settings.ROWS_PER_PASS,
        "RequestSeconds": settings.REQUEST_SECONDS,
        "AdapterCacheMegabytes": settings.ADAPTER_MEGABYTES,
        "AnswerCacheMegabytes": settings.ANSWER_MEGABYTES,
    }
    assert {name: PARAMETERS[name]["Default"] for name in defaults} == defaults


def test_the_templates_defaults_of_the_server_can_be_read() -> None:
    names = {
        "LIKENESS_REQUEST_WORK": "RequestWork",
        "LIKENESS_MODEL_WORK": "ModelWork",
        "LIKENESS_TENANT_WEIGHTS": "TenantWeights",
        "LIKENESS_BLOCKED_WORDS": "BlockedWords",
    }
    given = {name: str(PARAMETERS[parameter]["Default"]) for name, parameter in names.items()}
    assert settings.read_settings(given) == settings.read_settings({})


def test_the_stacks_own_type_is_always_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = functions()["accept_request"]["Environment"]["Variables"]
    for name, value in variables.items():
        (parameter, *_) = parameters_in(value)
        default = PARAMETERS.get(parameter, {}).get("Default", "x")
        monkeypatch.setenv(name, str(default))
    limits = run_limits_from_env()
    own = PARAMETERS["TrainingInstanceType"]["Default"]
    assert (limits.instance_types, limits.spot) == ((own,), True)
    monkeypatch.setenv("ALLOWED_INSTANCE_TYPES", f"ml.p5.4xlarge,{own}")
    assert run_limits_from_env().instance_types == (own, "ml.p5.4xlarge")


def test_the_page_of_the_server_has_every_variable_that_can_be_set() -> None:
    page = (ROOT / "docs" / "serving.md").read_text()
    rows = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `LIKENESS_")]
    explained = {name for row in rows for name in re.findall(r"LIKENESS_[A-Z_]+", row)}
    read = {k.name for k in knobs() if k.program == "server" and k.name.startswith("LIKENESS_")}
    by_hand = {"LIKENESS_ALLOW_CPU", "LIKENESS_CACHE_DIR"}
    assert explained == read - INTERNAL["server"].keys() | by_hand


def test_the_page_of_settings_is_committed_as_it_is() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "docs" / "settings.py", "--check"],
        check=False,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"},
    )
    assert run.returncode == 0, "run `make generated`"
