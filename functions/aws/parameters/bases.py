"""The stack's base model, its optional captioner and list of names, from the environment."""

from aws import settings
from aws.storage import S3Storage
from contracts.shared import layout
from contracts.shared.words.name_list import MAX_BYTES, NO_NAMES, NameList, parse_names
from domain.ports.bases import Bases

NO_CAPTIONER, NO_LIST = "none", "none"


def captioner_from_env() -> str | None:
    """Return template.yaml's CaptionerId; None when the stack has no captioner."""
    captioner = settings.text("CAPTIONER_ID")
    return None if captioner == NO_CAPTIONER else captioner


def names_from_env() -> NameList:
    """Return the list that template.yaml's BlockedNamesId names; empty where there is none.

    It is read for each upload, so that a change counts at once.

    Raises:
        NameListError: the file is no list.
        ObjectMissingError: there is no such file.
    """
    list_id = settings.text("BLOCKED_NAMES_ID")
    if list_id == NO_LIST:
        return NO_NAMES
    body = S3Storage.from_env("BASES_BUCKET").read(layout.bases.names_key(list_id), MAX_BYTES)
    return parse_names(body.decode())


def bases_from_env() -> Bases:
    """Return the bucket of base models and the base in use."""
    return Bases(S3Storage.from_env("BASES_BUCKET"), settings.text("BASE_ID"))
