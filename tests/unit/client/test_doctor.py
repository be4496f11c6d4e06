"""``likeness doctor`` names every fault, invents none, and never calls ignorance good."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from bench.doctor.__main__ import (
    GOOD,
    calls,
    denied,
    diagnose,
    findings,
    good_accounts,
    silent_denials,
    surplus,
)
from bench.doctor.faults import FAULTS, Fault, first, letters, quota
from contracts.shared.instances.quotas import refusal_sentence
from likeness_client.__main__ import main
from likeness_client.doctor import account as asking
from likeness_client.doctor.account import ACTIONS, Account, action_of
from likeness_client.doctor.catalogue import CATALOGUE, Severity
from likeness_client.doctor.checks import CHECKS
from likeness_client.doctor.command import SamConfigError, parameters_in, words_in
from likeness_client.doctor.finding import make_finding
from tests.fakes.aws_account import NOW, REGION, STACK, FakeAws, parameters

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in an account; return its exit status and what it prints."""

    def doctor(aws: FakeAws, *words: str) -> tuple[int, str]:
        monkeypatch.setattr(boto3.session, "Session", lambda: aws)
        monkeypatch.setattr(asking, "download", aws.fetch)
        status = main(["doctor", *words])
        return status, capsys.readouterr().out

    return doctor


# ---- faults and good accounts -------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_has_its_code_and_nothing_else_is_reported(fault: Fault) -> None:
    found = diagnose(fault)
    assert fault.code in [one.code for one in found]
    assert surplus(fault, found) == []
    for one in found:
        assert shlex.split(one.command, comments=True) or one.command.startswith("#")


def test_every_code_of_the_catalogue_has_a_fault() -> None:
    assert {fault.code for fault in FAULTS} | {"could_not_ask"} == set(CATALOGUE)


def test_nothing_is_wrong_with_good_accounts() -> None:
    accounts = list(good_accounts())
    assert len(accounts) == 2 * len(GOOD)
    assert [findings(aws, STACK, given) for aws, given in accounts] == [[]] * len(accounts)


def test_the_policy_allows_what_is_called_and_nothing_else() -> None:
    table = {
        action_of(service, operation)
        for service, operations in ACTIONS.items()
        for operation in operations
    }
    assert table == calls()


def test_a_call_that_is_not_in_the_policy_is_not_made() -> None:
    with pytest.raises(KeyError):
        FakeAws().account().ask("s3", "delete_object", Bucket="b", Key="k")


# ---- what cannot be asked -----------------------------------------------------------------------


def test_every_denied_call_is_reported_as_not_known() -> None:
    assert silent_denials() == []


def test_a_denied_call_names_every_check_that_lacks_it_and_quotes_aws() -> None:
    aws, given = denied("ecr:DescribeImages", deployed=False)
    (one,) = [one for one in findings(aws, STACK, given) if one.code == "could_not_ask"]
    assert one.entry.severity is Severity.UNKNOWN
    assert one.quote == "not authorized: ecr:DescribeImages"
    assert one.facts["check"] == "images, image_lifecycle, image_contents"


def test_what_was_found_before_a_call_was_denied_is_kept() -> None:
    aws = FakeAws(deployed=False)
    quota("ml.g5.2xlarge for training job usage", 0)(aws.memory)
    aws.memory.denied.add("ecr:DescribeImages")
    codes = [one.code for one in findings(aws, STACK, aws.memory.parameters)]
    assert codes == ["quota_training_zero", "could_not_ask"]


def test_a_download_that_fails_is_not_known_either() -> None:
    aws = FakeAws(deployed=False)

    def fetch(_url: str) -> bytes:
        raise OSError("timed out")

    account = Account(REGION, aws, fetch)
    (one,) = examined(account, aws)
    assert (one.code, one.subject) == ("could_not_ask", "ecr:GetDownloadUrlForLayer")


def test_only_https_is_downloaded() -> None:
    with pytest.raises(OSError, match="https"):
        asking.download("file:///etc/passwd")


def examined(account: Account, aws: FakeAws) -> Any:
    from likeness_client.doctor.deployment import look_up  # noqa: PLC0415
    from likeness_client.doctor.examine import checks_for, examine  # noqa: PLC0415

    deployment = look_up(account, STACK, aws.memory.parameters)
    return examine(deployment, account, checks_for(deployment, deep=False)).findings


# ---- quotas carry AWS's own sentence ------------------------------------------------------------


def test_a_quota_finding_carries_aws_s_sentence_and_the_command(run: Run) -> None:
    aws = FakeAws()
    quota("ml.g5.2xlarge for training job usage", 0)(aws.memory)
    status, text = run(aws, "--region", REGION, "--stack", STACK, "--json")
    assert status == 1
    (one,) = json.loads(text)["findings"]
    assert one["aws_foreseen"], "SageMaker was not asked for a training job"
    assert one["aws"] == refusal_sentence("ml.g5.2xlarge for training job usage", 0, 2)
    assert one["command"].startswith("aws service-quotas request-service-quota-increase")
    assert one["command"].endswith("--desired-value 2")


def test_a_request_that_aws_has_not_decided_is_named() -> None:
    aws = FakeAws()
    quota("ml.g5.2xlarge for training job usage", 0)(aws.memory)
    aws.memory.requested = [{"Status": "CASE_OPENED", "Created": NOW, "DesiredValue": 4.0}]
    (one,) = findings(aws, STACK, None)
    assert one.meaning.endswith("for 4 (CASE_OPENED).")


# ---- the command --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("quota 0 for training", 1),
        ("quota 0 for warm pools", 4),
        ("no budget", 0),
    ],
)
def test_the_exit_status_is_that_of_the_worst_finding(run: Run, name: str, status: int) -> None:
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    given = [f"{key}={value}" for key, value in fault.account().memory.parameters.items()]
    words = ("--region", REGION, "--parameter-overrides", *given)
    assert run(fault.account(), *words)[0] == status


def test_a_call_that_is_denied_ends_with_its_own_status(run: Run) -> None:
    aws = FakeAws()
    assert run(aws, "--region", REGION)[0] == 0
    aws.memory.denied.add("kms:GetKeyPolicy")
    assert run(aws, "--region", REGION)[0] == 0, "no customer's key is used"
    aws.memory.denied.add("events:DescribeRule")
    assert run(aws, "--region", REGION)[0] == 3
    quota("ml.g5.2xlarge for training job usage", 0)(aws.memory)
    assert run(aws, "--region", REGION)[0] == 1


def test_without_the_stacks_nothing_is_examined(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = FakeAws()
    aws.memory.denied.add("cloudformation:DescribeStacks")
    assert run(aws, "--region", REGION)[0] == 3
    assert "not authorized" not in capsys.readouterr().out


def test_the_report_says_what_why_and_how(run: Run) -> None:
    aws = FakeAws()
    letters("DeadLetterQueue")(aws.memory)
    _, text = run(aws, "--region", REGION)
    queue = first("AWS::SQS::Queue", aws.memory)
    head, _, rest = text.partition("\n")
    assert head == (
        f"likeness in {REGION}, account 123456789012, deployed (CREATE_COMPLETE):"
        f" {len(CHECKS)} checks"
    )
    assert rest == (
        "\nERROR    Events were not delivered  [dead_letters]\n"
        "         3 messages are in the dead-letter queue.\n"
        f"         $ likeness replay {queue}\n"
        "\n1 error, 0 not known, 0 warnings, 0 notes.\n"
    )


def test_a_good_stack_is_one_line(run: Run) -> None:
    status, text = run(FakeAws(), "--region", REGION)
    assert status == 0
    assert text.splitlines()[-1] == "Nothing is wrong."


def test_a_stack_that_is_not_there_is_not_examined_further(run: Run) -> None:
    status, text = run(FakeAws(deployed=False), "--region", REGION, "--json")
    report = json.loads(text)
    assert status == 1
    assert report["checks"] == ["names", "stack"]
    assert [one["code"] for one in report["findings"]] == ["stack_missing"]


def test_a_check_can_be_left_out(run: Run) -> None:
    aws = FakeAws()
    letters("DeadLetterQueue")(aws.memory)
    assert run(aws, "--region", REGION, "--skip", "dead_letters", "--skip", "work_queues")[0] == 0
    assert "sqs:GetQueueAttributes" not in aws.called


def test_a_check_that_does_not_exist_cannot_be_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--skip", "nothing"]) == 2
    assert "checks are parameters names" in capsys.readouterr().err


def test_files_without_a_checksum_are_downloaded_on_demand(run: Run) -> None:
    (fault,) = [fault for fault in FAULTS if fault.code == "base_not_hashed"]
    aws = fault.account()
    given = [f"{key}={value}" for key, value in aws.memory.parameters.items()]
    words = ("--region", REGION, "--json", "--hash", "--parameter-overrides", *given)
    status, text = run(aws, *words)
    assert status == 1
    assert [one["code"] for one in json.loads(text)["findings"]] == ["base_file_changed"]


# ---- samconfig.toml -----------------------------------------------------------------------------


def test_samconfig_is_read_as_sam_reads_it(run: Run, tmp_path: Path) -> None:
    given = " ".join(f'{name}="{value}"' for name, value in parameters().items())
    text = f"""
version = 0.1
[prod.global.parameters]
stack_name = "likeness"
[prod.deploy.parameters]
region = "{REGION}"
parameter_overrides = '{given} TrainingQuota=9'
"""
    (tmp_path / "samconfig.toml").write_text(text)
    config = ("--config-env", "prod", "--config-file", str(tmp_path / "samconfig.toml"))
    aws = FakeAws(deployed=False)
    status, report = run(aws, *config, "--json")
    assert status == 1
    assert {one["code"] for one in json.loads(report)["findings"]} == {
        "quota_training_low",
        "quota_total_low",
        "quota_warm_pool_low",
    }
    assert run(aws, *config, "--parameter-overrides", "TrainingQuota=1")[0] == 0


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_samconfig_of_this_repository_can_be_read(run: Run, environment: str) -> None:
    given = [f"{name}={value}" for name, value in parameters().items()]
    aws = FakeAws(deployed=False)
    words = ("--region", REGION, "--config-env", environment, "--json")
    _, report = run(aws, *words, "--parameter-overrides", *given)
    errors = [one for one in json.loads(report)["findings"] if one["severity"] == "error"]
    assert errors == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file"),
        ("[", "not TOML"),
        ("[dev.global.parameters]", "has no environment 'prod'; it has dev"),
        ("[prod.deploy.parameters]\nparameter_overrides = 'A'", "'A' is no parameter"),
    ],
)
def test_a_samconfig_that_cannot_be_read_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, reason: str
) -> None:
    path = tmp_path / "samconfig.toml"
    if text is not None:
        path.write_text(text)
    assert main(["doctor", "--config-env", "prod", "--config-file", str(path)]) == 2
    assert reason in capsys.readouterr().err


def test_both_forms_of_parameters_are_read() -> None:
    words = words_in(["A=1 ParameterKey=B,ParameterValue=2", "C='x y'"])
    assert parameters_in(words) == {"A": "1", "B": "2", "C": "x y"}
    with pytest.raises(SamConfigError):
        parameters_in(["=1"])


# ---- texts --------------------------------------------------------------------------------------


def test_what_others_have_written_is_data() -> None:
    one = make_finding(
        "endpoint_failed", "e; rm -rf /", "reason\x1b[2J", status="Failed", region="r"
    )
    assert shlex.split(one.command, comments=True)[-1] == "e; rm -rf /"
    assert "\x1b" not in one.quote


def test_a_finding_without_its_facts_is_a_fault_of_the_code() -> None:
    with pytest.raises(KeyError, match="url"):
        make_finding("dead_letters", "queue", "", count=1)


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_row_of_the_catalogue_can_be_read(code: str) -> None:
    entry = CATALOGUE[code]
    assert len(entry.title) <= 80
    assert entry.command
    assert code == code.lower()
