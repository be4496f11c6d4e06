"""domain.ports.hub.Hub in memory: copies out of a MemoryStorage."""

from domain.ports.hub import NoHubError
from tests.fakes.storage import MemoryStorage


class MemoryHub:
    """``bucket`` None: the operator has named none."""

    def __init__(self, models: MemoryStorage, bucket: MemoryStorage | None = None) -> None:
        self.models, self.bucket = models, bucket

    def copy(self, source: str, target: str) -> None:
        self._named().write(target, self.models.read(source, 1 << 30))

    def uri(self, prefix: str) -> str:
        return self._named().uri(prefix)

    def _named(self) -> MemoryStorage:
        if self.bucket is None:
            raise NoHubError
        return self.bucket
