"""Decode in a child process: a hostile file can end the child, but not the stage."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from contracts.errors import DecoderBrokenError
from contracts.shared.rejection import PhotoRejectedError
from domain.ports.decoder import DecodedPhoto, DecodeLimits, PhotoMetrics
from runtime.imaging.child_limits import STARTED

WALL_SECONDS = 30
INTERPRETER_VARIABLES = (
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONHOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
)
"""Variables that an interpreter may need to start; the child gets no other variable of ours.

Lambda's Python finds its libpython through ``LD_LIBRARY_PATH``. None of these holds a secret.
"""
MAX_REASON = 200
_ACCEPTED = {
    rb"\xff\xd8\xff": "JPEG",
    rb"\x89PNG\r\n\x1a\n": "PNG",
    rb"RIFF....WEBP": "WEBP",
    rb"....ftyp(avi[fs]|mif1(....){1,9}avif)": "AVIF",
    rb"....ftyp(hei[cxms]|mif1)": "HEIF",
}
_KNOWN = (
    rb"GIF8|BM|II\*\x00|MM\x00\*|8BPS|%PDF|%!PS|<\?xml|<svg|\x00\x00\x01\x00"
    rb"|\x00\x00\x00\x0c(jP|JXL )|\xff\x0a|\xff\x4f\xff\x51|II[RU\x2b]|FUJIFILMCCD|qoif"
    rb"|....ftyp(msf1|hev[cxms]|qt  |isom|mp4|crx)"
)
"""Formats of pictures, drawings and films that are known but not accepted."""


class ChildDecoder:
    """Runs the module ``decode`` for each photo, without the secrets of our environment."""

    def __init__(self) -> None:
        self._before = cpu_seconds_of_children()

    @property
    def seconds(self) -> float:
        """Processor seconds of all children so far."""
        return cpu_seconds_of_children() - self._before

    def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
        """Return the normalised photo; see the Protocol for what it raises."""
        facts, png = answer_of_child(body, {"kind": format_of(body), **limits._asdict()})
        codes, metrics = tuple(facts["codes"]), PhotoMetrics(**facts["metrics"])
        size = facts["width"], facts["height"]
        return DecodedPhoto(png, *size, codes, metrics, facts["taken"])

    def decode_mask(self, body: bytes, width: int, height: int, limits: DecodeLimits) -> bytes:
        """Return the grey mask of this size; see the Protocol for what it raises."""
        order = {"kind": format_of(body), "mask_of": [width, height], **limits._asdict()}
        _, png = answer_of_child(body, order)
        return png


def answer_of_child(body: bytes, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Let a child decode the file; return its facts and the PNG.

    Raises:
        PhotoRejectedError: the child refused the photo, or exceeded a limit.
        DecoderBrokenError: the child did not start, or ended with an unexpected error.
    """
    try:
        child = subprocess.run(
            # -P: a module in the current folder must not stand in for one of ours.
            [sys.executable, "-P", "-m", f"{__package__}.decode", json.dumps(order)],
            input=body,
            capture_output=True,
            check=False,
            timeout=WALL_SECONDS,
            env=environment_of_child(),
        )
    except subprocess.TimeoutExpired as late:
        if late.stdout:
            raise PhotoRejectedError("too_complex") from None
        raise broken(f"it did not start within {WALL_SECONDS} s") from None
    except OSError as error:
        raise broken(f"{type(error).__name__} {error.errno}") from error
    started = child.stdout.startswith(STARTED)
    if started and child.returncode < 0:  # a signal: a limit killed the child
        raise PhotoRejectedError("too_complex")
    if child.returncode or not started:
        ending = f"it ended with status {child.returncode}"
        raise broken(ending, b"" if started else child.stderr)
    header, _, png = child.stdout.removeprefix(STARTED).partition(b"\n")
    facts: dict[str, Any] = json.loads(header)
    if "refused" in facts:
        raise PhotoRejectedError(facts["refused"])
    return facts, png


def cpu_seconds_of_children() -> float:
    """Return the processor seconds of all children of this process that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def environment_of_child() -> dict[str, str]:
    """Return the environment in which the child starts and finds its modules."""
    kept = {name: os.environ[name] for name in INTERPRETER_VARIABLES if name in os.environ}
    return {**kept, "PYTHONPATH": _python_path(), "OMP_NUM_THREADS": "1"}


def broken(ending: str, errors: bytes = b"") -> DecoderBrokenError:
    """Return an error that says how the child ended, for an operator.

    Args:
        ending: a fixed text.
        errors: stderr of a child that never read the photo, such as a message of the loader.
    """
    last = errors.decode("ascii", "replace").strip().rpartition("\n")[2]
    last = last.removeprefix(f"{sys.executable}: ")  # of any length; what is wrong comes behind it
    reason = f"the photo decoder does not work: {ending}" + (f": {last}" if last else "")
    return DecoderBrokenError(reason=reason[:MAX_REASON])


def format_of(body: bytes) -> str:
    """Return the format of the file's first bytes, whatever the file's name.

    Raises:
        PhotoRejectedError: the format is not accepted.
    """
    for magic, name in _ACCEPTED.items():
        if re.match(magic, body, re.DOTALL):
            return name
    known = re.match(_KNOWN, body, re.DOTALL)
    raise PhotoRejectedError("not_an_image" if known is None else "format_not_taken")


def _python_path() -> str:
    """Return the child's PYTHONPATH, on which it finds this package and Pillow."""
    return ":".join(str(Path(entry).resolve()) for entry in sys.path if entry)
