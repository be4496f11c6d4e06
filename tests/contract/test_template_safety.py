"""What template.yaml promises about photos, rights and lost events."""

from collections.abc import Iterator
from typing import Any

import pytest

from http_api.front import OPEN, PREFLIGHT
from tests.contract.files import template

RESOURCES: dict[str, Any] = template()["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of a type."""
    return {
        name: resource.get("Properties", {})
        for name, resource in RESOURCES.items()
        if resource["Type"] == kind
    }


BUCKETS = of_type("AWS::S3::Bucket")
TABLES = of_type("AWS::DynamoDB::Table")
DEAD_LETTERS = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}


def events() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every event that starts a function or a workflow."""
    kinds = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
    for name, properties in {**of_type(kinds[0]), **of_type(kinds[1])}.items():
        for event, found in properties.get("Events", {}).items():
            yield f"{name}.{event}", found


EVENTS = dict(events())


def test_uploaded_photos_and_their_old_versions_expire() -> None:
    rules = BUCKETS["UploadsBucket"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (one for one in rules if not {"Prefix", "Filter", "TagFilters"} & set(one))
    assert {one["Status"] for one in rules} == {"Enabled"}
    assert rule["ExpirationInDays"] == {"Ref": "PhotoRetentionDays"}
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_private_and_encrypted_and_answers_over_tls_only(bucket: str) -> None:
    properties = BUCKETS[bucket]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["BucketEncryption"]
    policies = of_type("AWS::S3::BucketPolicy").values()
    (policy,) = [found for found in policies if found["Bucket"] == {"Ref": bucket}]
    (statement,) = [
        found for found in policy["PolicyDocument"]["Statement"] if found["Sid"] == "TlsOnly"
    ]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "s3:*",
    )
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    arns = [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}]
    assert statement["Resource"] == arns


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_encrypted_and_can_be_brought_back(table: str) -> None:
    assert TABLES[table]["SSESpecification"] == {"SSEEnabled": True}
    recovery = TABLES[table]["PointInTimeRecoverySpecification"]
    assert recovery == {"PointInTimeRecoveryEnabled": True}
    assert TABLES[table]["DeletionProtectionEnabled"] == {
        "Fn::If": ["DataIsProtected", True, False]
    }


@pytest.mark.parametrize("name", [*BUCKETS, *TABLES])
def test_what_holds_data_outlives_a_protected_stack_and_every_replacement(name: str) -> None:
    kept = {"Fn::If": ["DataIsProtected", "Retain", "Delete"]}
    assert RESOURCES[name]["DeletionPolicy"] == kept
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("policy", ["DeletionPolicy", "UpdateReplacePolicy"])
def test_the_policies_are_such_as_the_language_extensions_understand(policy: str) -> None:
    """AWS::LanguageExtensions refuses the whole template over one: docs/decisions/0079."""
    for name, resource in RESOURCES.items():
        found = resource.get(policy, "Delete")
        values = found["Fn::If"][1:] if isinstance(found, dict) else [found]
        assert set(values) <= {"Delete", "Retain", "Snapshot"}, name
        assert isinstance(found, str) or "Condition" not in resource, name


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_keeps_old_versions_for_a_while_and_drops_unfinished_uploads(bucket: str) -> None:
    assert BUCKETS[bucket]["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = BUCKETS[bucket]["LifecycleConfiguration"]["Rules"]
    whole = [rule for rule in rules if "Prefix" not in rule]
    assert any("NoncurrentVersionExpiration" in rule for rule in whole)
    assert any("AbortIncompleteMultipartUpload" in rule for rule in whole)


def test_the_stack_s_own_roles_are_no_tenants_even_if_the_stack_has_the_tag() -> None:
    """CloudFormation gives a stack's tags to its roles, and cuts off the stack's name in theirs."""
    roles = of_type("AWS::IAM::Role")
    for policy in of_type("AWS::S3::BucketPolicy").values():
        (denial,) = [
            one for one in policy["PolicyDocument"]["Statement"] if "ArnNotLike" in one["Condition"]
        ]
        excepted = denial["Condition"]["ArnNotLike"]
        functions = excepted["lambda:SourceFunctionArn"]["Fn::Sub"]
        assert functions.endswith(":function:${AWS::StackName}-*")
        own = excepted["aws:PrincipalArn"]
        assert own[0]["Fn::Sub"].endswith(":role/${AWS::StackName}-*")
        named = {one.get("Fn::If", [None, one])[1]["Fn::GetAtt"][0] for one in own[1:]}
        assert named == set(roles)


def has_event(function: str, kind: str) -> bool:
    found = of_type("AWS::Serverless::Function")[function].get("Events", {})
    return kind in {event["Type"] for event in found.values()}


@pytest.mark.parametrize(
    "function",
    [
        name
        for name in of_type("AWS::Serverless::Function")
        if has_event(name, "EventBridgeRule") and not has_event(name, "Schedule")
    ],
)
def test_an_event_with_which_a_function_fails_is_kept(function: str) -> None:
    """EventBridge has done its part when Lambda has the event; Lambda drops it after its tries.

    A function that has a schedule finds by itself what it has missed.
    """
    config = of_type("AWS::Serverless::Function")[function]["EventInvokeConfig"]
    failure = {"Type": "SQS", "Destination": DEAD_LETTERS}
    assert config["DestinationConfig"] == {"OnFailure": failure}


READ = {"DynamoDB", "SQS"}
"""Sources that Lambda reads: a stream has its own destination, a queue its own dead letters."""


@pytest.mark.parametrize("name", [n for n, found in EVENTS.items() if found["Type"] not in READ])
def test_an_event_that_cannot_be_delivered_is_kept(name: str) -> None:
    assert EVENTS[name]["Properties"]["DeadLetterConfig"] == {"Arn": DEAD_LETTERS}


@pytest.mark.parametrize("name", [n for n, found in EVENTS.items() if found["Type"] == "DynamoDB"])
def test_rows_that_a_function_cannot_take_are_kept_and_do_not_hold_up_others(name: str) -> None:
    properties = EVENTS[name]["Properties"]
    failure = {"Type": "SQS", "Destination": DEAD_LETTERS}
    assert properties["DestinationConfig"] == {"OnFailure": failure}
    assert properties["BisectBatchOnFunctionError"] is True
    assert properties["MaximumRetryAttempts"] > 0


@pytest.mark.parametrize("name", [n for n, found in EVENTS.items() if found["Type"] == "SQS"])
def test_a_message_that_a_function_cannot_take_goes_to_the_queues_dead_letters(name: str) -> None:
    queue = EVENTS[name]["Properties"]["Queue"]["Fn::GetAtt"][0]
    redrive = RESOURCES[queue]["Properties"]["RedrivePolicy"]
    letters = RESOURCES[redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]]
    assert letters["Properties"]["MessageRetentionPeriod"] == 1209600
    assert EVENTS[name]["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def statements(node: Any) -> Iterator[dict[str, Any]]:
    """Every statement in a part of the template, also those under a condition."""
    if isinstance(node, dict) and "Effect" in node:
        yield node
    elif isinstance(node, dict | list):
        for part in node.values() if isinstance(node, dict) else node:
            yield from statements(part)


def rights(function: str) -> list[dict[str, Any]]:
    policies = of_type("AWS::Serverless::Function")[function].get("Policies", [])
    return list(statements(policies))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def woken_by(function: str) -> set[str]:
    """The functions that a function wakes: by a message to the queue that they read, or itself."""
    readers = {
        found["Properties"]["Queue"]["Fn::GetAtt"][0]: name.partition(".")[0]
        for name, found in EVENTS.items()
        if found["Type"] == "SQS"
    }
    woken: set[str] = set()
    for statement in rights(function):
        named = {
            str(one.get("Fn::GetAtt", [""])[0])
            for one in as_list(statement["Resource"])
            if isinstance(one, dict)
        }
        if "sqs:SendMessage" in statement["Action"]:
            woken |= {readers[queue] for queue in named & readers.keys()}
        if "lambda:InvokeFunction" in statement["Action"]:
            woken |= named
    return woken


@pytest.mark.parametrize("function", of_type("AWS::Serverless::Function"))
def test_a_function_that_wakes_itself_says_that_it_is_meant_to(function: str) -> None:
    """After 16 calls Lambda drops the message ("Recursive loop detection" in its guide)."""
    near = woken_by(function)
    reached: set[str] = set()
    while near - reached:
        reached |= near
        near = {far for each in near for far in woken_by(each)}
    allowed = of_type("AWS::Serverless::Function")[function].get("RecursiveLoop") == "Allow"
    assert allowed == (function in reached)


def objects_of(function: str, bucket: str) -> set[str]:
    """The folders of a bucket whose objects a function may touch."""
    prefix = f"${{{bucket}.Arn}}/"
    found: set[str] = set()
    for statement in rights(function):
        if statement["Effect"] == "Deny":
            continue
        for resource in as_list(statement["Resource"]):
            text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
            if isinstance(text, str) and text.startswith(prefix):
                found.add(text.removeprefix(prefix))
    return found


PHOTOS = {
    "AcceptRequestFunction": {"tenants/*", "unpacked/*"},
    "InspectPhotosFunction": {"tenants/*", "unpacked/*", "accepted/*"},
    "HttpApiFunction": {"tenants/*", "takedowns/*", "exports/*"},
    "ExportDataFunction": {"tenants/*", "unpacked/*", "accepted/*", "answers/*", "exports/*"},
    "FindMarkedModelFunction": {"takedowns/*"},
    "DecideAppealFunction": {"tenants/*/appeals/*"},  # refused texts, and no photo
    "ExpirePhotosFunction": {"tenants/*", "unpacked/*", "accepted/*"},
    # It deletes them, and reads no photo: of what is read only these documents are there.
    "EraseStoresFunction": {
        "tenants/*",
        "unpacked/*",
        "accepted/*",
        "answers/*",
        "exports/*",
        "tenants/*/pictures.json",
        "tenants/*/order.json",
    },
    "DrawPictureFunction": {"tenants/*/pictures/pic_*", "answers/*"},
    # All but our own folders, which it is denied (test_layout.py): an operator maps any other.
    "MoveUploadFunction": {"*", "tenants/*/uploads/*"},
}
"""Who may touch photos, and where."""


@pytest.mark.parametrize("function", of_type("AWS::Serverless::Function"))
def test_only_intake_and_the_api_touch_photos_and_only_in_their_own_folders(function: str) -> None:
    assert objects_of(function, "UploadsBucket") == PHOTOS.get(function, set())


@pytest.mark.parametrize("function", of_type("AWS::Serverless::Function"))
def test_no_right_of_a_function_is_for_a_whole_bucket_or_every_action(function: str) -> None:
    for bucket in BUCKETS:
        assert "*" not in objects_of(function, bucket) or function == "MoveUploadFunction"
    actions = [action for s in rights(function) for action in as_list(s["Action"])]
    assert not [action for action in actions if action.endswith("*")]


def test_who_exports_reads_everything_and_writes_archives_alone() -> None:
    writing = {"s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
    changed = [
        s["Resource"] for s in rights("ExportDataFunction") if writing & {*as_list(s["Action"])}
    ]
    assert changed == [{"Fn::Sub": "${UploadsBucket.Arn}/exports/*"}]
    stored = [s for s in rights("ExportDataFunction") if "dynamodb:UpdateItem" in s["Action"]]
    assert [s["Condition"]["ForAllValues:StringLike"] for s in stored] == [
        {"dynamodb:LeadingKeys": ["export#*"]}
    ]


def test_one_function_stands_behind_the_authorizer() -> None:
    """The authorizer lets refused callers through, without a tenant: http_api alone knows that."""
    routes = {
        name: route
        for name, route in of_type("AWS::ApiGatewayV2::Route").items()
        if "/studio" not in route["RouteKey"]
    }
    targets = {str(route["Target"]) for route in routes.values()}
    assert targets == {str({"Fn::Sub": "integrations/${HttpApiIntegration}"})}
    integrations = of_type("AWS::ApiGatewayV2::Integration")
    assert set(integrations) == {"HttpApiIntegration", "StudioIntegration"}
    integration = integrations["HttpApiIntegration"]
    assert integration["IntegrationUri"] == {"Fn::GetAtt": ["HttpApiFunction", "Arn"]}
    opened = {r["RouteKey"] for r in routes.values() if r["AuthorizationType"] == "NONE"}
    assert opened == OPEN | {f"{PREFLIGHT} /v1/{{proxy+}}"}


def test_a_page_s_preflight_meets_no_authorizer() -> None:
    """ANY has OPTIONS too, and a browser sends no credential with it."""
    routes = of_type("AWS::ApiGatewayV2::Route")
    (any_method,) = [r for r in routes.values() if r["RouteKey"].startswith("ANY /v1/")]
    own = {f"{PREFLIGHT} {any_method['RouteKey'].partition(' ')[2]}": "HasOrigins"}
    found = {
        route["RouteKey"]: RESOURCES[name]["Condition"]
        for name, route in routes.items()
        if route["RouteKey"].startswith(PREFLIGHT)
    }
    assert found == own
    assert RESOURCES["HttpApi"]["Properties"]["CorsConfiguration"]["Fn::If"][0] == "HasOrigins"


def test_people_cannot_write_their_own_tenant_or_role() -> None:
    (client,) = of_type("AWS::Cognito::UserPoolClient").values()
    assert client["WriteAttributes"] == ["email"]
