"""What template.yaml spells, and the code spells too: keys, names and filters."""

import inspect
import json
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args

import pytest

from contracts.documents.record import JobRecord
from contracts.documents.stages import ExecutionOutcome
from contracts.shared import layout
from contracts.shared.suffixes import ARCHIVE_SUFFIXES, OTHER_ARCHIVE_SUFFIXES
from domain.intake.uploads import place_of
from domain.training.planning import LaunchOrder
from local.template import folded
from tests.contract.files import template

RESOURCES: dict[str, Any] = template()["Resources"]
PARAMETERS: dict[str, Any] = template()["Parameters"]
UPLOAD = layout.uploads.upload_prefix("acme", "u1")

LAYOUT = {
    "UploadsBucket": {
        layout.uploads.upload_prefix("t", "u"),
        layout.uploads.pictures_prefix("t", "a"),
        layout.uploads.unpacked_prefix("t", "u"),
        layout.uploads.accepted_prefix("j"),
        layout.uploads.takedown_prefix("c"),
        layout.uploads.answers_prefix("h"),
        layout.uploads.export_key("t", "e"),
    },
    "ModelsBucket": {
        layout.models.accepted_upload_key("j"),
        layout.models.problems_key("t", "u"),
        layout.models.plan_key("p"),
        layout.models.class_images_prefix("k"),
        layout.models.staging_key("j"),
        layout.models.ENDPOINT_PREFIX,
        layout.models.erased_model_key("j"),
        layout.models.disabled_model_key("j"),
        layout.models.allowed_key("h"),
        layout.models.used_key("j"),
        layout.models.receipt_key("e"),
    },
    "BasesBucket": {
        layout.bases.base_prefix("b"),
        layout.bases.captioner_prefix("c"),
        layout.bases.safety_prefix("s"),
        layout.bases.classifier_prefix("v"),
        layout.bases.speeds_key("b"),
        layout.bases.names_key("n"),
    },
    "HubBucket": {layout.hub.hub_prefix("t", "m")},
}
"""A key of each folder at the top of each bucket."""

TOP_FOLDERS = {bucket: {key.split("/")[0] for key in keys} for bucket, keys in LAYOUT.items()}


def texts(node: Any) -> Iterator[str]:
    """Every text in a part of the template."""
    if isinstance(node, str):
        yield node
    if isinstance(node, list):
        for item in node:
            yield from texts(item)
    if isinstance(node, dict):
        for value in node.values():
            yield from texts(value)


def event(function: str, name: str) -> dict[str, Any]:
    """The pattern of one event of a function or state machine."""
    found: dict[str, Any] = RESOURCES[function]["Properties"]["Events"][name]["Properties"]
    return found


def suffixes(function: str, name: str) -> set[str]:
    """The endings that an event's pattern asks for; of those in any case, in lower case."""
    found = [key["suffix"] for key in event(function, name)["Pattern"]["detail"]["object"]["key"]]
    return {one if isinstance(one, str) else one["equals-ignore-case"] for one in found}


def new_image(function: str, name: str) -> dict[str, list[Any]]:
    """What a stream's filter asks of a row: the values by attribute."""
    (filtered,) = event(function, name)["FilterCriteria"]["Filters"]
    image: dict[str, Any] = json.loads(filtered["Pattern"])["dynamodb"]["NewImage"]
    return {attribute: value["S"] for attribute, value in image.items()}


def choices(field: str) -> set[Any]:
    """The words that a field of a job's row can hold."""
    return {
        word for one in get_args(JobRecord.model_fields[field].annotation) for word in words(one)
    }


def words(kind: Any) -> Iterator[Any]:
    yield from (get_args(kind) or (kind,))


# --- keys -------------------------------------------------------------------------------------


BUCKETS = {
    "UploadsBucket": layout.uploads,
    "ModelsBucket": layout.models,
    "BasesBucket": layout.bases,
    "HubBucket": layout.hub,
}


@pytest.mark.parametrize(("bucket", "part"), BUCKETS.items())
def test_every_key_of_the_layout_lies_in_a_folder_of_its_own_bucket(
    bucket: str, part: ModuleType
) -> None:
    makers = {
        name: maker
        for name, maker in inspect.getmembers(part, inspect.isfunction)
        if name.endswith(("_key", "_prefix"))
    }
    made = {maker(*"x" * len(inspect.signature(maker).parameters)) for maker in makers.values()}
    assert made
    assert {key.split("/")[0] for key in made} <= TOP_FOLDERS[bucket]


def test_no_folder_of_ours_can_be_given_to_a_tenant() -> None:
    assert set(layout.uploads.OWN_FOLDERS) == TOP_FOLDERS["UploadsBucket"]


@pytest.mark.parametrize("bucket", LAYOUT)
def test_rights_name_the_folders_of_the_layout_and_no_other(bucket: str) -> None:
    named = re.compile(rf"\$\{{{bucket}(?:\.Arn)?\}}/(\w+)/")
    found = {match[1] for text in texts(RESOURCES) for match in named.finditer(text)}
    assert found == TOP_FOLDERS[bucket]


def test_listings_are_limited_to_folders_of_the_layout() -> None:
    folders = {folder for found in TOP_FOLDERS.values() for folder in found}
    listed = {text.split("/")[0] for text in texts(list(prefixes(RESOURCES)))}
    assert listed
    assert listed <= folders


def prefixes(node: Any) -> Iterator[Any]:
    """Every condition on s3:prefix."""
    if isinstance(node, list):
        for item in node:
            yield from prefixes(item)
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [value] if key == "s3:prefix" else prefixes(value)


def test_what_is_staged_and_markers_expire_and_of_the_models_only_old_versions() -> None:
    rules = RESOURCES["ModelsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule]
    assert expiring == [layout.models.staging_key("").split(".")[0], layout.models.ERASED_PREFIX]
    (checkpoints,) = (rule for rule in rules if rule["Id"] == "OldCheckpointsExpire")
    assert layout.models.checkpoints_prefix("p").startswith(checkpoints["Prefix"])


def test_the_endpoint_serves_the_folder_to_which_packages_are_published() -> None:
    container = RESOURCES["ServingModel"]["Properties"]["PrimaryContainer"]
    packages, base = container["ModelDataUrl"], container["Environment"]["LIKENESS_BASE_URI"]
    assert packages == {"Fn::Sub": f"s3://${{ModelsBucket}}/{layout.models.ENDPOINT_PREFIX}"}
    assert base == {"Fn::Sub": f"s3://${{BasesBucket}}/{layout.bases.base_prefix('${BaseId}')}"}


# --- events -----------------------------------------------------------------------------------


def test_every_key_that_starts_the_workflow_is_one_that_it_understands() -> None:
    for suffix in suffixes("StartUploadFunction", "RequestUploaded"):
        key = UPLOAD + ("kohya" if suffix.startswith(".") else "") + suffix.lstrip("/")
        assert place_of(key).prefix == UPLOAD


ARCHIVES = [f"photos{suffix}" for suffix in (*ARCHIVE_SUFFIXES, *OTHER_ARCHIVE_SUFFIXES)]


@pytest.mark.parametrize(
    "name",
    [
        *(
            layout.uploads.REQUEST_FILE,
            "config.json",
            "train.sh",
            "kohya.toml",
            "a/kohya.toml",
            "job.yaml",
            "job.yml",
        ),
        *ARCHIVES,
    ],
)
def test_every_request_that_is_understood_starts_the_workflow(name: str) -> None:
    assert place_of(UPLOAD + name)
    assert (UPLOAD + name).endswith(tuple(suffixes("StartUploadFunction", "RequestUploaded")))


def test_what_starts_the_workflow_starts_it_in_any_case() -> None:
    pattern = event("StartUploadFunction", "RequestUploaded")["Pattern"]
    for key in pattern["detail"]["object"]["key"]:
        ending = key["suffix"]["equals-ignore-case"]
        assert place_of(UPLOAD + ("Kohya" if ending[0] == "." else "") + ending.upper().lstrip("/"))


def test_kept_pictures_start_no_training() -> None:
    kept = layout.uploads.pictures_prefix("acme", "a1") + layout.uploads.PICTURES_FILE
    assert not kept.endswith(tuple(suffixes("StartUploadFunction", "RequestUploaded")))


def test_an_archive_of_exported_data_starts_no_training() -> None:
    key = layout.uploads.export_key("acme", f"exp_{0:024x}")
    assert not key.endswith(tuple(suffixes("StartUploadFunction", "RequestUploaded")))


def test_follow_training_hears_of_exactly_what_a_training_job_reports() -> None:
    reports = {
        layout.models.result_key("p", "j"),
        layout.models.progress_key("p", "j"),
        layout.models.made_class_images_prefix("p", "k") + layout.container.CLASS_IMAGES_FILE,
    }
    assert suffixes("FollowTrainingFunction", "ResultWritten") == {
        "/" + key.rsplit("/", 1)[1] for key in reports
    }


@pytest.mark.parametrize(
    ("function", "name"),
    [("LaunchTrainingFunction", "SlotFree"), ("FollowTrainingFunction", "TrainingJobEnded")],
)
def test_events_of_training_jobs_are_asked_for_by_the_names_that_we_give(
    function: str, name: str
) -> None:
    detail = event(function, name)["Pattern"]["detail"]
    (asked,) = detail["TrainingJobName"]
    assert LaunchOrder("0" * 32, 1, ()).training_job_name.startswith(asked["prefix"])
    rights = {text for text in texts(RESOURCES) if ":training-job/" in text}
    assert {text.split("/")[-1] for text in rights} == {asked["prefix"] + "*"}
    assert detail["TrainingJobStatus"] == ["Completed", "Failed", "Stopped"]


def test_the_launcher_is_started_by_rows_that_wait_for_a_slot() -> None:
    asked = new_image("LaunchTrainingFunction", "Queued")
    assert asked == {"queue": ["queued"], "waiting_for": ["slot"]}
    for attribute, values in asked.items():
        assert set(values) <= choices(attribute)


def test_status_changes_come_from_rows_of_jobs() -> None:
    assert set(new_image("PublishStatusFunction", "Changed")) <= set(JobRecord.model_fields)


def test_the_outer_net_hears_of_every_red_end() -> None:
    detail = event("NotifyOutcomeFunction", "ExecutionEnded")["Pattern"]["detail"]
    red = get_args(ExecutionOutcome.model_fields["status"].annotation)
    assert set(detail["status"]) == set(red)


# --- names ------------------------------------------------------------------------------------


def test_a_log_group_has_its_function_s_name() -> None:
    for name, resource in RESOURCES.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        group = RESOURCES[resource["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]]
        text = folded(group["Properties"]["LogGroupName"])["Fn::Sub"]
        named = resource["Properties"]["FunctionName"]["Fn::Sub"]
        assert text == f"/aws/lambda/{named}", name
        assert group.get("Condition") == resource.get("Condition")
