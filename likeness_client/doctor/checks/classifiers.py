"""Safety checker, content filter and age estimate: complete folders, named labels, known hashes."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from contracts.shared.layout.bases import classifier_prefix, safety_prefix
from contracts.shared.pictures.classifier import (
    CHECKER_FILES,
    CONFIG,
    FILES,
    MAX_WEIGHTS_BYTES,
    PREPROCESSOR,
    WEIGHTS,
    ClassifierError,
    chosen_labels,
    minor_labels,
    read_config,
    read_preprocessor,
)
from likeness_client.doctor.account import Account
from likeness_client.doctor.checks.bases import NONE, bucket_exists, lacking, listing
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.checks.sums import compare
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding


class Use(NamedTuple):
    """What a classifier is used for: the parameters that name it and its labels."""

    parameter: str
    labels: str
    choose: Callable[[str, Iterable[str]], tuple[str, ...]]


FILTER = Use("ContentFilterId", "ContentFilterLabels", chosen_labels)
AGES = Use("AgeEstimatorId", "MinorLabels", minor_labels)


def check_safety_checker(
    deployment: Deployment, account: Account, *, deep: bool = False
) -> Iterator[Finding]:
    """Find out whether the safety checker's folder has what diffusers loads."""
    checker, bucket = deployment.value("SafetyCheckerId", NONE), deployment.value("BasesBucket")
    used = deployment.holds("HasEndpoint") and checker not in {"", NONE}
    if not used or not bucket_exists(account, bucket):
        return
    folder = safety_prefix(checker)
    about = {"parameter": "SafetyCheckerId", "value": checker, "bucket": bucket}
    if missing := lacking(account, bucket, folder, {name: (name,) for name in CHECKER_FILES}):
        yield find(deployment, "safety_checker_missing", folder, missing=missing, **about)
        return
    yield from compare(deployment, account, folder, CHECKER_FILES, about, deep=deep)


def check_content_filter(
    deployment: Deployment, account: Account, *, deep: bool = False
) -> Iterator[Finding]:
    """Find out whether the content filter can be used."""
    yield from check(FILTER, deployment, account, deep=deep)


def check_age_estimate(
    deployment: Deployment, account: Account, *, deep: bool = False
) -> Iterator[Finding]:
    """Find out whether the age estimate can be used; say where a stack has none."""
    if deployment.value(AGES.parameter, NONE) in {"", NONE}:
        yield find(deployment, "age_not_estimated", AGES.parameter)
    yield from check(AGES, deployment, account, deep=deep)


def check(use: Use, deployment: Deployment, account: Account, *, deep: bool) -> Iterator[Finding]:
    """Find out whether a folder is complete, a ViT's, unchanged, and has the labels."""
    named, bucket = deployment.value(use.parameter, NONE), deployment.value("BasesBucket")
    if named in {"", NONE} or not bucket_exists(account, bucket):
        return
    folder = classifier_prefix(named)
    about = {"parameter": use.parameter, "value": named, "bucket": bucket}
    if missing := lacking(account, bucket, folder, {name: (name,) for name in FILES}):
        yield find(deployment, "classifier_missing", folder, missing=missing, **about)
        return
    try:
        read(use, deployment, account, folder)
    except ClassifierError as error:
        yield find(deployment, "classifier_unusable", folder, str(error), **about)
        return
    yield from compare(deployment, account, folder, FILES, about, deep=deep)


def read(use: Use, deployment: Deployment, account: Account, folder: str) -> None:
    """Read what can be read without loading the weights.

    Raises:
        ClassifierError: the folder is no ViT's, lacks a label, or its weights are too large.
    """
    bucket = deployment.value("BasesBucket")

    def body(name: str) -> bytes:
        answer = account.ask("s3", "get_object", Bucket=bucket, Key=folder + name)
        content: bytes = answer["Body"].read()
        return content

    config = read_config(body(CONFIG))
    read_preprocessor(body(PREPROCESSOR), config)
    use.choose(deployment.value(use.labels), config.labels)
    key = folder + WEIGHTS
    if listing(account, bucket, key)[key]["Size"] > MAX_WEIGHTS_BYTES:
        raise ClassifierError(f"{WEIGHTS} has more than {MAX_WEIGHTS_BYTES >> 20} MiB")
