"""What an operator lets one tenant use although a rule refuses it, each as a hash.

That is a text, or a request whose picture the safety checks withhold. An appeal that was granted
leaves an empty object in the models bucket, named by the tenant's hash and this one. Intake and
every server look for it where they would refuse.
"""

import hashlib
import json
import re
from collections.abc import Sequence

from contracts.shared.pictures.picture_places import tenant_hash
from contracts.shared.words.blocked_words import words_of

MARKER = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{64}")
"""Name of such an object."""

WORK, BLOCK = 1 << 14, 8
"""scrypt's n and r: 16 MiB and some 50 ms for each guess of a text."""


def hash_of_texts(owner: str, texts: Sequence[str]) -> str:
    """Return the hash of texts that are refused or allowed together.

    It is of their plain words, so that a text is the same however it is written, and slow to
    compute, because a text may be guessed.

    Args:
        owner: ``tenant_hash`` of the tenant, the salt: no two tenants have one hash.
        texts: a prompt and a negative prompt, or one field of a request.

    >>> one = hash_of_texts("a" * 64, ["A photo of FAMOUS person"])
    >>> one == hash_of_texts("a" * 64, ["a photo, of famous-person"])
    True
    >>> one == hash_of_texts("b" * 64, ["A photo of FAMOUS person"])
    False
    """
    return slow_hash(owner, "\n".join(" ".join(words_of(text)) for text in texts))


def hash_of_picture(owner: str, prompts: Sequence[str], rest: str) -> str:
    """Return the hash of a request for pictures: of all that they depend on, to the letter.

    Args:
        owner: as for texts; no text has this hash.
        prompts: the prompt and the negative prompt.
        rest: ``WithheldPicture.text``.

    >>> one = hash_of_picture("a" * 64, ["a face", ""], "{}")
    >>> one == hash_of_picture("a" * 64, ["A face", ""], "{}")
    False
    """
    return slow_hash(owner, json.dumps(["picture", *prompts, rest]))


def slow_hash(owner: str, text: str) -> str:
    """Return a hash that takes some 50 ms."""
    salt = owner.encode()
    return hashlib.scrypt(text.encode(), salt=salt, n=WORK, r=BLOCK, p=1, dklen=32).hex()


def hashes_of(tenant: str, texts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the hashes of a tenant's texts, each once and in their order."""
    owner = tenant_hash(tenant)
    return tuple(dict.fromkeys(hash_of_texts(owner, one) for one in texts))


def marker_of(owner: str, text_hash: str) -> str:
    """Return the name of the object that allows a text or a picture."""
    return f"{owner}.{text_hash}"


def markers_of(tenant: str, hashes: Sequence[str]) -> list[str]:
    """Return the names of the objects that allow what these hashes stand for."""
    return [marker_of(tenant_hash(tenant), one) for one in hashes]
