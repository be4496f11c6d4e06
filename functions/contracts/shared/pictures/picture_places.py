"""Where pictures are in the uploads bucket, and which of them a tenant's request may name.

An endpoint knows a tenant by the hash in its models' packages only.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from contracts.shared.layout.uploads import answers_prefix, tenant_pictures_prefix

LINK_SECONDS = 3600
"""How long the link to such a picture can be used."""

BASE_OWNER = "base"
"""Stands for the tenant's hash in the pictures of the base itself, which has no tenant."""

_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9._/-]{1,300})")
_STORED = re.compile(tenant_pictures_prefix("([A-Za-z0-9][A-Za-z0-9_-]{0,63})") + "[^/].*")
_ANSWER = re.compile(answers_prefix("([0-9a-f]{64})") + r"[0-9a-f-]+/[0-9a-f]{32}/[0-9]{3}\.[a-z]+")


class Place(NamedTuple):
    """One object."""

    bucket: str
    key: str


def is_s3(text: str) -> bool:
    """Return whether an image is named by its address instead of sent."""
    return text.startswith("s3://")


def tenant_hash(tenant: str) -> str:
    """Return the hash by which packages and the endpoint know a tenant."""
    return sha256(tenant.encode()).hexdigest()


def names_model(key: str, owner: str, job_ids: Iterable[str]) -> bool:
    """Return whether the key of a large answer names one of these models as having drawn it.

    >>> names_model("answers/ab/11-22/77/000.png", "ab", ["22"])
    True
    >>> names_model("answers/ab/11-22/77/000.png", "ab", ["77"])
    False
    """
    models = key.removeprefix(answers_prefix(owner)).partition("/")[0]
    return not set(models.split("-")).isdisjoint(job_ids)


def own_place(uri: str, owner: str | None) -> Place | None:
    """Return where a tenant's own picture is; None for every other address.

    Own are the pictures under ``tenants/<tenant>/pictures/`` and the large answers.

    Args:
        uri: the address, as a caller wrote it.
        owner: the tenant's hash; None: a model without a tenant.

    >>> own_place("s3://uploads/tenants/acme/pictures/me.png", tenant_hash("acme"))
    Place(bucket='uploads', key='tenants/acme/pictures/me.png')
    >>> own_place("s3://uploads/tenants/acme/pictures/me.png", tenant_hash("globex"))
    >>> own_place("s3://uploads/tenants/acme/uploads/u1/me.png", tenant_hash("acme"))
    """
    found = _URI.fullmatch(uri)
    if found is None or owner is None:
        return None
    bucket, key = found.groups()
    stored, answer = _STORED.fullmatch(key), _ANSWER.fullmatch(key)
    named = tenant_hash(stored[1]) if stored else answer[1] if answer else None
    return Place(bucket, key) if named == owner else None
