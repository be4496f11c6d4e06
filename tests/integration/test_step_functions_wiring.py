"""Events, streams, schedules, topics and least privilege, from one template, under AUTH=true."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud import RUNTIME, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.cloud.server import Cloud

TEMPLATE = Path(__file__).with_name("step_functions_wiring.yaml")
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
STACK = "wiring"


class Wiring:
    """The deployed template and its queues."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.s3, self.states = cloud.client("s3"), cloud.client("stepfunctions")
        self._sqs, self._functions = cloud.client("sqs"), cloud.client("lambda")
        self._backlogs: dict[str, list[Any]] = {}
        account = cloud.client("sts").get_caller_identity()["Account"]
        self.machine = f"arn:aws:states:us-east-1:{account}:stateMachine:wiring-machine"
        self.topic = f"arn:aws:sns:us-east-1:{account}:wiring-notices"

    def queue(self, name: str) -> str:
        url: str = self._sqs.get_queue_url(QueueName=f"wiring-{name}")["QueueUrl"]
        return url

    def receive(self, name: str, wanted: Callable[[Any], bool]) -> Any:
        """Return the first wanted message of a queue; other messages stay for later calls."""
        return eventually(lambda: self._look(name, wanted))

    def _look(self, name: str, wanted: Callable[[Any], bool]) -> Any:
        backlog = self._backlogs.setdefault(name, [])
        url = self.queue(name)
        received = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        for message in received.get("Messages", []):
            self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            backlog.append(json.loads(message["Body"]))
        found = next((body for body in backlog if wanted(body)), None)
        if found is not None:
            backlog.remove(found)
        return found

    def publish(self, **detail: Any) -> None:
        entry = {"Source": "wiring", "DetailType": "Said", "Detail": json.dumps(detail)}
        self.cloud.client("events").put_events(Entries=[entry])

    def work(self, *calls: tuple[str, str, dict[str, Any]]) -> list[str]:
        """Let the least-privilege function make calls; return the answers."""
        payload = json.dumps({"calls": calls})
        answer = self._functions.invoke(FunctionName="wiring-worker", Payload=payload)
        answers: list[str] = json.load(answer["Payload"])
        return answers


@pytest.fixture(scope="module")
def wiring(cloud: Cloud) -> Iterator[Wiring]:
    stacks = cloud.client("cloudformation")
    stacks.create_stack(
        StackName=STACK,
        TemplateBody=TEMPLATE.read_text(),
        Capabilities=CAPABILITIES,
        Parameters=[{"ParameterKey": "Runtime", "ParameterValue": RUNTIME}],
    )
    stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    kit = Wiring(cloud)
    yield kit
    for found in kit.s3.list_objects_v2(Bucket="wiring-photos").get("Contents", []):
        kit.s3.delete_object(Bucket="wiring-photos", Key=found["Key"])
    stacks.delete_stack(StackName=STACK)
    stacks.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def test_an_upload_starts_an_execution_whose_token_only_its_machine_s_worker_may_answer(
    wiring: Wiring,
) -> None:
    for key in ("tenants/t/request.json", "elsewhere/request.json", "tenants/t/photo.png"):
        wiring.s3.put_object(Bucket="wiring-photos", Key=key, Body=b"{}")
    held = wiring.receive("broken", lambda body: body.get("key", "k") != "k")
    assert held["key"] == "tenants/t/request.json"
    (running,) = wiring.states.list_executions(
        stateMachineArn=wiring.machine, statusFilter="RUNNING"
    )["executions"]
    answer = {"taskToken": held["token"], "output": '{"ok": true}'}
    beat = {"taskToken": held["token"]}
    assert wiring.work(
        ("stepfunctions", "send_task_heartbeat", beat),
        ("stepfunctions", "send_task_success", answer),
    ) == ["AccessDeniedException", "allowed"]
    ended = wiring.receive("inbox", of_status("SUCCEEDED", running["executionArn"]))
    assert json.loads(ended["detail"]["output"]) == {"ok": True}


def of_status(status: str, arn: str) -> Callable[[Any], bool]:
    """Return a filter for the event of an execution's status."""
    return lambda event: (
        event.get("source") == "aws.states"
        and event["resources"] == [arn]
        and event["detail"]["status"] == status
    )


def test_every_way_that_an_execution_ends_is_told_with_the_fields_of_aws(wiring: Wiring) -> None:
    begun = wiring.states.start_execution(stateMachineArn=wiring.machine, input="{}")
    failed = wiring.receive("inbox", of_status("FAILED", begun["executionArn"]))["detail"]
    assert failed["executionArn"] == begun["executionArn"]
    assert (failed["error"], failed["redriveStatus"], failed["redriveCount"]) == (
        "States.Runtime", "REDRIVABLE", 0,
    )  # fmt: skip
    assert {
        "executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "input",
        "inputDetails", "output", "outputDetails", "stateMachineVersionArn",
        "stateMachineAliasArn", "redriveCount", "redriveDate", "redriveStatus",
        "redriveStatusReason", "error", "cause",
    } == set(failed)  # fmt: skip
    assert isinstance(failed["startDate"], int)
    held = '{"detail": {"object": {"key": "k"}}}'
    arn = wiring.states.start_execution(stateMachineArn=wiring.machine, input=held)["executionArn"]
    wiring.receive("inbox", of_status("RUNNING", arn))
    wiring.receive("broken", lambda body: body.get("key") == "k")
    wiring.states.stop_execution(executionArn=arn, error="Enough")
    aborted = wiring.receive("inbox", of_status("ABORTED", arn))["detail"]
    assert (aborted["executionArn"], aborted["error"]) == (arn, "Enough")


def test_a_rule_s_function_is_retried_and_then_its_event_is_kept(wiring: Wiring) -> None:
    wiring.publish(word="hello")
    assert wiring.receive("inbox", lambda event: event.get("source") == "wiring")["detail"] == {
        "word": "hello"
    }
    wiring.publish(fail=True)
    kept = wiring.receive("broken", lambda body: "requestPayload" in body)
    assert kept["requestPayload"]["detail"] == {"fail": True}
    assert kept["responsePayload"]["errorType"] == "ValueError"


def test_an_event_that_no_target_takes_goes_to_the_dead_letters(wiring: Wiring) -> None:
    events, dead = wiring.cloud.client("events"), "arn:aws:sqs:us-east-1:000000000000:wiring-dead"
    events.put_rule(Name="wiring-lost", EventPattern='{"source": ["wiring.lost"]}')
    nobody = "arn:aws:lambda:us-east-1:000000000000:function:nobody"
    target = {"Id": "1", "Arn": nobody, "DeadLetterConfig": {"Arn": dead}}
    events.put_targets(Rule="wiring-lost", Targets=[target])
    entry = {"Source": "wiring.lost", "DetailType": "Lost", "Detail": '{"n": 1}'}
    events.put_events(Entries=[entry])
    assert wiring.receive("dead", lambda event: event.get("source") == "wiring.lost")["detail"] == {
        "n": 1
    }
    events.remove_targets(Rule="wiring-lost", Ids=["1"])
    events.delete_rule(Name="wiring-lost")


def test_a_rule_without_the_right_to_start_an_execution_starts_none(wiring: Wiring) -> None:
    events, iam = wiring.cloud.client("events"), wiring.cloud.client("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="wiring-powerless", AssumeRolePolicyDocument=document)["Role"][
        "Arn"
    ]
    dead = "arn:aws:sqs:us-east-1:000000000000:wiring-dead"
    events.put_rule(Name="wiring-poor", EventPattern='{"source": ["wiring.poor"]}')
    target = {"Id": "1", "Arn": wiring.machine, "RoleArn": role, "DeadLetterConfig": {"Arn": dead}}
    events.put_targets(Rule="wiring-poor", Targets=[target])
    entry = {"Source": "wiring.poor", "DetailType": "Poor", "Detail": "{}"}
    events.put_events(Entries=[entry])
    assert wiring.receive("dead", lambda event: event.get("source") == "wiring.poor")
    events.remove_targets(Rule="wiring-poor", Ids=["1"])
    events.delete_rule(Name="wiring-poor")


def test_a_schedule_fires_after_its_interval(
    wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ministack.services import eventbridge  # noqa: PLC0415 - after the server's start

    tick = eventbridge._tick_scheduled_rules  # noqa: SLF001 - the test cannot wait for a minute
    tick()
    later = time.time() + 61
    monkeypatch.setattr(eventbridge, "_now_ts", lambda: later)
    tick()
    fired = wiring.receive("inbox", lambda event: event.get("detail-type") == "Scheduled Event")
    assert fired["resources"][0].endswith("wiring-every-minute")


def test_a_row_s_change_reaches_the_stream_s_function_if_its_filter_wants_it(
    wiring: Wiring,
) -> None:
    table = wiring.cloud.client("dynamodb")
    for job, queue in (("1", "done"), ("2", "queued")):
        item = {"job_id": {"S": job}, "queue": {"S": queue}}
        table.put_item(TableName="wiring-jobs", Item=item)
    batch = wiring.receive("inbox", lambda event: "Records" in event)
    images = [record["dynamodb"]["NewImage"]["job_id"]["S"] for record in batch["Records"]]
    assert images == ["2"]


def test_a_poisonous_row_is_given_up_and_the_next_one_is_heard(wiring: Wiring) -> None:
    table = wiring.cloud.client("dynamodb")
    queue = {"queue": {"S": "queued"}}
    table.put_item(TableName="wiring-jobs", Item={"job_id": {"S": "poison"}, **queue})
    report = wiring.receive("dead", lambda body: "DDBStreamBatchInfo" in body)
    assert report["requestContext"]["condition"] == "RetryAttemptsExhausted"
    table.put_item(TableName="wiring-jobs", Item={"job_id": {"S": "3"}, **queue})
    records = wiring.receive("inbox", lambda event: "Records" in event)["Records"]
    assert [each["dynamodb"]["Keys"]["job_id"]["S"] for each in records] == ["3"]


def test_a_table_keeps_its_expiry_and_recovery(wiring: Wiring) -> None:
    table = wiring.cloud.client("dynamodb")
    expiry = table.describe_time_to_live(TableName="wiring-jobs")["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires")
    backups = table.describe_continuous_backups(TableName="wiring-jobs")
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_a_notice_reaches_the_subscriber_s_queue_as_it_was_sent(wiring: Wiring) -> None:
    publish = {"TopicArn": wiring.topic, "Message": '{"notice": 1}'}
    assert wiring.work(("sns", "publish", publish)) == ["allowed"]
    assert wiring.receive("subscriber", lambda body: "notice" in body) == {"notice": 1}


BUCKET = {"Bucket": "wiring-photos"}
ROW = {"job_id": {"S": "9"}}
POINT = [{"MetricName": "m", "Value": 1}]
MINE = {"Namespace": "Likeness", "MetricData": POINT}
DENIED, ALLOWED = ("AccessDenied", "AccessDeniedException"), ("allowed",)


@pytest.mark.parametrize(
    ("call", "answers"),
    [
        (("s3", "put_object", {**BUCKET, "Key": "in/a", "Body": "x"}), ALLOWED),
        (("s3", "put_object", {**BUCKET, "Key": "out/a", "Body": "x"}), DENIED),
        (("s3", "list_objects_v2", BUCKET), DENIED),
        (("dynamodb", "put_item", {"TableName": "wiring-jobs", "Item": ROW}), ALLOWED),
        (("dynamodb", "delete_item", {"TableName": "wiring-jobs", "Key": ROW}), DENIED),
        (("cloudwatch", "put_metric_data", MINE), ALLOWED),
        (("cloudwatch", "put_metric_data", {**MINE, "Namespace": "Other"}), DENIED),
        (("stepfunctions", "list_state_machines", {}), DENIED),
    ],
)
def test_a_role_allows_what_it_declares_and_nothing_else(
    wiring: Wiring, call: tuple[str, str, dict[str, Any]], answers: tuple[str, ...]
) -> None:
    assert wiring.work(call)[0] in answers
