"""Keeps requests and their pictures in S3, under the tenant's own prefix."""

import re
import secrets
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts.document import Document
from contracts.documents.picture import PictureArguments, StoredPictures
from contracts.shared.layout.uploads import PICTURES_FILE, picture_file, pictures_prefix
from likeness_client.answer import Answer
from likeness_client.errors import GenerationError

PLACE = re.compile(
    r"^s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])"
    r"/tenants/(?P<tenant>[A-Za-z0-9][A-Za-z0-9_-]{0,63})/?$"
)


class NotStoredError(GenerationError):
    """The pictures were drawn and are here, but could not be kept."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("not_stored", "the pictures were drawn, but S3 did not take them")
        self.answer = answer


class SentRequest(Document):
    """What was asked for."""

    endpoint: str
    model: str
    prompt: str
    negative_prompt: str | None
    arguments: PictureArguments


class PictureStore:
    """One tenant's pictures.

    Args:
        place: ``s3://<bucket>/tenants/<tenant>``.
        s3: boto3's client.
    """

    def __init__(self, place: str, s3: Any) -> None:  # noqa: ANN401 (boto3 ships no types)
        match = PLACE.match(place)
        if match is None:
            raise GenerationError("invalid_argument", "store: s3://<bucket>/tenants/<tenant>")
        self._bucket, self._tenant = match["bucket"], match["tenant"]
        self._s3 = s3

    def keep(self, sent: SentRequest, answer: Answer) -> str:
        """Write the pictures and, last, what was asked; return the folder's address.

        Raises:
            NotStoredError: it holds the answer.
        """
        now = datetime.now(UTC)
        prefix = pictures_prefix(self._tenant, f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(8)}")
        kind = sent.arguments.output_format
        names = [picture_file(index, kind) for index in range(len(answer.pictures))]
        files = dict(zip(names, (picture.data for picture in answer.pictures), strict=True))
        about = StoredPictures(
            **dict(sent),
            info=answer.info,
            files={name: sha256(data).hexdigest() for name, data in files.items()},
            created_at=now.isoformat(timespec="seconds"),
        )
        try:
            for name, data in files.items():
                self._put(prefix + name, data, f"image/{kind}")
            text = about.model_dump_json().encode()
            self._put(prefix + PICTURES_FILE, text, "application/json")
        except (BotoCoreError, ClientError) as error:
            raise NotStoredError(answer) from error
        return f"s3://{self._bucket}/{prefix}"

    def _put(self, key: str, body: bytes, content_type: str) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)
