"""Data exports in AWS: implements domain.ports.exports."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Literal

from botocore.exceptions import ClientError

from aws import settings
from aws.api.table import (
    ApiStore,
    NewRow,
    add_document,
    newest_documents,
    read_document,
    replace_document,
)
from aws.clients import client
from aws.tables import write_if
from contracts.documents.export import ExportInput, ExportRow
from contracts.shared.layout.rows import export_row, exports_index
from domain.ports.exports import place_of
from domain.ports.storage import ObjectMissingError

PART_BYTES = 16 << 20
"""S3 takes 10,000 parts: 156 GB, far more than an archive may have."""

CHUNK_BYTES = 1 << 20

_MISSING = {"404", "NoSuchKey", "NotFound"}


class DynamoExports(ApiStore):
    """One row for each export, with the document as JSON text."""

    def add(self, row: ExportRow) -> None:
        """Store a new row; a row that is there stays as it is."""
        key, owner = export_row(row.export_id), exports_index(row.subject.tenant)
        new = NewRow(key, owner, place_of(row), row, row.delete_at)
        write_if(add_document, table=self._table, new=new)

    def get(self, export_id: str) -> ExportRow | None:
        """Return the row as last written; None when there is none."""
        return read_document(ExportRow, self._table, export_row(export_id))

    def of(self, tenant: str, limit: int, before: str | None) -> list[ExportRow]:
        """Return at most ``limit`` of the tenant's rows, the newest first."""
        return newest_documents(ExportRow, self._table, exports_index(tenant), limit, before)

    def replace(self, before: ExportRow, after: ExportRow) -> bool:
        """Store the change; False: somebody else has changed or removed the row."""
        return replace_document(self._table, export_row(before.export_id), before, after)


class S3Reader:
    """Reads one bucket in parts."""

    def __init__(self, bucket: str, s3: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._bucket, self._s3 = bucket, s3

    @classmethod
    def from_env(cls, variable: Literal["UPLOADS_BUCKET", "MODELS_BUCKET"]) -> "S3Reader":
        """Open the bucket that this variable names."""
        return cls(settings.text(variable), client("s3"))

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield the object's bytes, a megabyte at a time."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise ObjectMissingError from error
            raise
        with closing(answer["Body"]) as body:
            yield from body.iter_chunks(CHUNK_BYTES)


class S3Archive:
    """One multipart upload."""

    def __init__(self, bucket: str, key: str, s3: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._s3, self._buffer = s3, bytearray()
        self._parts: list[dict[str, Any]] = []
        begun = s3.create_multipart_upload(Bucket=bucket, Key=key, ContentType="application/zip")
        self._place = {"Bucket": bucket, "Key": key, "UploadId": begun["UploadId"]}

    def write(self, data: bytes, /) -> int:
        """Add bytes; return how many."""
        self._buffer += data
        if len(self._buffer) >= PART_BYTES:
            self._send()
        return len(data)

    def flush(self) -> None:
        """Do nothing: S3 takes parts of 5 MB and more."""

    def finish(self) -> None:
        """Make the object whole."""
        self._send()
        parts = {"Parts": self._parts}
        self._s3.complete_multipart_upload(**self._place, MultipartUpload=parts)

    def abort(self) -> None:
        """Throw away what was added."""
        self._s3.abort_multipart_upload(**self._place)

    def _send(self) -> None:
        number = len(self._parts) + 1
        answer = self._s3.upload_part(**self._place, PartNumber=number, Body=bytes(self._buffer))
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._buffer.clear()


class S3Archives:
    """The bucket that UPLOADS_BUCKET names."""

    def __init__(self, bucket: str, s3: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._bucket, self._s3 = bucket, s3

    @classmethod
    def from_env(cls) -> "S3Archives":
        """Open the bucket that UPLOADS_BUCKET names."""
        return cls(settings.text("UPLOADS_BUCKET"), client("s3"))

    def open(self, key: str) -> S3Archive:
        """Begin an object."""
        return S3Archive(self._bucket, key, self._s3)


class LambdaExporter:
    """Starts export_data: the permission to read everything lies with it alone."""

    def __init__(self, function: str, functions: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._function, self._functions = function, functions

    @classmethod
    def from_env(cls) -> "LambdaExporter":
        """Start the function that EXPORT_FUNCTION names."""
        return cls(settings.text("EXPORT_FUNCTION"), client("lambda"))

    def start(self, given: ExportInput) -> None:
        """Begin to write an archive; return at once."""
        self._functions.invoke(
            FunctionName=self._function,
            InvocationType="Event",
            Payload=given.model_dump_json().encode(),
        )
