"""Content credentials (C2PA): a signed manifest in the picture's file.

It says that a trained model made the picture, when, which model, and whether the picture has the
watermark. It holds no prompt, no name and no thumbnail: the library would put a copy of the face
into the manifest, which outlives every later edit.
"""

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import c2pa

from contracts.marks.certificates import Credentials

MIME = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
ASSERTION = "com.likeness.marks"
"""Label of our own assertion; its data is ``Statement``'s."""

ACTIONS, CREATED = "c2pa.actions", "c2pa.created"

GENERATOR = {"name": "Likeness"}
State = Literal["Trusted", "Valid", "Invalid"]
Statement = dict[str, Any]


class CredentialsSigner:
    """Signs pictures with one key."""

    def __init__(self, credentials: Credentials) -> None:
        self._context = c2pa.Context(settings=c2pa.Settings.from_dict(_settings(())))
        self._signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(
                c2pa.C2paSigningAlg.ES256,
                credentials.certificates.encode(),
                credentials.private_key.encode(),
                None,
            )
        )

    def sign(self, file: bytes, output: str, source: str, statement: Statement) -> bytes:
        """Return the file with a signed manifest of this second; its pixels and metadata stay.

        Args:
            file: a PNG, JPEG or WebP.
            output: key of MIME.
            source: IPTC's digital source type.
            statement: data of our assertion: JSON without user text.
        """
        created = Created(source, datetime.now(UTC))
        builder = c2pa.Builder(json.dumps(manifest(output, created, statement)), self._context)
        target = io.BytesIO()
        builder.sign(self._signer, MIME[output], io.BytesIO(file), target)
        return target.getvalue()


class Created(NamedTuple):
    """How and when a picture was made."""

    source: str
    """IPTC's digital source type."""
    at: datetime
    """By the clock of whoever signs, in UTC."""


def manifest(output: str, created: Created, statement: Statement) -> dict[str, Any]:
    """Return the manifest's definition."""
    action = {
        "action": CREATED,
        "when": created.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "digitalSourceType": created.source,
    }
    return {
        "claim_generator_info": [GENERATOR],
        "format": MIME[output],
        "assertions": [
            {"label": ACTIONS, "data": {"actions": [action]}},
            {"label": ASSERTION, "data": statement},
        ],
    }


def read_manifest(
    file: bytes, output: str, roots: Sequence[str]
) -> tuple[State, dict[str, Any]] | None:
    """Return the state of the file's manifest and the manifest; None where the file has none.

    Args:
        file: a PNG, JPEG or WebP.
        output: key of MIME.
        roots: certificates in PEM; "Trusted" means that one of them issued the signer's.
    """
    context = c2pa.Context(settings=c2pa.Settings.from_dict(_settings(roots)))
    reader = c2pa.Reader.try_create(MIME[output], io.BytesIO(file), context=context)
    if reader is None:
        return None
    state: Any = reader.get_validation_state()
    return state, reader.get_active_manifest() or {}


def _settings(roots: Sequence[str]) -> dict[str, Any]:
    """Return the library's settings; nothing is fetched from any network."""
    settings: dict[str, Any] = {
        "builder": {"thumbnail": {"enabled": False}},
        "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    if roots:
        settings["trust"] = {"user_anchors": "".join(roots)}
    return settings
