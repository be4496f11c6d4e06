"""Every place where something of a person may be is emptied by an erasure, or has its reason.

Places are found in the code: each prefix that layout builds, each kind of row, and each resource
of the template that keeps something. A new one fails here until it is erased or explained.
"""

import ast
import inspect
from collections.abc import Callable, Iterable
from typing import get_type_hints

import pytest

from aws.erasure.api_rows import KINDS
from contracts.documents.erasure import API_STORES, STORES, ErasureSubject
from contracts.shared import layout
from domain.erasure.erasing import places_of, pushed_places
from domain.erasure.reach import reach_of
from domain.erasure.stopping import request_erasure
from tests.contract.files import ROOT, template
from tests.unit.domain.test_erasure import Erasing
from tests.unit.training_kit import NOON

KEPT_FOLDERS = {
    "takedowns": "another person's report; expires with PhotoRetentionDays",
    "priors": "the base drew them for everybody; they are named by hashes",
    "bases": "the operator's base models",
    "speeds": "measured speeds of bases; no tenant",
    "captioners": "the operator's captioning models",
    "safety": "the operator's safety checkers",
    "classifiers": "the operator's classifiers of photos and pictures",
    "names": "the operator's list of names",
    "receipts": "the receipts themselves: hashes and counts",
    "erased": "empty markers that tell the servers; expire after 30 days",
    "disabled": "empty markers that stop disabled models; without them a takedown would end",
}
"""First folders of keys that an erasure leaves, and why."""

KEPT_RESOURCES = {
    "AuditTable": "who did what, the tenant as a hash; ends as receipts say",
    "WebhooksQueue": "messages to the tenant's own address; four days, as receipts say",
    "WebhooksDeadLetterQueue": "the same, given up; fourteen days, as receipts say",
    "PicturesQueue": "ids of orders whose rows are gone; a day, as receipts say",
    "MarksSecret": "a key of the stack; no person's",
}
ERASED_RESOURCES = {
    "UploadsBucket", "ModelsBucket", "JobsTable", "ModelsTable", "ApiTable", "DeadLetterQueue",
    "UserPool",
}  # fmt: skip
KEEPING = (
    *("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Cognito::UserPool"),
    *("AWS::SecretsManager::Secret", "AWS::RDS::DBInstance", "AWS::EFS::FileSystem"),
)
"""Types of resources that keep what they are given. Log groups: receipts have their date."""

KEPT_OUTSIDE = {
    "BasesBucket": "what the operator has put there; no function writes photos there",
    "DataEventsBucket": "CloudTrail's records are not to be changed; receipts name them",
    "MlflowTracking": "runs have ids of jobs and figures; receipts name them (decision 0048)",
}
ERASED_OUTSIDE = {"HubBucket"}

KEPT_JOB_ROWS = {"erased": "the tombstone: a hash, without which a late event would revive it"}
ERASED_JOB_ROWS = {"upload", "expiry", "consent-end", "unused", "notice", "bill"}

PARTS = (layout.bases, layout.hub, layout.models, layout.rows, layout.uploads)


def functions(*endings: str) -> list[Callable[..., str]]:
    """Return layout's functions whose names end so."""
    found = [one for part in PARTS for one in inspect.getmembers(part, inspect.isfunction)]
    return [function for name, function in found if name.endswith(endings)]


def made_by(function: Callable[..., str]) -> str:
    """Return what a function of layout makes of arguments that stand for nothing."""
    hints = get_type_hints(function)
    given = {str: "x" * 32, int: 1, Iterable[str]: ["x" * 32]}
    return function(*(given[hints[name]] for name in inspect.signature(function).parameters))


def folders() -> set[str]:
    """Return the first folder of every key and prefix that layout has."""
    members = [one for part in PARTS for one in vars(part).items()]
    constants = [value for name, value in members if name.endswith("_PREFIX") and value]
    keys = [made_by(function) for function in functions("_prefix", "_key")]
    return {key.partition("/")[0].partition(".")[0] for key in (*keys, *constants)}


@pytest.fixture(scope="module")
def erased() -> set[str]:
    """The first folders of everything that the erasure of a tenant purges."""
    world = Erasing()
    world.train(1, 2)
    subject = ErasureSubject(tenant="acme")
    request_erasure(subject, world.stopping, NOON)
    reach = reach_of(subject, world.erasing)
    places = [*places_of(reach, world.erasing), *pushed_places(reach, world.erasing)]
    return {place.prefix.partition("/")[0] for place in places}


def test_every_folder_of_the_buckets_is_erased_or_has_its_reason(erased: set[str]) -> None:
    assert folders() == erased | KEPT_FOLDERS.keys()
    assert not erased & KEPT_FOLDERS.keys()


def test_every_kind_of_row_of_the_api_is_erased_or_has_its_reason() -> None:
    keys = {made_by(f) for f in functions("_row")} | {
        layout.rows.CONSENT_ROWS,
        layout.rows.EXPORT_ROWS,
    }
    begins = {key.partition("#")[0] for key in keys}
    known = {kind.begins for kind in KINDS}
    assert begins | {"rate"} == known | ERASED_JOB_ROWS | KEPT_JOB_ROWS.keys()
    assert all((kind.store is None) == bool(kind.why) for kind in KINDS)
    assert {kind.store for kind in KINDS if kind.store} == set(API_STORES) <= set(STORES)


def test_no_row_is_spelled_outside_of_the_lists() -> None:
    """A key such as ``word#...`` that is built elsewhere would be a kind that no list has."""
    spelled = {
        (path.name, begin)
        for path in (ROOT / "functions").rglob("*.py")
        if "layout" not in path.parts
        for begin in beginnings(ast.parse(path.read_text()))
    }
    assert {begin for _, begin in spelled} <= COUNTERS | NOT_ROWS, spelled


COUNTERS = {
    "rate", "requests", "exports", "takedown", "pictures", "trainings", "verify", "appeals",
}  # fmt: skip
"""What the HTTP API counts, under ``rate#``."""
NOT_ROWS = {""}
"""Names of attributes in expressions of DynamoDB begin with ``#``."""


def beginnings(tree: ast.AST) -> set[str]:
    """Return what stands before the ``#`` of every text that a placeholder follows."""
    texts = [node.values[0] for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    first = [str(one.value) for one in texts if isinstance(one, ast.Constant)]
    return {one.partition("#")[0] for one in first if "#" in one and " " not in one}


def test_every_resource_that_keeps_something_is_erased_or_has_its_reason() -> None:
    keeping = {name for name, found in template()["Resources"].items() if found["Type"] in KEEPING}
    assert keeping == ERASED_RESOURCES | KEPT_RESOURCES.keys()


def test_every_store_of_the_operator_is_erased_or_has_its_reason() -> None:
    outside = {
        name
        for name in template()["Parameters"]
        if name.endswith(("Bucket", "Table", "Tracking", "Queue"))
    }
    assert outside == ERASED_OUTSIDE | KEPT_OUTSIDE.keys()
