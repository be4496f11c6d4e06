"""Lines that are printed at once, since what comes next may take minutes."""

import sys
from collections.abc import Callable

PrintLine = Callable[[str], None]
"""Prints a line, or keeps it for a test."""


def print_now(text: str) -> None:
    """Print a line, and do not wait for the next ones."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
