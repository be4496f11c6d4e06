"""The memory of a process and of its descendants, as Lambda counts it against MemorySize.

A limit on the address space (`RLIMIT_AS`) would be wrong: threads and allocators reserve far more
than they use.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from resource import getpagesize

PAGE = getpagesize()
KIB = 1024
MIB = 1024 * KIB


def tree_of(pid: int) -> list[int]:
    """Return a process and its descendants, parents first; ended ones may be missing."""
    found = [pid]
    for each in found:  # grows meanwhile
        found.extend(_children(each))
    return found


def used_bytes(pid: int, limit: int) -> int:
    """Return the resident bytes of a process and its descendants.

    Pages that are shared inside the tree count once. The sum is cheap and may be too large after a
    fork, so it is only trusted up to `limit`; beyond it, the kernel's exact figures are read.
    """
    pids = tree_of(pid)
    rough = _rough(pids)
    return rough if rough <= limit else min(rough, _exact(pids))


def peak_bytes(pid: int) -> int:
    """Return the most resident bytes that this process alone has had; 0 when it has ended."""
    return _fields(Path(f"/proc/{pid}/status")).get("VmHWM", 0)


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                yield from map(int, (task / "children").read_text().split())


def _rough(pids: list[int]) -> int:
    """Add up the pages of all; pages of files count once, for the process that has the most."""
    private, files = 0, 0
    for pid in pids:
        with suppress(OSError):
            words = Path(f"/proc/{pid}/statm").read_text().split()
            resident, shared = int(words[1]), int(words[2])
            private += resident - shared
            files = max(files, shared)
    return (private + files) * PAGE


def _exact(pids: list[int]) -> int:
    """Add up each process's part of the pages that it shares with others."""
    private, files = 0, 0
    for pid in pids:
        rollup = _fields(Path(f"/proc/{pid}/smaps_rollup"))
        private += rollup.get("Pss_Anon", 0) + rollup.get("Pss_Shmem", 0)
        files = max(files, _fields(Path(f"/proc/{pid}/status")).get("RssFile", 0))
    return private + files


def _fields(file: Path) -> dict[str, int]:
    """Return the sizes that a file of /proc names, in bytes."""
    with suppress(OSError):
        lines = (line.split() for line in file.read_text().splitlines())
        return {words[0].rstrip(":"): int(words[1]) * KIB for words in lines if words[-1] == "kB"}
    return {}
