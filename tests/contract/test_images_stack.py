"""pipeline.yaml, the workflow and the builder agree, and the template takes what they push."""

import json
import re
from functools import cache
from typing import Any

import pytest
import yaml

from images.__main__ import parser
from images.recipes import RECIPES, content
from local.template import read
from tests.contract.files import ROOT, template

WORKFLOW = ROOT / ".github/workflows/images.yml"
SHA = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}")
DIGEST = f"1.dkr.ecr.eu-west-1.amazonaws.com/likeness-training@sha256:{64 * '0'}"
BASES = {"pytorch-training", "sagemaker-tritonserver"}
"""AWS's repositories of the two bases."""


@cache
def pipeline() -> dict[str, Any]:
    return read(ROOT / "pipeline.yaml")


@cache
def workflow() -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text())
    return loaded


def resource(name: str) -> dict[str, Any]:
    found: dict[str, Any] = pipeline()["Resources"][name]["Properties"]
    return found


def statements() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = resource("PushPolicy")["PolicyDocument"]["Statement"]
    return found


def test_the_two_repositories_differ_in_their_name_only() -> None:
    training, serving = (dict(resource(f"{n}Repository")) for n in ("Training", "Serving"))
    assert training.pop("RepositoryName") == {"Fn::Sub": "${Prefix}-training"}
    assert serving.pop("RepositoryName") == {"Fn::Sub": "${Prefix}-serving"}
    assert training == serving
    assert training["ImageTagMutability"] == "IMMUTABLE"
    assert training["ImageScanningConfiguration"] == {"ScanOnPush": True}


def test_old_images_expire_and_the_newest_stay() -> None:
    text = resource("TrainingRepository")["LifecyclePolicy"]["LifecyclePolicyText"]["Fn::Sub"]
    filled = text.replace("${UntaggedDays}", "7").replace("${KeepImages}", "20")
    untagged, newest = json.loads(filled)["rules"]
    assert untagged["selection"]["tagStatus"] == "untagged"
    assert newest["selection"] == {
        "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 20,
    }  # fmt: skip
    assert {rule["action"]["type"] for rule in (untagged, newest)} == {"expire"}


def environment() -> dict[str, Any]:
    entries = resource("Build")["Environment"]["EnvironmentVariables"]
    return {entry["Name"]: entry["Value"] for entry in entries}


@pytest.mark.parametrize("name", RECIPES)
def test_both_builders_know_the_base_of_each_image(name: str) -> None:
    variable = RECIPES[name].base_variable
    assert variable in environment()
    assert variable in workflow()["jobs"]["push"]["env"]


def test_what_the_builders_set_is_a_setting_of_the_builder_or_their_own() -> None:
    own = {"REGISTRY", "PREFIX", "RUN_TESTS", "TEST"}
    known = {recipe.base_variable for recipe in RECIPES.values()}
    known |= {recipe.needs_variable for recipe in RECIPES.values()}
    known |= {name for recipe in RECIPES.values() for name in recipe.arguments}
    assert set(environment()) - own <= known
    assert set(workflow()["jobs"]["push"]["env"]) - own <= known


def commands() -> list[str]:
    """What CodeBuild and GitHub run."""
    build = yaml.safe_load(resource("Build")["Source"]["BuildSpec"])["phases"]["build"]["commands"]
    steps = workflow()["jobs"]["push"]["steps"]
    return [
        line for line in [*build, *(step.get("run", "") for step in steps)] if "-m images" in line
    ]


def test_both_run_the_same_command_which_the_builder_understands() -> None:
    first, second = commands()
    assert first == second
    words = first.replace("$TEST", "--test").replace('"', "").split()
    options = parser().parse_args(words[words.index("images") + 1 :])
    assert (options.test, options.registry) == (True, "$REGISTRY")


def test_the_stored_uris_may_be_written_and_lead_to_the_outputs() -> None:
    (put,) = [found for found in statements() if found["Action"] == "ssm:PutParameter"]
    assert put["Resource"]["Fn::Sub"].endswith("parameter/${Prefix}/images/*")
    outputs = pipeline()["Outputs"]
    for name in RECIPES:
        value = outputs[f"{name.title()}ImageParameter"]["Value"]
        assert value == {"Fn::Sub": f"/${{Prefix}}/images/{name}"}


def test_only_the_two_repositories_can_be_pushed_to() -> None:
    (push,) = [found for found in statements() if "ecr:PutImage" in found["Action"]]
    assert push["Resource"] == [
        {"Fn::GetAtt": ["TrainingRepository", "Arn"]},
        {"Fn::GetAtt": ["ServingRepository", "Arn"]},
    ]
    stars = [found for found in statements() if found["Resource"] == "*"]
    assert [found["Action"] for found in stars] == ["ecr:GetAuthorizationToken"]


def test_a_change_of_an_image_s_content_starts_a_build_and_nothing_else_does() -> None:
    (filters,) = resource("Build")["Triggers"]["Fn::If"][1]["FilterGroups"]
    (path,) = [one["Pattern"] for one in filters if one["Type"] == "FILE_PATH"]
    files = {p.relative_to(ROOT).as_posix() for r in RECIPES.values() for p in content(r)}
    assert [file for file in files if not re.search(path, file)] == []
    assert not re.search(path, "tests/smoke/test_training.py")
    globs = workflow()[True]["push"]["paths"]  # YAML 1.1 reads `on` as true
    assert {glob.removesuffix("/**") for glob in globs} == {
        "training_image", "serving_image", "images", "functions/contracts", ".dockerignore",
        "layers/face_weights",
    }  # fmt: skip


def test_the_workflow_holds_no_key_and_runs_nothing_that_may_change() -> None:
    job = workflow()["jobs"]["push"]
    assert workflow()["permissions"] == {}
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in WORKFLOW.read_text()
    assert all(SHA.fullmatch(step["uses"]) for step in job["steps"] if "uses" in step)


def test_only_one_branch_of_one_repository_can_assume_the_role() -> None:
    (statement,) = resource("GitHubRole")["AssumeRolePolicyDocument"]["Statement"]
    wanted = statement["Condition"]["StringEquals"]
    assert wanted["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    assert wanted["token.actions.githubusercontent.com:sub"] == {
        "Fn::Sub": "repo:${GitHubRepository}:ref:refs/heads/${Branch}"
    }


@pytest.mark.parametrize("name", ["TrainingImageUri", "ServingImageUri"])
@pytest.mark.parametrize(
    ("uri", "taken"),
    [
        (DIGEST, True),
        ("1.dkr.ecr.eu-west-1.amazonaws.com/likeness-training:c-0123", True),
        ("likeness-training:local", True),
        ("registry:5000/likeness-training:1", True),
        ("1.dkr.ecr.eu-west-1.amazonaws.com/likeness-training", False),
        ("likeness-training:latest", False),
        ("registry:5000/likeness-training", False),
        (DIGEST[:-1], False),
        ("", False),
        ("two words:1", False),
    ],
)
def test_the_template_takes_an_image_that_cannot_become_another(
    name: str, uri: str, taken: bool
) -> None:
    pattern = template()["Parameters"][name]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, uri)) is taken


@pytest.mark.parametrize("name", ["TrainingBase", "ServingBase"])
def test_the_pipeline_takes_bases_by_digest_only(name: str) -> None:
    pattern = pipeline()["Parameters"][name]["AllowedPattern"]
    assert re.fullmatch(pattern, DIGEST)
    assert not re.fullmatch(pattern, "pytorch-training:2.8")


def test_the_builders_may_pull_aws_s_own_bases() -> None:
    pulls = [found["Resource"] for found in statements() if "ecr:PutImage" not in found["Action"]]
    text = json.dumps(pulls)
    assert all(f"repository/{name}*" in text for name in BASES)
