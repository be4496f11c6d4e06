"""Decoding in a child process: a hostile file can end the child, never the stage."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from domain.intake.normalisation import DecodedPhoto, DecodeLimits, PhotoRefusedError
from domain.intake.photo_quality import Looks

WALL_SECONDS = 30
_TAKEN = {
    rb"\xff\xd8\xff": "JPEG",
    rb"\x89PNG\r\n\x1a\n": "PNG",
    rb"RIFF....WEBP": "WEBP",
    rb"....ftyp(avi[fs]|mif1(....){1,9}avif)": "AVIF",
    rb"....ftyp(hei[cxms]|mif1)": "HEIF",
}
_KNOWN = (
    rb"GIF8|BM|II\*\x00|MM\x00\*|8BPS|%PDF|%!PS|<\?xml|<svg|\x00\x00\x01\x00|\x00\x00\x00\x0cjP"
    rb"|....ftyp(msf1|hev[cxms]|qt  |isom|mp4|crx)"
)
"""Pictures, drawings and films that we know and do not take."""


class DecoderBrokenError(Exception):
    """The child could not even start to decode: a fault of ours and not of the photo."""


class ChildDecoder:
    """Runs ``runtime.imaging.decode`` for each photo, with nothing of our environment."""

    def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
        """Return the normalised photo; see the Protocol for what it raises."""
        facts, png = answer_of_child(body, {"kind": format_of(body), **limits._asdict()})
        codes, looks = tuple(facts["codes"]), Looks(**facts["measures"])
        size = facts["width"], facts["height"]
        return DecodedPhoto(png, *size, codes, looks, facts["taken"])

    def decode_mask(self, body: bytes, width: int, height: int, limits: DecodeLimits) -> bytes:
        """Return the grey mask in this size; see the Protocol for what it raises."""
        order = {"kind": format_of(body), "mask_of": [width, height], **limits._asdict()}
        _, png = answer_of_child(body, order)
        return png


def answer_of_child(body: bytes, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Have a child decode the file; return its facts and the PNG.

    Raises:
        PhotoRefusedError: the child says why, or it went beyond a limit.
        DecoderBrokenError: it could not even start.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-m", "runtime.imaging.decode", json.dumps(order)],
            input=body,
            capture_output=True,
            check=False,
            timeout=WALL_SECONDS,
            env={"PYTHONPATH": _python_path(), "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise PhotoRefusedError("too_complex") from None
    if child.returncode < 0:  # a signal: killed by a limit of its own
        raise PhotoRefusedError("too_complex")
    if child.returncode > 0:
        raise DecoderBrokenError
    header, _, png = child.stdout.partition(b"\n")
    facts: dict[str, Any] = json.loads(header)
    if "refused" in facts:
        raise PhotoRefusedError(facts["refused"])
    return facts, png


def format_of(body: bytes) -> str:
    """Return the format that the first bytes name, whatever the file is called.

    Raises:
        PhotoRefusedError: it is none that we take.
    """
    for magic, name in _TAKEN.items():
        if re.match(magic, body, re.DOTALL):
            return name
    known = re.match(_KNOWN, body, re.DOTALL)
    raise PhotoRefusedError("not_an_image" if known is None else "format_not_taken")


def _python_path() -> str:
    """Return where the child finds this package and Pillow: wherever we found them."""
    return ":".join(str(Path(entry).resolve()) for entry in sys.path if entry)
