"""Whose stack made a picture: reads both layers of a file, with the operator's secret."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import c2pa
from PIL import Image

from contracts.documents.api.verification import WatermarkStated
from contracts.marks import credentials, watermark
from contracts.marks.certificates import root_pem, signing_serial
from contracts.shared.pictures.mark_keys import MarkSecret, reading_keys, task_reading_keys
from contracts.shared.pictures.upright import UNREADABLE, turn_upright

FORMATS = {"PNG": "png", "JPEG": "jpeg", "WEBP": "webp"}
KINDS = {**FORMATS, "MPO": "jpeg"}
"""Pillow's name of a format -> ours. A telephone's JPEG with a second picture in it is an MPO."""

MAX_PIXELS = 64_000_000
TOO_LARGE = f"the picture has more than {MAX_PIXELS // 1_000_000} million pixels"
_JOB_ID = re.compile("[0-9a-f]{32}")

MADE_AT = "made_at"

CredentialsState = Literal["ours", "others", "damaged", "absent"]


class UnreadablePictureError(Exception):
    """The file is no picture that can be checked; the message says why."""


@dataclass(frozen=True)
class Verdict:
    """What the two layers of a file say."""

    credentials: CredentialsState
    """ours: signed by this operator's key, and unchanged since. others: a valid manifest of
    somebody else. damaged: the picture or its manifest was changed after it was signed."""
    model: str | None
    """The model that our manifest names; None unless ``credentials`` is ours."""
    watermark: watermark.Mark | None
    """The watermark under one of the operator's keys."""
    watermark_key: bytes | None
    """The key that it was read with; it resolves the mark's id."""
    stated: str | None
    """What our manifest says of the watermark: present, off or too-small."""
    made_at: str | None
    """When our manifest was signed, ISO 8601 in UTC; None for manifests of earlier releases."""
    size: tuple[int, int]
    """Width and height in pixels."""

    @property
    def made_here(self) -> bool:
        """Whether at least one layer proves that this operator's stack made the picture."""
        return self.credentials == "ours" or self.watermark is not None


def verify(file: bytes, secret: MarkSecret) -> Verdict:
    """Read both layers of a picture.

    Raises:
        UnreadablePictureError: the file is no complete PNG, JPEG or WebP, or is too large.
    """
    image, kind = open_picture(file)
    keys = reading_keys(secret)
    state, statement = _stated(file, kind, secret)
    found = watermark.read(image, [watermark.pattern_of(one.watermark) for one in keys])
    return Verdict(
        credentials=state,
        model=statement.get("model") if state == "ours" else None,
        watermark=found[1] if found else None,
        watermark_key=keys[found[0]].watermark if found else None,
        stated=statement.get("watermark") if state == "ours" else None,
        made_at=statement.get(MADE_AT) if state == "ours" else None,
        size=image.size,
    )


class Stated(NamedTuple):
    """What a picture's content credentials say; all but ``credentials`` is None unless ours."""

    credentials: CredentialsState
    model: str | None = None
    watermark: WatermarkStated | None = None
    made_at: str | None = None
    """When it was signed, ISO 8601 in UTC; None for manifests of earlier releases."""


def read_stated(file: bytes, secret: MarkSecret) -> Stated:
    """Return whose content credentials a picture has, and what ours say; its pixels are not read.

    Raises:
        UnreadablePictureError: see ``verify``.
    """
    _, kind = open_picture(file)
    state, found = _stated(file, kind, secret)
    if state != "ours":
        return Stated(state)
    return Stated(state, found.get("model"), found.get("watermark"), found.get(MADE_AT))


def _stated(file: bytes, kind: str, secret: MarkSecret) -> tuple[CredentialsState, dict[str, Any]]:
    """Return whose manifest the file has, a server's or a training's, and our assertion in it."""
    state, statement = read_credentials(file, kind, *_trusted(secret))
    if state == "others":
        return read_of_training(file, kind, secret, statement)
    return state, statement


def _trusted(secret: MarkSecret) -> tuple[list[str], tuple[str, ...]]:
    """Return the derived roots, and the operator's own chains."""
    own = tuple(chain for chain in (secret.certificates, *secret.previous_certificates) if chain)
    return [root_pem(one) for one in reading_keys(secret)], own


def open_picture(file: bytes) -> tuple[Image.Image, str]:
    """Return the decoded picture and its format.

    Raises:
        UnreadablePictureError: see ``verify``.
    """
    try:
        with Image.open(io.BytesIO(file), formats=tuple(FORMATS)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadablePictureError(TOO_LARGE)
            return turn_upright(image).convert("RGB"), KINDS[str(image.format)]
    except Image.DecompressionBombError:
        raise UnreadablePictureError(TOO_LARGE) from None
    except UNREADABLE:
        message = "the file is no complete PNG, JPEG or WebP picture"
        raise UnreadablePictureError(message) from None


def read_credentials(
    file: bytes, kind: str, roots: Sequence[str], own: Sequence[str]
) -> tuple[CredentialsState, dict[str, Any]]:
    """Return whose manifest the file has, and our assertion in it.

    Args:
        file: a PNG, JPEG or WebP.
        kind: its format.
        roots: the derived roots, in PEM.
        own: the operator's own chains in PEM. Their issuer may have other customers, so only the
            first certificate of a chain counts.
    """
    try:
        found = credentials.read_manifest(file, kind, roots)
        if found is None:
            return "absent", {}
        state, manifest = found
        if state == "Valid" and any(_is_signed_with(file, kind, chain) for chain in own):
            state = "Trusted"
    except c2pa.C2paError:
        return "damaged", {}
    if state == "Invalid":
        return "damaged", {}
    return ("ours" if state == "Trusted" else "others"), _statement(manifest)


def read_of_training(
    file: bytes, kind: str, secret: MarkSecret, stated: dict[str, Any]
) -> tuple[CredentialsState, dict[str, Any]]:
    """Return whose manifest it is when a training may have signed it.

    A training signs with a key that is derived for its job. So the model that the manifest names
    says which key must have signed: a key of another job does not do.
    """
    model = stated.get("model")
    if not isinstance(model, str) or _JOB_ID.fullmatch(model) is None:
        return "others", stated
    roots = [root_pem(one) for one in task_reading_keys(secret, model)]
    return read_credentials(file, kind, roots, ())


def _is_signed_with(file: bytes, kind: str, chain: str) -> bool:
    """Return whether the first certificate of this very chain signed the manifest."""
    found = credentials.read_manifest(file, kind, [chain])
    if found is None or found[0] != "Trusted":
        return False
    serial: str = found[1]["signature_info"]["cert_serial_number"]
    return serial == str(signing_serial(chain))


def _statement(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the data of our assertion and the time of making; empty where there are none."""
    data: dict[str, Any] = {}
    for assertion in manifest.get("assertions", ()):
        label = assertion.get("label", "")
        if label == credentials.ASSERTION:
            data |= assertion["data"]
        elif label.startswith(credentials.ACTIONS):  # the library writes c2pa.actions.v2
            times = (
                one.get("when")
                for one in assertion["data"].get("actions", ())
                if one.get("action") == credentials.CREATED
            )
            data[MADE_AT] = next(times, None)
    return data
