"""The secret of the stack's marks, for the pictures of trainings."""

from functools import cache

from aws import settings
from aws.clients import client
from contracts.shared.pictures.mark_keys import MarkSecret, parse_secret
from domain.training.marks import MarksOfTrainings

ON, NO_LABEL = "on", "none"


def marks_from_env() -> MarksOfTrainings | None:
    """Return how trainings mark their pictures; None where the operator wants neither layer.

    Raises:
        MarkSecretError: the secret is not a MarkSecret.
    """
    watermark, credentials = (
        one == ON for one in (settings.text("WATERMARK"), settings.text("CONTENT_CREDENTIALS"))
    )
    label = settings.text("VISIBLE_LABEL")
    if not (watermark or credentials or label != NO_LABEL):
        return None
    return MarksOfTrainings(
        secret=read_secret(settings.text("MARKS_SECRET_ARN")),
        watermark=watermark,
        credentials=credentials,
        label="" if label == NO_LABEL else label,
    )


@cache
def read_secret(arn: str) -> MarkSecret:
    """Return the secret; a container reads it once, so a rotated one is used by its successor.

    Raises:
        MarkSecretError: it is not a MarkSecret.
    """
    text: str = client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    return parse_secret(text)
