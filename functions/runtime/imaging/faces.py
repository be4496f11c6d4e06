"""Find faces in a child process, whose limits end a search but not the stage."""

import json

from domain.ports.faces import FoundFace
from runtime.imaging.photo_child import PhotoChild


class ChildFaceFinder(PhotoChild):
    """Runs the module ``face_child``, which loads its networks once for all photos of an upload."""

    def __init__(self) -> None:
        super().__init__("face_child")

    def find(self, png: bytes) -> tuple[FoundFace, ...] | None:
        """Return the faces, the largest first; see the Protocol."""
        line = self.ask(png)
        if not line:
            return None
        return tuple(
            FoundFace(**{**face, "embedding": tuple(face["embedding"]), "box": tuple(face["box"])})
            for face in json.loads(line)
        )
