"""Names by which the container's processes find each other."""

BASE_PID_FILE = "base.pid"
"""File in LIKENESS_RUN_DIR into which the forwarding model writes its process id."""


def region_prefix(pid: int) -> str:
    """Return the prefix of the names of the shared memory regions of one ``serve``."""
    return f"likeness_{pid}_"
