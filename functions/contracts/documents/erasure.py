"""Erasure: what a person asks to be forgotten, how far it is, and the receipt at its end.

Nothing here has a name, a file name or a prompt. The state machine's input has the tenant's and the
upload's opaque ids; the tombstone and the receipt have a hash of them only.
"""

import hashlib
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from contracts.document import Document, JobId, OpaqueId, S3Uri, Sha256

ErasureId = JobId
"""Hash of the subject: the same subject has the same erasure, so a second one does nothing."""

Kind = Literal["photo", "upload", "model", "tenant"]

ApiStore = Literal[
    "API keys",
    "webhooks",
    "webhook deliveries",
    "approvals",
    "remembered answers",
    "picture orders",
    "aliases",
    "export rows",
    "appeals",
    "counted calls",
]
"""Rows of the HTTP API's table. "remembered answers" were kept for repeated calls, "counted calls"
limit how many there may be, and "aliases" have their versions' figures and ratings with them."""

API_STORES: tuple[ApiStore, ...] = get_args(ApiStore)

Store = Literal[
    "uploaded files",
    "unfinished uploads",
    "unpacked archives",
    "prepared photos",
    "drawn pictures",
    "large answers",
    "job documents",
    "refused requests",
    "data exports",
    "training plans",
    "checkpoints and adapters",
    "training logs",
    "training output",
    "packages in the making",
    "packaged models",
    "pushed models",
    "endpoint memory and disk",
    "warm pools",
    "dead letters",
    "model rows",
    "job rows",
    "upload rows",
    "notice rows",
    "api rows",
    "people",
    ApiStore,
]
"""What erasure empties. "endpoint memory and disk" counts the models with a marker in S3, at which
every server looks; "warm pools" those that a training of the subject had left; "people" the
sign-ins of a tenant. "data exports" are all archives of the tenant, whatever is erased of it: a
copy may hold it. "api rows" stands in older receipts, which have the sum of what is now told by
kind."""

STORES: tuple[Store, ...] = tuple(store for store in get_args(Store) if store != "api rows")

SIGNING_ALGORITHM: Literal["ECDSA_SHA_256"] = "ECDSA_SHA_256"


class ErasureSubject(Document):
    """What is to be forgotten: a tenant, one upload of it, one photo of the upload, or a model."""

    tenant: OpaqueId

    upload: OpaqueId | None = None

    model_id: JobId | None = None
    """The id of the job that trained the model."""

    photo: Sha256 | None = None
    """SHA-256 of the photo's file name below the upload's prefix, so that no file name is kept."""

    @model_validator(mode="after")
    def _names_one_thing(self) -> "ErasureSubject":
        if self.photo is not None and self.upload is None:
            message = "a photo is named with its upload"
            raise ValueError(message)
        if self.model_id is not None and self.upload is not None:
            message = "name a model or an upload, not both"
            raise ValueError(message)
        return self

    @property
    def kind(self) -> Kind:
        """What is to be forgotten."""
        if self.model_id is not None:
            return "model"
        if self.photo is not None:
            return "photo"
        return "tenant" if self.upload is None else "upload"

    @property
    def sha256(self) -> Sha256:
        """Hash of the subject's ids; a model's id is a hash of its tenant and content already."""
        ids = {
            "model": (self.model_id,),
            "photo": (self.tenant, self.upload, self.photo),
            "upload": (self.tenant, self.upload),
            "tenant": (self.tenant,),
        }[self.kind]
        text = "/".join(["erased", self.kind, *(each or "" for each in ids)])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def erasure_id(self) -> ErasureId:
        """Id of the erasure, of its tombstone and of its receipt.

        >>> ErasureSubject(tenant="acme").erasure_id == ErasureSubject(tenant="acme").erasure_id
        True
        """
        return self.sha256[:32]


class ErasureInput(Document):
    """Input of erase_subject and of every stage of it, and of request_erasure."""

    subject: ErasureSubject

    door: Literal["operator", "api"] = "operator"
    """Who has asked: the HTTP API, which writes its callers into the audit trail itself, or an
    operator."""

    withdrawn: bool = False
    """Whether the erasure follows from the withdrawal of a consent, whose record then says so."""


class WorkStopped(Document):
    """Answer of StopWork."""

    open: Annotated[int, Field(ge=0)]
    """Executions, training jobs and acceptances that have not ended yet."""


class StoresErased(Document):
    """Answer of EraseStores."""

    remaining: Annotated[int, Field(ge=0)]
    """Objects and rows that are still there; above 0 there was no time for all."""


class ErasedStore(Document):
    """One store in a receipt."""

    store: Store

    found: Annotated[int, Field(ge=0)]
    """Versions, delete markers, unfinished uploads, rows or messages before the erasure."""

    remaining: Annotated[int, Field(ge=0)] | None
    """What ``found`` counts, counted again after the deletion; null: nobody can count it, and
    ``expiring`` says until when it goes."""


class ExpiringStore(Document):
    """What AWS deletes with time alone. It holds opaque ids, never a photo, a name or a prompt."""

    store: str

    holds: str

    gone_at: str | None
    """Date when the last of it is gone; null: AWS keeps it until the account deletes it."""


class ErasureReceipt(Document):
    """What was erased, when, and what follows by itself."""

    schema_version: Literal[1] = 1

    erasure_id: ErasureId

    kind: Kind

    subject_sha256: Sha256
    """``ErasureSubject.sha256``: who knows the ids can check that the receipt is theirs."""

    requested_at: str

    erased_at: str

    jobs: Annotated[int, Field(ge=0)]
    """Trainings whose data was erased."""

    stores: tuple[ErasedStore, ...]

    expiring: tuple[ExpiringStore, ...]


class SignedReceipt(Document):
    """``receipts/<erasure id>.json`` in the models bucket."""

    schema_version: Literal[1] = 1

    receipt: ErasureReceipt

    key_arn: str
    """The KMS key of the stack that signed; a receipt is only worth what this key is."""

    algorithm: Literal["ECDSA_SHA_256"] = SIGNING_ALGORITHM

    signature: str
    """Base64 of the signature over ``digest_of(receipt)``."""


class ErasureAnswer(Document):
    """Answer of request_erasure."""

    schema_version: Literal[1] = 1

    erasure_id: ErasureId

    outcome: Literal["erasing", "erased", "unknown"]
    """``erasing``: nothing of it is drawn or trained any more, and its bytes go now; ``erased``: it
    was erased before, the receipt is there; ``unknown``: the tenant has no such thing."""

    receipt_uri: S3Uri | None = None
    """Place of the SignedReceipt, which is written when everything is gone."""

    receipt: SignedReceipt | None = None
    """The receipt itself, once it is there: for callers who cannot read the bucket."""


class ReceiptPlace(Document):
    """Answer of SignReceipt, the output of erase_subject."""

    erasure_id: ErasureId

    receipt_uri: S3Uri


def digest_of(receipt: ErasureReceipt) -> bytes:
    """Return what is signed: SHA-256 of the receipt as compact JSON in the order of its fields."""
    return hashlib.sha256(receipt.model_dump_json().encode()).digest()
