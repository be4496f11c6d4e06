"""The secret of a stack's marks, and the keys that are derived from it.

The secret is one JSON document in Secrets Manager, or a file. CloudFormation makes ``seed``. The
same seed always gives the same keys and certificates, so nothing else has to be stored or copied.
"""

import base64
import hmac
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from contracts.document import Document

Purpose = Literal["serving", "training"]
PURPOSES: tuple[Purpose, ...] = ("serving", "training")
"""Who marks. A training job's keys are in its plan; whoever reads the plan cannot mark as the
server does."""

MIN_SEED = 32
"""Minimum length of a seed in characters."""

Seed = Annotated[str, Field(min_length=MIN_SEED, max_length=4096)]


class MarkSecretError(Exception):
    """The secret of the marks cannot be used; the message says why, and never repeats it."""


class MarkSecret(Document):
    """The JSON document in Secrets Manager that every key of the marks comes from."""

    schema_version: Literal[1] = 1

    seed: Seed
    """Random text; the keys in use are derived from it."""

    previous_seeds: tuple[Seed, ...] = ()
    """Earlier seeds. Their marks are still read, and no picture is marked with them."""

    certificates: str | None = None
    """The operator's own certificates in PEM, the signing one first; absent: derived from the
    seed, and no C2PA trust list names them."""

    previous_certificates: tuple[str, ...] = ()
    """Earlier certificates of the operator's own in PEM, whose signatures still count."""

    private_key: str | None = None
    """Private key (EC P-256, PKCS#8 PEM) of the first certificate; given with ``certificates``."""

    @model_validator(mode="after")
    def _has_both_or_none(self) -> "MarkSecret":
        if (self.certificates is None) != (self.private_key is None):
            message = "certificates and private_key: give both or none"
            raise ValueError(message)
        return self


@dataclass(frozen=True)
class MarkKeys:
    """The keys of one purpose and one seed."""

    watermark: bytes
    """32 bytes: the pattern of the watermark, and its ids."""
    signing: bytes
    """32 bytes, from which the C2PA keys and certificates are derived."""
    certificates: str | None = None
    """The operator's own chain in PEM, which signs instead of the derived one."""
    private_key: str | None = None


def parse_secret(text: str | bytes) -> MarkSecret:
    """Return the secret.

    Raises:
        MarkSecretError: the text is not a MarkSecret.
    """
    try:
        return MarkSecret.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        message = f"the marks' secret is not valid: {place}: {first['msg']}"
        raise MarkSecretError(message) from None


def marking_keys(secret: MarkSecret, purpose: Purpose) -> MarkKeys:
    """Return the keys that pictures are marked with now."""
    derived = derive_keys(secret.seed, purpose)
    return MarkKeys(derived.watermark, derived.signing, secret.certificates, secret.private_key)


def reading_keys(secret: MarkSecret) -> list[MarkKeys]:
    """Return every key whose marks count as this operator's, the ones in use first."""
    return [derive_keys(seed, purpose) for seed in seeds_of(secret) for purpose in PURPOSES]


def seeds_of(secret: MarkSecret) -> tuple[str, ...]:
    """Return every seed whose marks count, the one in use first."""
    return (secret.seed, *secret.previous_seeds)


def derive_keys(seed: str, purpose: Purpose) -> MarkKeys:
    """Return the keys of a seed; HMAC-SHA256 of the seed over a label for each."""
    return MarkKeys(_derive(seed, f"{purpose} watermark"), _derive(seed, f"{purpose} signing"))


def task_keys(training: MarkKeys, job_id: str) -> MarkKeys:
    """Return the keys with which a training may mark the pictures of one job.

    The signing key is this job's alone: whoever reads it can sign as this job and as nothing else.
    The watermark's key is that of all trainings, because a reader must know it before the model.
    The operator's own private key stays out of every plan.

    Args:
        training: the keys of the purpose ``training``.
        job_id: the job that the pictures are of.
    """
    label = f"likeness marks 1: job {job_id}".encode()
    return MarkKeys(training.watermark, hmac.digest(training.signing, label, "sha256"))


def task_reading_keys(secret: MarkSecret, job_id: str) -> list[MarkKeys]:
    """Return every key with which a training may have signed as this job, the one in use first."""
    return [task_keys(derive_keys(seed, "training"), job_id) for seed in seeds_of(secret)]


def _derive(seed: str, label: str) -> bytes:
    return hmac.digest(seed.encode(), f"likeness marks 1: {label}".encode(), "sha256")


def mark_id(watermark_key: bytes, model: str) -> int:
    """Return the 32-bit id of a model in the watermark: nobody without the key can resolve it.

    Args:
        watermark_key: ``MarkKeys.watermark``.
        model: job id of the adapter, or the base's SHA-256 where no adapter was used.
    """
    label = f"likeness mark id 1: {model}".encode()
    return int.from_bytes(hmac.digest(watermark_key, label, "sha256")[:4], "big")


def to_text(key: bytes) -> str:
    """Return a key as base64, for a document."""
    return base64.b64encode(key).decode()


def from_text(text: str) -> bytes:
    """Return the key that ``to_text`` wrote."""
    return base64.b64decode(text, validate=True)
