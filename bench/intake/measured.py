"""Reads the file on stdin as an intake function does, and prints the code and what it cost.

Usage: python -m bench.intake.measured photo|archive|naive < FILE
The process has as much memory as the function that reads such files has on Lambda, and so has its
child, which limits itself further.
"""

import io
import json
import resource
import sys
from pathlib import Path

from contracts.errors import StageError
from contracts.shared.rejection import PhotoRejectedError
from domain.ports.decoder import DecodeLimits
from runtime.imaging.sandbox import ChildDecoder
from runtime.imaging.unpacking import ChildArchives

MEMORY_SIZE = {"photo": 2048, "archive": 1024, "naive": 2048}
"""MemorySize of InspectPhotos and AcceptRequest in template.yaml, in MiB."""


def main(kind: str) -> None:
    """Read the file and print one line of JSON."""
    most = MEMORY_SIZE[kind] * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    code = {"photo": photo, "archive": archive, "naive": naive}[kind](sys.stdin.buffer.read())
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    facts = {
        "code": code,
        "seconds": sum(usage.ru_utime + usage.ru_stime for usage in used),
        "megabytes": max(own_kilobytes(), used[1].ru_maxrss) / 1024,
    }
    print(json.dumps(facts))


def own_kilobytes() -> int:
    """Return this program's peak memory; getrusage has that of the program that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1])


def photo(body: bytes) -> str | None:
    """Decode a photo; return the code of its refusal."""
    try:
        ChildDecoder().decode(body, DecodeLimits(min_side=64))
    except PhotoRejectedError as error:
        return error.code
    return None


def archive(body: bytes) -> str | None:
    """Unpack an archive; return the code of its refusal."""
    try:
        with ChildArchives().open(body) as opened:
            for _ in opened.members():
                pass
    except StageError as error:
        return str(error.facts["code"])
    return None


def naive(body: bytes) -> str | None:
    """Read a photo without any check; return a word for any fault."""
    from PIL import Image  # noqa: PLC0415 - the others leave it to their child

    try:
        image = Image.open(io.BytesIO(body))
        image.convert("RGB").resize((512, 512)).save(io.BytesIO(), "PNG")
    except Exception:  # noqa: BLE001 - whatever it is
        return "unread"
    return None


if __name__ == "__main__":
    main(sys.argv[1])
