"""A mock key's pictures: an order of every status and every code, and a picture that says MOCK."""

import io
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import get_args

from PIL import Image, ImageDraw

from contracts.documents.api.pictures import (
    DrawnFile,
    OrderCode,
    PictureRow,
    PictureStatus,
    PictureTask,
)
from contracts.documents.picture import PictureCode
from contracts.shared import layout
from domain.pictures.ordering import ENDED
from domain.ports.pictures import place_of

SIDE = 256


def picture_id_of(name: str) -> str:
    """Return the id of a made-up order; the same for the same name."""
    return f"pic_{sha256(name.encode()).hexdigest()[:24]}"


@cache
def mock_picture() -> bytes:
    """Return a PNG that says that nothing was drawn."""
    image, file = Image.new("RGB", (SIDE, SIDE), "lightgrey"), io.BytesIO()
    ImageDraw.Draw(image).text((SIDE // 2, SIDE // 2), "MOCK", fill="black", anchor="mm")
    image.save(file, "PNG")
    return file.getvalue()


class MockPictures:
    """Every order that is not listed is a new one, and has succeeded."""

    def __init__(self, tenant: str, model_id: str, made_at: str, now: datetime) -> None:
        self._tenant, self._model_id = tenant, model_id
        self._made_at, self._now = made_at, now.isoformat()

    def add(self, row: PictureRow) -> None:
        """Forget it."""

    def get(self, picture_id: str) -> PictureRow | None:
        """Return a made-up order."""
        listed = {row.picture_id: row for row in self._rows()}
        return listed.get(picture_id) or self._row(picture_id, "succeeded")

    def of(self, tenant: str, limit: int, before: str | None) -> list[PictureRow]:  # noqa: ARG002
        """Return made-up orders."""
        rows = sorted(self._rows(), key=place_of, reverse=True)
        return [row for row in rows if before is None or place_of(row) < before][:limit]

    def replace(self, before: PictureRow, after: PictureRow) -> bool:  # noqa: ARG002
        """Forget the change."""
        return True

    def _rows(self) -> list[PictureRow]:
        statuses: tuple[PictureStatus, ...] = get_args(PictureStatus)
        plain = [self._row(picture_id_of(one), one) for one in statuses if one != "failed"]
        codes = {*get_args(OrderCode), *get_args(PictureCode)}
        failed = [self._row(picture_id_of(f"failed-{one}"), "failed", one) for one in codes]
        return plain + failed

    def _row(self, picture_id: str, status: PictureStatus, code: str | None = None) -> PictureRow:
        digest = sha256(mock_picture()).hexdigest()
        file = {"file": layout.uploads.picture_file(0, "png"), "seed": 0, "sha256": digest}
        drawn = status == "succeeded"
        at = self._made_at if status in ENDED else self._now
        return PictureRow.model_validate(
            {
                "picture_id": picture_id, "tenant": self._tenant, "model_id": self._model_id,
                "status": status, "code": code, "seed": 0, "count": 1,
                "files": (DrawnFile.model_validate(file),) if drawn else (),
                "width": SIDE if drawn else None, "height": SIDE if drawn else None,
                "created_at": at, "updated_at": at, "delete_at": 0,
            }
        )  # fmt: skip


class MockPictureQueue:
    """Has no worker."""

    def send(self, task: PictureTask, delay_seconds: int = 0) -> None:
        """Forget the order."""
