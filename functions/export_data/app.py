"""Beside the states, export_data: everything that is held about somebody, in one archive.

`likeness export` and the HTTP API start it; whoever may invoke it may read every tenant's data.

In     ExportInput     from anybody who may invoke this function
Out    ExportAnswer    how the export stands; a call with `look` writes nothing
Fails  nothing on purpose; Lambda's second try begins the archive anew
"""

from aws.audit import DynamoAudit
from aws.storage import S3Storage
from aws.wiring import export_services
from contracts.documents.audit import OPERATOR
from contracts.documents.export import ExportAnswer, ExportInput, ExportRow
from contracts.shared import layout
from domain.audit.entries import Deed, record
from domain.exporting.asking import judged, new_row
from domain.exporting.writing import write_export
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: ExportInput) -> ExportAnswer:
    services = export_services(now)
    if given.step == "look":
        found = services.exports.get(given.export_id)
        return answer(judged(found or new_row(given.export_id, given.subject, now()), now()))
    if given.door == OPERATOR:
        deed = Deed(OPERATOR, f"export.made {given.subject.kind}", [("id", given.export_id)])
        record(DynamoAudit.from_env(), given.subject.tenant, deed, now())
    return answer(write_export(given, services))


def answer(row: ExportRow) -> ExportAnswer:
    """Return how an export stands, with the archive's place once it is whole."""
    key = layout.uploads.export_key(row.subject.tenant, row.export_id)
    whole = row.status == "succeeded"
    return ExportAnswer(
        export_id=row.export_id,
        status=row.status,
        code=row.code,
        uri=S3Storage.from_env("UPLOADS_BUCKET").uri(key) if whole else None,
        size=row.size,
        sha256=row.sha256,
    )
