"""Alarms and dashboard show what the code emits; every alarm has a page that says what to do."""

import ast
import json
import re
from typing import Any, get_args

import pytest

from contracts.shared.names import build_training_job_name
from runtime.metrics import UNITS, Figure, Outcome
from serving.metrics import UNITS as SERVING_UNITS
from tests.contract.files import ROOT, functions, template

OURS = "Likeness"
OF_AWS = {
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
    "AWS/States": {
        "ExecutionsStarted",
        "ExecutionsSucceeded",
        "ExecutionsFailed",
        "ExecutionsTimedOut",
    },
    "AWS/SageMaker": {
        "Invocation5XXErrors",
        "Invocations",
        "ModelCacheHit",
        "ModelLatency",
        "ModelLoadingWaitTime",
    },
    "/aws/sagemaker/Endpoints": {"GPUMemoryUtilization", "GPUUtilization", "MemoryUtilization"},
    "/aws/sagemaker/TrainingJobs": {
        "DiskUtilization",
        "GPUMemoryUtilization",
        "GPUUtilization",
        "MemoryUtilization",
    },
}
"""What those services publish, and we look at."""


def alarms() -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


SEARCH = re.compile(
    r"SEARCH\('\{(?P<namespace>[\w/]+),(?P<dimension>\w+)\} "
    r'MetricName="(?P<name>\w+)" (?P<word>\w+)\', \'\w+\', \d+\)'
)
"""A search for the metrics of one name, of every host whose name has the word in it."""


def lines() -> list[list[Any]]:
    body = template()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    return [metric for widget in widgets for metric in widget["properties"]["metrics"]]


def drawn() -> list[list[Any]]:
    """The lines of one metric each."""
    return [line for line in lines() if isinstance(line[0], str)]


def searched() -> list[dict[str, str]]:
    """The lines that are searches, in their parts."""
    found = [SEARCH.fullmatch(line[0]["expression"]) for line in lines() if line not in drawn()]
    return [{} if match is None else match.groupdict() for match in found]


def watched() -> set[tuple[str, str, tuple[str, ...]]]:
    """Every metric that somebody looks at: namespace, name, names of its dimensions."""
    seen = {
        (alarm["Namespace"], alarm["MetricName"], tuple(d["Name"] for d in alarm["Dimensions"]))
        for alarm in alarms().values()
    }
    for namespace, name, *rest in drawn():
        words = [word for word in rest if isinstance(word, str)]
        seen.add((namespace, name, tuple(words[::2])))
    return seen


def reported() -> set[str]:
    """The figures that some function reports, by reading the code."""
    calls = (
        node
        for path in (ROOT / "functions").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    return {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id == "report"
        and isinstance(call.args[0], ast.Constant)
    }


def documented() -> dict[str, str]:
    """Unit by metric, as docs/runbooks/README.md has them."""
    page = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    rows = re.findall(r"^\| (`.+?`) \| (\w+) \|", page, re.MULTILINE)
    return {name: unit for names, unit in rows for name in re.findall(r"`(\w+)`", names)}


def test_every_metric_is_documented_and_no_other() -> None:
    ours = {name: unit.value for name, unit in UNITS.items()}
    stages = dict.fromkeys(get_args(Outcome), "Count")
    assert documented() == {**ours, **stages, **SERVING_UNITS}


def test_each_figure_is_reported_somewhere_and_has_a_unit() -> None:
    assert reported() == set(get_args(Figure)) == set(UNITS)


@pytest.mark.parametrize(("namespace", "name", "dimensions"), sorted(watched()))
def test_a_watched_metric_exists(namespace: str, name: str, dimensions: tuple[str, ...]) -> None:
    if namespace != OURS:
        assert name in OF_AWS[namespace]
    elif name in get_args(Figure) or name in SERVING_UNITS:
        assert dimensions == ("service",)
    else:
        assert name in get_args(Outcome)
        assert set(dimensions) == {"service", "stage"}


def test_each_search_finds_the_training_jobs_of_likeness() -> None:
    assert searched()
    for search in searched():
        assert search["name"] in OF_AWS[search["namespace"]]
        assert search["dimension"] == "Host"  # "<training job's name>/algo-1"
        assert build_training_job_name("0" * 32, 1).split("-")[0] == search["word"]


@pytest.mark.parametrize("namespace", ["/aws/sagemaker/TrainingJobs", "/aws/sagemaker/Endpoints"])
@pytest.mark.parametrize("name", ["GPUUtilization", "GPUMemoryUtilization"])
def test_the_dashboard_shows_the_gpus_of_trainings_and_endpoint(namespace: str, name: str) -> None:
    seen = {(search["namespace"], search["name"]) for search in searched()}
    assert (namespace, name) in seen | {(line[0], line[1]) for line in drawn()}


def test_stages_on_the_dashboard_are_functions() -> None:
    stages = {metric[3] for metric in drawn() if metric[2] == "stage"}
    assert stages <= set(functions())


def test_our_metrics_carry_the_stack_s_name() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == OURS
    assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_the_base_s_metrics_carry_the_stack_s_name_and_are_read() -> None:
    container = template()["Resources"]["ServingModel"]["Properties"]["PrimaryContainer"]
    assert container["Environment"]["LIKENESS_SERVICE"] == {"Ref": "AWS::StackName"}
    names = {name for namespace, name, _ in watched() if namespace == OURS}
    assert {"RequestSeconds", "ActivationMilliseconds", "AdaptersResident"} <= names
    assert {"AnswerHits", "AdapterHits"} <= names


@pytest.mark.parametrize("name", alarms())
def test_an_alarm_notifies_operators_and_names_its_runbook(name: str) -> None:
    alarm = alarms()[name]
    assert {"Ref": "OperationsTopic"} in alarm["AlarmActions"]
    page = re.search(r"docs/runbooks/\w+\.md$", alarm["AlarmDescription"])
    assert page, "the description ends in its runbook"
    text = (ROOT / page[0]).read_text()
    for heading in ("## What it means", "## Look", "## Do"):
        assert heading in text


def test_each_runbook_belongs_to_an_alarm() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README"}
    named = {
        re.sub(r"(?<!^)([A-Z])", r"_\1", name.removesuffix("Alarm")).lower() for name in alarms()
    }
    assert pages == named
