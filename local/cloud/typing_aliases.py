"""Names for values that no type can describe."""

from typing import Any, TypeAlias

Stock: TypeAlias = Any
"""Something of ministack's, which ships no types."""

Json: TypeAlias = Any
"""Whatever a JSON document holds."""
