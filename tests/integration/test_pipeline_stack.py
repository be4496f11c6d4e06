"""pipeline.yaml on the laptop's AWS: repositories, build project, images that keep their tags."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from images.recipes import ImageError
from images.registry import Registry
from local.cloud.server import Cloud
from tests.contract.files import ROOT

DIGEST = f"@sha256:{64 * 'a'}"
BUILDS = {
    "SourceType": "GITHUB",
    "SourceLocation": "https://github.com/you/likeness.git",
    "ConnectionArn": "arn:aws:codeconnections:us-east-1:000000000000:connection/1",
    "TrainingBase": f"training{DIGEST}",
    "ServingBase": f"serving{DIGEST}",
    "RetinafaceSha256": 64 * "c",
}
PROVIDER = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"
WORKFLOW = {
    "SourceType": "none",
    "GitHubRepository": "you/likeness",
    "GitHubProviderArn": PROVIDER,  # the laptop's CloudFormation makes no AWS::IAM::OIDCProvider
}
MANIFEST = json.dumps({"schemaVersion": 2, "config": {}, "layers": []})


@pytest.fixture
def stack(cloud: Cloud) -> Iterator[Any]:
    """Yield a function that deploys the stack; what it made is removed afterwards."""
    formation, names = cloud.client("cloudformation"), []

    def deploy(name: str, **parameters: str) -> dict[str, Any]:
        formation.create_stack(
            StackName=name,
            TemplateBody=(ROOT / "pipeline.yaml").read_text(),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        names.append((name, parameters))
        formation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1}
        )
        (found,) = formation.describe_stacks(StackName=name)["Stacks"]
        return dict(found)

    yield deploy
    for name, parameters in names:
        formation.delete_stack(StackName=name)
        for kind in ("training", "serving"):  # they are retained
            repository = f"{parameters['Prefix']}-{kind}"
            cloud.client("ecr").delete_repository(repositoryName=repository, force=True)


def outputs(found: dict[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}


def test_the_stack_makes_both_repositories_and_a_project_that_may_run_containers(
    cloud: Cloud, stack: Any
) -> None:
    made = outputs(stack("images-a", Prefix="team-a", **BUILDS))
    ecr = cloud.client("ecr")
    found = ecr.describe_repositories(repositoryNames=["team-a-training", "team-a-serving"])[
        "repositories"
    ]
    assert {one["imageTagMutability"] for one in found} == {"IMMUTABLE"}
    assert [one["imageScanningConfiguration"] for one in found] == [{"scanOnPush": True}] * 2
    assert found[0]["repositoryUri"] == made["TrainingRepositoryUri"]
    policy = ecr.get_lifecycle_policy(repositoryName="team-a-serving")["lifecyclePolicyText"]
    assert [rule["selection"]["countNumber"] for rule in json.loads(policy)["rules"]] == [7, 20]
    (project,) = cloud.client("codebuild").batch_get_projects(names=[made["BuildProject"]])[
        "projects"
    ]
    assert project["environment"]["privilegedMode"] is True
    assert project["environment"]["type"] == "LINUX_CONTAINER"
    assert "images push" in project["source"]["buildspec"]
    variables = {
        one["name"]: one["value"] for one in project["environment"]["environmentVariables"]
    }
    assert (variables["PREFIX"], variables["TRAINING_BASE"]) == ("team-a", BUILDS["TrainingBase"])


def test_a_build_can_be_started_by_hand(cloud: Cloud, stack: Any) -> None:
    made = outputs(stack("images-b", Prefix="team-b", Architecture="arm64", **BUILDS))
    codebuild = cloud.client("codebuild")
    build = codebuild.start_build(projectName=made["BuildProject"])["build"]
    assert build["projectName"] == "team-b-images"
    (project,) = codebuild.batch_get_projects(names=["team-b-images"])["projects"]
    assert project["environment"]["type"] == "ARM_CONTAINER"
    assert "aarch64" in project["environment"]["image"]


def test_a_pushed_image_is_found_by_its_content_and_its_tag_stays(cloud: Cloud, stack: Any) -> None:
    stack("images-c", Prefix="team-c", **BUILDS)
    ecr = cloud.client("ecr")
    put = {"repositoryName": "team-c-training", "imageTag": "c-0123"}
    ecr.put_image(imageManifest=MANIFEST, **put)
    (image,) = ecr.describe_images(
        repositoryName="team-c-training", imageIds=[{"imageTag": "c-0123"}]
    )["imageDetails"]
    assert image["imageDigest"].startswith("sha256:")
    with pytest.raises(ecr.exceptions.ImageTagAlreadyExistsException):
        ecr.put_image(imageManifest=MANIFEST.replace("2", "1"), **put)


def test_a_workflow_gets_a_role_and_no_project(cloud: Cloud, stack: Any) -> None:
    made = outputs(stack("images-d", Prefix="team-d", **WORKFLOW))
    assert "BuildProject" not in made
    role = made["GitHubRoleArn"].rpartition("/")[2]
    trust = cloud.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"Federated": PROVIDER}
    condition = trust["Statement"][0]["Condition"]["StringEquals"]
    assert condition["token.actions.githubusercontent.com:sub"] == (
        "repo:you/likeness:ref:refs/heads/main"
    )
    assert cloud.client("codebuild").batch_get_projects(names=["team-d-images"])["projects"] == []


@pytest.fixture
def registry(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The registry through the AWS CLI, as CodeBuild has it."""
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    return Registry("000000000000.dkr.ecr.us-east-1.amazonaws.com")


def test_the_builder_s_calls_are_understood(cloud: Cloud, stack: Any, registry: Registry) -> None:
    stack("images-e", Prefix="team-e", **WORKFLOW)
    assert registry.digest("team-e-serving", "c-0123") is None
    image = cloud.client("ecr").put_image(
        repositoryName="team-e-serving", imageTag="c-0123", imageManifest=MANIFEST
    )["image"]
    assert registry.digest("team-e-serving", "c-0123") == image["imageId"]["imageDigest"]
    with pytest.raises(ImageError, match="ECR did not describe unknown"):
        registry.digest("unknown", "c-0123")


def test_the_newest_uri_replaces_the_one_before(cloud: Cloud, registry: Registry) -> None:
    for uri in ("first", "second"):
        registry.put_parameter("/team-f/images/training", uri)
    found = cloud.client("ssm").get_parameter(Name="/team-f/images/training")["Parameter"]
    assert found["Value"] == "second"
