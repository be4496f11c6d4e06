"""Decoding in a child process: a hostile file can end the child, never the stage."""

import json
import subprocess
import sys
from pathlib import Path

from domain.photos import DecodedPhoto, DecodeLimits, PhotoRefusedError

WALL_SECONDS = 30
_MAGIC = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}


class ChildDecoder:
    """Runs ``runtime.decode`` for each photo, with nothing of our environment."""

    def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
        """Return the normalised photo; see the Protocol for what it raises."""
        order = json.dumps({"kind": format_of(body), **limits._asdict()})
        try:
            child = subprocess.run(
                [sys.executable, "-m", "runtime.decode", order],
                input=body,
                capture_output=True,
                check=False,
                timeout=WALL_SECONDS,
                env={"PYTHONPATH": _python_path(), "OMP_NUM_THREADS": "1"},
            )
        except subprocess.TimeoutExpired:
            raise PhotoRefusedError("too_complex") from None
        if child.returncode != 0:  # killed by a limit of its own
            raise PhotoRefusedError("too_complex")
        header, _, png = child.stdout.partition(b"\n")
        answer = json.loads(header)
        if "refused" in answer:
            raise PhotoRefusedError(answer["refused"])
        return DecodedPhoto(png, answer["width"], answer["height"], tuple(answer["codes"]))


def format_of(body: bytes) -> str:
    """Return the format that the first bytes name, whatever the file is called.

    Raises:
        PhotoRefusedError: it is none that we take.
    """
    for magic, name in _MAGIC.items():
        if body.startswith(magic):
            return name
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "WEBP"
    raise PhotoRefusedError("not_an_image")


def _python_path() -> str:
    """Return where the child finds this package and Pillow: wherever we found them."""
    return ":".join(str(Path(entry).resolve()) for entry in sys.path if entry)
