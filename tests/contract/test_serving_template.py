"""What the template promises of the endpoint's life; docs/serving.md tells it."""

from typing import Any

from aws.endpoint.lifecycle import HOST_NAMESPACE, NAMESPACE
from contracts.documents.hosting import ReaperEvent
from contracts.shared.instances.accelerators import INSTANCES, endpoint_types
from contracts.shared.instances.endpoint_tags import (
    APPLICATION,
    CLOUDFORMATION,
    MADE_BY,
    is_made_on_demand,
)
from contracts.shared.layout.bases import classifier_prefix, names_key, safety_prefix
from domain.serving.endpoint import RELEASE_CHECKS, RELEASE_PAUSE_SECONDS
from serving.metrics import NAMESPACE as ENGINE_NAMESPACE
from serving.metrics import UNITS
from tests.contract.files import functions, template

NAMES_FILE = names_key("${BlockedNamesId}")
SAFETY_FOLDER = safety_prefix("${SafetyCheckerId}")
FILTER_FOLDER = classifier_prefix("${ContentFilterId}")
RESOURCES: dict[str, Any] = template()["Resources"]
CONDITIONS: dict[str, Any] = template()["Conditions"]


def test_an_endpoint_that_stays_grows_and_shrinks_with_its_calls() -> None:
    target = RESOURCES["EndpointScalingTarget"]
    policy = RESOURCES["EndpointScalingPolicy"]
    assert target["Condition"] == policy["Condition"] == "EndpointScales"
    assert {"Condition": "EndpointStays"} in CONDITIONS["EndpointScales"]["Fn::And"]
    wanted, rules = target["Properties"], policy["Properties"]
    variant = RESOURCES["ServingEndpointConfig"]["Properties"]["ProductionVariants"][0]
    assert wanted["ResourceId"]["Fn::Sub"].endswith(f"/variant/{variant['VariantName']}")
    assert wanted["MinCapacity"] == variant["InitialInstanceCount"]
    assert wanted["MaxCapacity"] == {"Ref": "EndpointMaxInstances"}
    assert rules["ScalingTargetId"] == {"Ref": "EndpointScalingTarget"}
    tracking = rules["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == {"Ref": "EndpointCallsPerMinute"}
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "SageMakerVariantInvocationsPerInstance"
    assert tracking["ScaleInCooldown"] > tracking["ScaleOutCooldown"]


def test_an_endpoint_that_stays_grows_with_the_requests_inside_it_too() -> None:
    policy = RESOURCES["EndpointQueuePolicy"]
    assert policy["Condition"] == "EndpointScales"
    tracking = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == {"Ref": "EndpointWaitingRequests"}
    assert tracking["DisableScaleIn"] is True, "an idle engine writes no metric"
    metric = tracking["CustomizedMetricSpecification"]
    assert metric["Namespace"] == NAMESPACE == ENGINE_NAMESPACE
    assert metric["MetricName"] in UNITS
    assert metric["Dimensions"] == [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}]


def test_an_endpoint_that_stays_grows_with_the_use_of_each_gpu_too() -> None:
    policy = RESOURCES["EndpointGpuPolicy"]
    assert policy["Condition"] == "EndpointScales"
    tracking = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == {"Ref": "EndpointGpuPercent"}
    assert "DisableScaleIn" not in tracking, "an idle GPU has a metric, too"
    every, each = tracking["CustomizedMetricSpecification"]["Metrics"]
    assert (every["ReturnData"], each["ReturnData"]) == (False, True)
    metric = every["MetricStat"]["Metric"]
    assert (metric["Namespace"], metric["MetricName"]) == (HOST_NAMESPACE, "GPUUtilization")
    assert {one["Name"] for one in metric["Dimensions"]} == {"EndpointName", "VariantName"}
    expression, values = each["Expression"]["Fn::Sub"]
    count = {"Fn::FindInMap": ["Gpus", {"Ref": "EndpointInstanceType"}, "Count"]}
    assert (expression, values) == (f"{every['Id']} / ${{Count}}", {"Count": count})
    reaper = RESOURCES["ReapEndpointFunction"]["Properties"]["Environment"]["Variables"]
    assert reaper["ENDPOINT_GPUS"] == count
    assert reaper["ENDPOINT_GPU_PERCENT"] == tracking["TargetValue"]


def test_the_template_knows_how_many_gpus_an_instance_has() -> None:
    known = {name: one["Count"] for name, one in template()["Mappings"]["Gpus"].items()}
    assert known == {name: str(INSTANCES[name].gpus) for name in endpoint_types()}


def test_a_schedule_warms_either_endpoint_ahead() -> None:
    condition, actions, _ = RESOURCES["EndpointScalingTarget"]["Properties"]["ScheduledActions"][
        "Fn::If"
    ]
    assert condition == "Prewarms"
    assert [
        (one["Schedule"]["Ref"], one["ScalableTargetAction"]["MinCapacity"]["Ref"])
        for one in actions
    ] == [
        ("PrewarmSchedule", "EndpointMaxInstances"),
        ("PrewarmEndSchedule", "EndpointMinInstances"),
    ]
    schedule = RESOURCES["ReapEndpointFunction"]["Properties"]["Events"]["Prewarm"]["Properties"]
    assert schedule["Schedule"]["Fn::If"][:2] == ["PrewarmsOnDemand", {"Ref": "PrewarmSchedule"}]
    assert schedule["State"] == {"Fn::If": ["PrewarmsOnDemand", "ENABLED", "DISABLED"]}
    assert ReaperEvent.model_validate_json(schedule["Input"]).prewarm


def test_an_endpoint_on_demand_is_not_cloudformations_and_goes_with_the_stack() -> None:
    assert RESOURCES["ServingEndpoint"]["Condition"] == "EndpointStays"
    assert RESOURCES["ReapEndpointFunction"]["Condition"] == "EndpointOnDemand"
    assert RESOURCES["EndpointOnDemandRelease"]["Condition"] == "HasEndpoint"
    assert RESOURCES["ReleaseEndpointFunction"]["Condition"] == "HasEndpoint"
    values = template()["Parameters"]["CreateEndpoint"]["AllowedValues"]
    assert values == ["true", "on-demand", "false"]


def test_an_endpoint_s_name_is_free_before_cloudformation_makes_one() -> None:
    assert RESOURCES["ServingEndpoint"]["DependsOn"] == "EndpointOnDemandRelease"
    release = RESOURCES["EndpointOnDemandRelease"]["Properties"]
    assert release["CreateEndpoint"] == {"Ref": "CreateEndpoint"}, "a change must reach it"
    function = RESOURCES["ReleaseEndpointFunction"]["Properties"]
    looks = RELEASE_CHECKS * RELEASE_PAUSE_SECONDS
    assert looks < function["Timeout"] <= 900 < release["ServiceTimeout"]


def test_who_made_an_endpoint_stands_on_it() -> None:
    tags = {t["Key"]: t["Value"] for t in RESOURCES["ServingEndpoint"]["Properties"]["Tags"]}
    assert tags == dict((APPLICATION, (MADE_BY, CLOUDFORMATION)))
    assert not is_made_on_demand(tags)


def test_the_reaper_looks_more_often_than_an_endpoint_may_idle() -> None:
    event = RESOURCES["ReapEndpointFunction"]["Properties"]["Events"]["EveryFiveMinutes"]
    assert event["Properties"]["Schedule"] == "rate(5 minutes)"
    assert template()["Parameters"]["EndpointIdleMinutes"]["MinValue"] > 5


def test_the_container_may_read_its_packages_and_its_base_and_nothing_else() -> None:
    (policy,) = RESOURCES["EndpointRole"]["Properties"]["Policies"]
    reads = [
        statement["Resource"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "s3:GetObject" in statement["Action"]
    ]
    places = [place["Fn::Sub"] for group in reads for place in group if "Fn::Sub" in place]
    assert [place.split("}/")[-1] for place in places if "ModelsBucket" in place] == ["endpoint/*"]
    pictures = [place.split("}/")[-1] for place in places if "UploadsBucket" in place]
    assert pictures == ["tenants/*/pictures/*", "answers/*"], "no photo of a training"
    assert len(places) == 4
    chosen = [place["Fn::If"] for group in reads for place in group if "Fn::If" in place]
    assert {nothing["Ref"] for _, _, nothing in chosen} == {"AWS::NoValue"}
    found = {condition: place["Fn::Sub"].partition(":::")[2] for condition, place, _ in chosen}
    assert found == {
        "HasSafetyChecker": f"${{BasesBucket}}/{SAFETY_FOLDER}*",
        "HasContentFilter": f"${{BasesBucket}}/{FILTER_FOLDER}*",
        "HasBlockedNames": f"${{BasesBucket}}/{NAMES_FILE}",
    }


def test_server_and_intake_read_one_list_of_names() -> None:
    container = RESOURCES["ServingModel"]["Properties"]["PrimaryContainer"]
    condition, uri, _ = container["Environment"]["LIKENESS_NAMES_URI"]["Fn::If"]
    assert condition == "HasBlockedNames"
    assert uri == {"Fn::Sub": f"s3://${{BasesBucket}}/{NAMES_FILE}"}
    intake = functions()["accept_request"]
    assert intake["Environment"]["Variables"]["BLOCKED_NAMES_ID"] == {"Ref": "BlockedNamesId"}
    assert f"${{BasesBucket}}/{NAMES_FILE}" in str(intake["Policies"])


def test_server_and_intake_have_one_content_filter_and_only_intake_estimates_ages() -> None:
    container = RESOURCES["ServingModel"]["Properties"]["PrimaryContainer"]
    condition, uri, _ = container["Environment"]["LIKENESS_FILTER_URI"]["Fn::If"]
    assert (condition, uri) == (
        "HasContentFilter",
        {"Fn::Sub": f"s3://${{BasesBucket}}/{FILTER_FOLDER}"},
    )
    intake = functions()["inspect_photos"]
    variables = intake["Environment"]["Variables"]
    for name, parameter in (("LABELS", "Labels"), ("THRESHOLD", "Threshold")):
        found = {"Ref": f"ContentFilter{parameter}"}
        assert variables[f"CONTENT_FILTER_{name}"] == found
        assert container["Environment"][f"LIKENESS_FILTER_{name}"] == found
    ages = classifier_prefix("${AgeEstimatorId}")
    assert all(folder in str(intake["Policies"]) for folder in (FILTER_FOLDER, ages))
    assert ages not in str(RESOURCES["EndpointRole"])


def test_the_container_writes_large_answers_and_nothing_else() -> None:
    (policy,) = RESOURCES["EndpointRole"]["Properties"]["Policies"]
    (writes,) = [
        statement
        for statement in policy["PolicyDocument"]["Statement"]
        if any(action.startswith(("s3:Put", "s3:Del")) for action in statement["Action"])
    ]
    assert writes["Resource"] == {"Fn::Sub": "${UploadsBucket.Arn}/answers/*"}
    container = RESOURCES["ServingModel"]["Properties"]["PrimaryContainer"]
    assert container["Environment"]["LIKENESS_PICTURES_BUCKET"] == {"Ref": "UploadsBucket"}


def test_the_server_fetches_the_checker_that_its_role_may_read() -> None:
    container = RESOURCES["ServingModel"]["Properties"]["PrimaryContainer"]
    condition, uri, _ = container["Environment"]["LIKENESS_SAFETY_URI"]["Fn::If"]
    assert condition == "HasSafetyChecker"
    assert uri == {"Fn::Sub": f"s3://${{BasesBucket}}/{SAFETY_FOLDER}"}


def test_the_container_is_told_its_region() -> None:
    """It calls AWS by boto3, which does not read AWS_REGION."""
    container = RESOURCES["ServingModel"]["Properties"]["PrimaryContainer"]
    assert container["Environment"]["LIKENESS_REGION"] == {"Ref": "AWS::Region"}


def test_an_update_keeps_the_instances_of_an_endpoint_that_has_grown() -> None:
    """By default UpdateEndpoint begins with InitialInstanceCount again, whatever the load."""
    endpoint = RESOURCES["ServingEndpoint"]["Properties"]
    assert endpoint["RetainAllVariantProperties"] == {
        "Fn::If": ["EndpointScales", True, {"Ref": "AWS::NoValue"}]
    }
