"""What an operator sets: the environment variables that the engine reads."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.shared.pictures.picture_places import tenant_hash
from contracts.shared.words.blocked_words import NONE, parse_words

QUEUE_SIZE = 64
"""Requests that may wait, beside those of one pass."""

ROWS_PER_PASS = 8
"""Pictures drawn together."""

REQUEST_SECONDS = 60
"""Seconds that SageMaker waits for an answer."""

ADAPTER_MEGABYTES = 1024
ANSWER_MEGABYTES = 64


class SettingError(Exception):
    """A variable cannot be used; the message says which one, and what it may be."""


@dataclass(frozen=True)
class Settings:
    """The settings of the base's process."""

    rows_per_pass: int
    queue_size: int
    request_seconds: float
    """Time from the arrival of a request to its answer."""
    request_work: float
    """Megapixel steps of one request; 0: no limit."""
    model_work: float
    """Megapixel steps that one model's unanswered requests may have together; 0: no limit."""
    adapter_bytes: int
    answer_bytes: int
    tenant_weights: dict[str, float]
    """By the hash of the tenant's id."""
    blocked_words: tuple[str, ...]
    """Words and phrases that no prompt may have, in their plain form."""
    pictures_bucket: str
    """Bucket with tenants' pictures, where large answers are stored; empty: none is."""


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings.

    Raises:
        SettingError: a variable has no usable value.
    """

    def number(name: str, default: float) -> float:
        try:
            value = float(environment.get(name, default))
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            message = f"{name} must be a number, 0 or more"
            raise SettingError(message)
        return value

    return Settings(
        rows_per_pass=max(1, int(number("LIKENESS_ROWS_PER_PASS", ROWS_PER_PASS))),
        queue_size=int(number("LIKENESS_QUEUE_SIZE", QUEUE_SIZE)),
        request_seconds=number("LIKENESS_REQUEST_SECONDS", REQUEST_SECONDS),
        request_work=number("LIKENESS_REQUEST_WORK", 0),
        model_work=number("LIKENESS_MODEL_WORK", 0),
        adapter_bytes=int(number("LIKENESS_ADAPTER_MEGABYTES", ADAPTER_MEGABYTES)) << 20,
        answer_bytes=int(number("LIKENESS_ANSWER_MEGABYTES", ANSWER_MEGABYTES)) << 20,
        tenant_weights=parse_weights(environment.get("LIKENESS_TENANT_WEIGHTS", "")),
        blocked_words=parse_words(environment.get("LIKENESS_BLOCKED_WORDS", NONE)),
        pictures_bucket=environment.get("LIKENESS_PICTURES_BUCKET", ""),
    )


def parse_weights(text: str) -> dict[str, float]:
    """Return the weights of tenants, from ``acme=4,globex=0.5``, by the hash of the tenant's id.

    >>> list(parse_weights("acme=4").values())
    [4.0]

    Raises:
        SettingError: the text is not in this form, or a weight is not above 0.
    """
    weights: dict[str, float] = {}
    if text == "none":  # a template's parameter cannot be empty
        return weights
    for part in filter(None, text.replace(" ", "").split(",")):
        name, _, value = part.partition("=")
        try:
            weight = float(value)
        except ValueError:
            weight = math.nan
        if not (name and 0 < weight < math.inf):
            message = "LIKENESS_TENANT_WEIGHTS must be like acme=4,globex=0.5"
            raise SettingError(message)
        weights[tenant_hash(name)] = weight
    return weights
