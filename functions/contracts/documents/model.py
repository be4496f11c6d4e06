"""ModelRecord: one row of the ``models`` table, a model that a tenant can call."""

from typing import Literal

from contracts.document import Document, JobId, OpaqueId, Sha256
from contracts.documents.package import TargetModel


class ModelRecord(Document):
    """Key: tenant and model_id. Times are ISO 8601 in UTC."""

    schema_version: Literal[1] = 1

    tenant: OpaqueId

    model_id: JobId
    """The id of the job that trained the model."""

    target_model: TargetModel
    """Value of the TargetModel header of InvokeEndpoint."""

    weights_sha256: Sha256

    base_id: OpaqueId

    trigger_word: str

    trigger_words: tuple[str, ...] = ()
    """The trigger word of each subject, where there are several; the first is ``trigger_word``."""

    endpoint_name: str

    created_at: str
