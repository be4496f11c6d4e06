"""The id of a job: a hash of all that decides what its model becomes."""

import hashlib
import json

from contracts.documents.job import PinnedObject
from contracts.documents.upload.request import TrainingRequest
from domain.intake.uploads import PinnedUpload

CODE_GENERATION = "2"
"""Part of every job's id. Raise it when the same request would give a different model."""


def name_job(
    tenant: str,
    upload: PinnedUpload,
    request: TrainingRequest,
    models: str,
    adapter: PinnedObject | None = None,
) -> str:
    """Return the job's id: the same for the same content, whatever the upload's name.

    ``models`` is the base's hash, followed by the captioner's name if it describes photos. A field
    with its default value is left out, so a new field does not rename an old job.
    """
    photos = [
        [pin.etag, _etag(pin.caption), _etag(pin.mask), *([pin.subject] if pin.subject else [])]
        for pin in upload.photos
    ]
    content = [
        CODE_GENERATION,
        tenant,
        models,
        request.model_dump(mode="json", exclude_defaults=True),
        sorted(photos),
        sorted(pin.etag for pin in upload.class_photos),
        *([] if adapter is None else [adapter.etag]),
    ]
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _etag(pin: PinnedObject | None) -> str:
    return "" if pin is None else pin.etag
