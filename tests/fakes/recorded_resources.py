"""CloudFormation resources that the laptop's AWS does not have: it records what they are given."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


@contextmanager
def recorded(*kinds: str) -> Iterator[dict[str, dict[str, Any]]]:
    """Accept these types while the context lasts; yields their properties by logical id."""
    provisioners = import_module("ministack.services.cloudformation.provisioners")
    known: dict[str, Any] = provisioners._RESOURCE_HANDLERS  # noqa: SLF001
    found: dict[str, dict[str, Any]] = {}

    def create(
        logical_id: str, properties: dict[str, Any], stack_name: str
    ) -> tuple[str, dict[str, str]]:
        found[logical_id] = properties
        return f"{stack_name}-{logical_id}", {}

    handler = {"create": create, "delete": lambda *_: None}
    before = {kind: known[kind] for kind in kinds if kind in known}
    known.update(dict.fromkeys(kinds, handler))
    yield found
    for kind in kinds:
        known.pop(kind)
    known.update(before)
