"""Type names for values that have no static type."""

from typing import Any, TypeAlias

Stock: TypeAlias = Any
"""An object of ministack, which ships no types."""

Json: TypeAlias = Any
"""A value of a JSON document."""
