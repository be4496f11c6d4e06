"""A face finder that looks at each photo once: several rules ask for its faces."""

from hashlib import sha256

from domain.ports.faces import FaceFinder, FoundFace


class RememberedFaces:
    """Keeps in memory, for one upload, what another finder has found."""

    def __init__(self, finder: FaceFinder) -> None:
        self._finder = finder
        self._found: dict[bytes, tuple[FoundFace, ...] | None] = {}

    @property
    def seconds(self) -> float:
        """Processor seconds that the finder has used so far."""
        return self._finder.seconds

    def begin(self) -> None:
        """Start the finder without waiting."""
        self._finder.begin()

    def find(self, png: bytes) -> tuple[FoundFace, ...] | None:
        """Return the faces, the largest first; see the Protocol."""
        key = sha256(png).digest()
        if key not in self._found:
            self._found[key] = self._finder.find(png)
        return self._found[key]
