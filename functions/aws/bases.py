"""The stack's base model and its optional captioner, from the environment."""

from aws import settings
from aws.storage import S3Storage
from domain.ports.bases import Bases

NO_CAPTIONER = "none"


def captioner_from_env() -> str | None:
    """Return template.yaml's CaptionerId; None when the stack has no captioner."""
    captioner = settings.text("CAPTIONER_ID")
    return None if captioner == NO_CAPTIONER else captioner


def bases_from_env() -> Bases:
    """Return the bucket of base models and the base in use."""
    return Bases(S3Storage.from_env("BASES_BUCKET"), settings.text("BASE_ID"))
