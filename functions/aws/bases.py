"""The stack's base model, as its environment names it."""

from aws import environment
from aws.storage import S3Storage
from domain.bases import Bases


def bases_from_env() -> Bases:
    """Return the bucket of base models and the one in use."""
    return Bases(S3Storage.from_env("BASES_BUCKET"), environment.text("BASE_ID"))
