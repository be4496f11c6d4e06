"""What the routes need of the operator's hub: a bucket with a folder for each pushed model."""

from typing import Protocol


class NoHubError(Exception):
    """The operator has named no bucket."""


class Hub(Protocol):
    """The hub's bucket. Every method raises NoHubError where the stack has none."""

    def copy(self, source: str, target: str) -> None:
        """Copy an object of the models bucket into the hub; the same copy may be made again."""
        ...

    def uri(self, prefix: str) -> str:
        """Return ``s3://bucket/prefix``."""
        ...
