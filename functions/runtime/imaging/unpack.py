"""The child of runtime.imaging.unpacking: one archive from stdin, its files to stdout.

The child first writes an empty line, which says that it has started. Then it writes a line of JSON
with the names and sizes of all files. Then come the files: each is a line of JSON with its length,
followed by its bytes. A line with ``refused`` can stand in the place of any line; it is the last.
"""

import json
import sys
from typing import Any

from contracts.errors import ArchiveRefusedError
from domain.intake.archives import open_archive
from runtime.imaging.child_limits import STARTED, limit_process

MEMORY_BYTES = 512 * 1024 * 1024
"""Largest address space: the archive, one file, and what the interpreter needs."""


def main(seconds: int) -> None:
    """Unpack the archive on stdin to stdout, in at most ``seconds`` processor seconds."""
    limit_process(MEMORY_BYTES, seconds)
    sys.stdout.buffer.write(STARTED)  # from here on, every failure is about the archive
    sys.stdout.buffer.flush()
    try:
        unpack(sys.stdin.buffer.read())
    except ArchiveRefusedError as error:
        write_facts({"refused": error.facts})
    except MemoryError:
        write_facts({"refused": {"code": "archive_too_complex", "reason": "memory"}})


def unpack(body: bytes) -> None:
    """Write the headers, then each file."""
    archive = open_archive(body)
    write_facts({"headers": archive.headers})
    for member in archive.members:
        write_facts({"size": len(member.body)})
        sys.stdout.buffer.write(member.body)


def write_facts(facts: dict[str, Any]) -> None:
    """Write a line of JSON."""
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
