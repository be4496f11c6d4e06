"""The staged pipeline: samconfig.toml's dev and prod, the workflow, and the script of a stage."""

import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.files import ROOT, template

WORKFLOW = ROOT / ".github/workflows/deploy.yml"
STAGES = ("dev", "prod")
PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}")
COMMANDS = {"global", "build", "validate", "package", "deploy", "delete"}
"""Commands of SAM that samconfig.toml has a section for."""

RECORDING = """#!{python}
import json, pathlib, sys
pathlib.Path("asked.json").write_text(json.dumps(sys.argv[1:]))
"""
"""A program in the place of sam."""


@cache
def samconfig() -> dict[str, Any]:
    return tomllib.loads((ROOT / "samconfig.toml").read_text())


@cache
def jobs() -> dict[str, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text())
    found: dict[str, Any] = loaded["jobs"]
    return found


def overrides(stage: str) -> dict[str, str]:
    text = samconfig()[stage]["deploy"]["parameters"]["parameter_overrides"]
    return dict(one.split("=", 1) for one in text.split())


def runs(job: str) -> str:
    return "\n".join(step.get("run", "") for step in jobs()[job]["steps"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_every_command_of_sam_a_name_and_a_tag(stage: str) -> None:
    config = samconfig()[stage]
    assert config.keys() == COMMANDS
    assert config["global"]["parameters"]["stack_name"] == f"likeness-{stage}"
    assert config["deploy"]["parameters"]["tags"] == f"stage={stage}"


def test_the_stages_differ_in_what_is_kept_and_in_what_is_paid() -> None:
    dev, prod = overrides("dev"), overrides("prod")
    assert dev.keys() | prod.keys() <= template()["Parameters"].keys()
    assert (dev["ProtectData"], prod["ProtectData"]) == ("false", "true")
    assert (dev["CreateEndpoint"], dev["KeepAliveSeconds"]) == ("on-demand", "0")
    assert prod["CreateEndpoint"] == "true"
    for name in ("PhotoRetentionDays", "LogRetentionDays"):
        assert int(dev[name]) < int(prod[name])


def test_what_was_built_once_goes_to_dev_and_after_it_to_prod() -> None:
    assert [jobs()[stage].get("needs") for stage in ("package", *STAGES)] == [
        None,
        "package",
        "dev",
    ]
    assert [jobs()[stage]["environment"] for stage in STAGES] == list(STAGES)
    everything = "\n".join(runs(job) for job in jobs())
    assert everything.count("sam build") == 1
    for stage in STAGES:
        assert f".github/deploy.sh {stage} packaged-{stage}.yaml" in runs(stage)
        assert "name: built" in yaml.dump(jobs()[stage]["steps"])
    assert "likeness doctor --stack likeness-dev" in runs("dev")


def test_the_workflow_holds_no_key_and_runs_no_action_that_may_change() -> None:
    text = WORKFLOW.read_text()
    assert "secrets." not in text
    used = [step["uses"] for job in jobs().values() for step in job["steps"] if "uses" in step]
    assert len(used) > len(jobs())
    assert all(PINNED.fullmatch(one) for one in used)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_deployed_with_samconfig_s_values_and_the_operator_s_own_last(
    stage: str, tmp_path: Path
) -> None:
    sam = tmp_path / "bin" / "sam"
    sam.parent.mkdir()
    sam.write_text(RECORDING.format(python=sys.executable))
    sam.chmod(0o755)
    (tmp_path / "samconfig.toml").write_bytes((ROOT / "samconfig.toml").read_bytes())
    arguments = (stage, "packaged.yaml", "a-role", "a-bucket", "eu-west-1")
    script = [str(ROOT / ".github/deploy.sh"), *arguments]
    path = f"{sam.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "PARAMETERS": "TrainingQuota=7 LogRetentionDays=14"}
    subprocess.run(script, cwd=tmp_path, env=own, check=True)
    asked = json.loads((tmp_path / "asked.json").read_text())
    place = asked.index("--parameter-overrides")
    given = [f"{name}={value}" for name, value in overrides(stage).items()]
    assert asked[place + 1 :] == [*given, "TrainingQuota=7", "LogRetentionDays=14"]
    config = ["--config-file", str(tmp_path / "samconfig.toml"), "--config-env", stage]
    assert asked[:5] == ["deploy", *config], "sam looks for the file beside the template only"
    options = dict(zip(asked[6:place:2], asked[7:place:2], strict=False))
    assert options["--template-file"] == "packaged.yaml"
    without = subprocess.run(script, cwd=tmp_path, env={"PATH": path}, check=False)
    assert without.returncode != 0, "images and bases bucket are nobody's default"
