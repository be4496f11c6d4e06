"""Finds the secret of the marks: a file, or one in Secrets Manager; ``serve`` reads it at start."""

from pathlib import Path

from contracts.marks.marking import Marker
from contracts.marks.settings import settings_of
from contracts.shared.pictures.mark_keys import MarkSecretError, marking_keys, parse_secret

FILE = "marks.json"
"""File in LIKENESS_RUN_DIR with the secret, for the base's process and its restarts. An environment
variable would be inherited by every user's model."""


def resolve_secret(source: str, run_dir: Path) -> Path | None:
    """Put the checked secret into the run folder; return its place, or None where none is named.

    Args:
        source: ARN or name of a secret in Secrets Manager, or a file's absolute path; empty: none.
        run_dir: folder that only this user reads, and that ends with the server.

    Raises:
        MarkSecretError: the secret cannot be read, or is no MarkSecret.
    """
    if not source:
        return None
    text = read_file(Path(source)) if source.startswith("/") else fetch_secret(source)
    Marker(marking_keys(parse_secret(text), "serving"), settings_of({})).prepare()
    place = run_dir / FILE
    place.touch(mode=0o600)
    place.write_text(text)
    return place


def read_file(path: Path) -> str:
    """Return the text of a secret's file."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        message = f"LIKENESS_MARKS_SECRET names a file that cannot be read: {type(error).__name__}"
        raise MarkSecretError(message) from None


def fetch_secret(name: str) -> str:
    """Return the current version of a secret in Secrets Manager."""
    import boto3  # noqa: PLC0415 (a file needs no AWS)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        found: str = boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    except (BotoCoreError, ClientError) as error:
        message = f"the marks' secret cannot be read; may the endpoint's role read it? {error}"
        raise MarkSecretError(message) from None
    return found
