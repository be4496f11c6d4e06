"""The only reader of our environment variables, for ``from_env`` functions and handlers."""

import os
from math import inf


class MissingVariableError(Exception):
    """The function lacks an environment variable that it needs: a fault of template.yaml."""


def text(name: str) -> str:
    """Return the variable's value.

    Raises:
        MissingVariableError: the variable is absent or empty.
    """
    value = os.environ.get(name, "")
    if value == "":
        message = f"environment variable {name} is not set; see template.yaml"
        raise MissingVariableError(message)
    return value


def optional(name: str) -> str | None:
    """Return the variable's value; None when the variable is absent or empty."""
    return os.environ.get(name) or None


def number(name: str) -> int:
    """Return the variable's value as a whole number.

    Raises:
        MissingVariableError: the variable is absent, empty or not a whole number.
    """
    value = text(name)
    try:
        return int(value)
    except ValueError:
        message = f"environment variable {name} is not a whole number; see template.yaml"
        raise MissingVariableError(message) from None


def decimal(name: str) -> float:
    """Return the variable's value as a number of 0 or more.

    Raises:
        MissingVariableError: the variable is absent, empty or no such number.
    """
    value = text(name)
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 <= found < inf:
        message = f"environment variable {name} is not a number of 0 or more; see template.yaml"
        raise MissingVariableError(message)
    return found


def trace_header() -> str | None:
    """Return X-Ray's trace header, which Lambda sets for each invocation; None: no tracing."""
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    return header if "Root=" in header else None
