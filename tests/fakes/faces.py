"""A face finder with memory: a photo's bytes say which faces are on it."""

from collections.abc import Mapping

from domain.ports.faces import FoundFace


def face(person: float, height: float = 200, **more: object) -> FoundFace:
    """Return a clear face from the front; people differ by whole numbers."""
    fields = {"share": 0.5, "clarity": 0.9, "score": 1.5, "turn": 0.0, "upright": True}
    fields |= {"iris_contrast": 0.3}
    return FoundFace(**{"height": height, "embedding": (person, 0.0), **fields, **more})  # type: ignore[arg-type]


class MemoryFaceFinder:
    """Finds the faces that a test names, else person 1; counts a second for each photo."""

    def __init__(self, faces: Mapping[bytes, tuple[FoundFace, ...] | None] | None = None) -> None:
        self.faces = faces or {}
        self.seen: list[bytes] = []

    @property
    def seconds(self) -> float:
        return float(len(self.seen))

    def begin(self) -> None:
        """Nothing has to start."""

    def find(self, png: bytes) -> tuple[FoundFace, ...] | None:
        self.seen.append(png)
        return self.faces.get(png, (face(1),))
