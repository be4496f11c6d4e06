"""The stack's base model, and its captioner if it has one, as its environment names them."""

from aws import settings
from aws.storage import S3Storage
from domain.ports.bases import Bases

NO_CAPTIONER = "none"


def captioner_from_env() -> str | None:
    """Return template.yaml's CaptionerId; None where the stack has none."""
    captioner = settings.text("CAPTIONER_ID")
    return None if captioner == NO_CAPTIONER else captioner


def bases_from_env() -> Bases:
    """Return the bucket of base models and the one in use."""
    return Bases(S3Storage.from_env("BASES_BUCKET"), settings.text("BASE_ID"))
