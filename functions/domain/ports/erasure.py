"""What erasing needs: tombstones, buckets with versions, executions and a signature."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from contracts.documents.erasure import ErasureAnswer, ErasureSubject, Kind, Store
from contracts.documents.job import JobSpec
from contracts.documents.record import JobRecord
from contracts.documents.status import UploadRow


class Erasure(NamedTuple):
    """The row of one erasure: its tombstone and how far it is."""

    erasure_id: str
    kind: Kind
    requested_at: str
    finished_at: str | None = None
    """When its receipt was written; None: it goes on."""
    found: Mapping[Store, int] | None = None
    """What each store held before the first deletion; None: it was not counted yet."""
    jobs: int = 0
    """Trainings that the erasure has found."""
    remaining: Mapping[Store, int] | None = None
    """What each store held after the last round of deletions; None: it was not counted."""


class TenantRows(NamedTuple):
    """Everything that the ``jobs`` table has about a tenant."""

    records: tuple[JobRecord, ...]
    uploads: Mapping[str, UploadRow]
    """Rows of uploads by the upload's id."""


class ApiRows(NamedTuple):
    """Which rows of the HTTP API's table: all of a tenant, and those that name a model."""

    tenant: str | None
    """None: the tenant keeps its rows."""
    model_ids: Sequence[str] = ()


class Tombstones(Protocol):
    """What was erased must not come back: asked before anything is stored for a person."""

    def is_erased(self, *subjects: ErasureSubject) -> bool:
        """Return whether any of the subjects has a tombstone; reads consistently."""
        ...

    def begin_accepting(self, tenant: str, upload: str, now: datetime) -> None:
        """Store that an upload is being accepted, so that its erasure waits for the end.

        A process that dies holds the erasure up until the lease is over, for three minutes.
        """
        ...

    def end_accepting(self, tenant: str, upload: str) -> None:
        """Store that the acceptance has ended; do nothing when the upload's row is gone."""
        ...


class Erasures(Tombstones, Protocol):
    """The rows of erasures and of what they erase. Every method may be called again."""

    def entomb(self, subject: ErasureSubject, now: datetime) -> Erasure:
        """Store the tombstone, if there is none; return the erasure's row."""
        ...

    def find(self, erasure_id: str) -> Erasure | None:
        """Return an erasure's row; None when nothing was asked for."""
        ...

    def rows_of(self, tenant: str) -> TenantRows:
        """Return every row that names the tenant."""
        ...

    def stop_job(self, record: JobRecord, now: datetime) -> None:
        """Store the job's tombstone, and that every stage of it is to end."""
        ...

    def record_found(self, erasure_id: str, found: Mapping[Store, int], jobs: int) -> None:
        """Store what there was before the first deletion; a later call changes nothing."""
        ...

    def record_remaining(self, erasure_id: str, remaining: Mapping[Store, int]) -> None:
        """Store what is left after a round of deletions, in place of the round before."""
        ...

    def finish(self, erasure_id: str, now: datetime) -> None:
        """Store that the receipt was written."""
        ...

    def forget_job(self, record: JobRecord) -> None:
        """Delete the job's row, and the rows about it: notice, expiry, consent, cost."""
        ...

    def forget_upload(self, tenant: str, upload: str) -> None:
        """Delete the upload's row."""
        ...

    def models_of(self, tenant: str) -> list[str]:
        """Return the ids of the tenant's models that have a row."""
        ...

    def exporting(self, tenant: str) -> list[str]:
        """Return the ends of the leases of the tenant's exports that are written now."""
        ...

    def count_api_rows(self, rows: ApiRows) -> Mapping[Store, int]:
        """Return how many rows of the HTTP API there are, by kind."""
        ...

    def forget_api_rows(self, rows: ApiRows) -> None:
        """Delete the rows of the HTTP API."""
        ...

    def forget_model(self, tenant: str, job_id: str) -> None:
        """Delete the model's row; do nothing when it is gone."""
        ...


class Held(NamedTuple):
    """What is under a prefix."""

    versions: int
    """Objects, their older versions and delete markers."""
    uploads: int
    """Unfinished multipart uploads."""


class VersionedBucket(Protocol):
    """One bucket with all versions. Every method may be called again."""

    def held(self, prefix: str) -> Held:
        """Count what is under the prefix."""
        ...

    def purge(self, prefix: str) -> None:
        """Delete every version and marker under the prefix, and abort unfinished uploads."""
        ...

    def purge_older(self, key: str) -> None:
        """Delete every version of the key but the present one."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """Return each key under the prefix once, those included that only have old versions."""
        ...


class Executions(Protocol):
    """The executions of a job, and those of erase_subject."""

    def is_running(self, execution_arn: str) -> bool:
        """Return whether the execution has not ended; False when it is not known any more."""
        ...

    def start_erasure(self, subject: ErasureSubject, *, again: bool = False) -> None:
        """Start erase_subject, or redrive an execution that has failed; one at a time.

        ``again``: one that has succeeded does not count, because something came after it.
        """
        ...


class DeadLetters(Protocol):
    """The queue of events that could not be delivered."""

    def count(self, words: Sequence[str]) -> int:
        """Return how many messages have one of the words in them."""
        ...

    def purge(self, words: Sequence[str]) -> None:
        """Delete the messages that have one of the words in them; the others stay."""
        ...


class WarmPools(Protocol):
    """Instances that SageMaker keeps after a training job."""

    def is_kept(self, training_job_name: str) -> bool:
        """Return whether this training job's warm pool waits for another one."""
        ...

    def release(self, training_job_name: str) -> bool:
        """End the warm pool that this training job has left; False when there is none."""
        ...


class Signer(Protocol):
    """A key that never leaves its keeper."""

    @property
    def key_arn(self) -> str:
        """The key's ARN."""
        ...

    def sign(self, digest: bytes) -> bytes:
        """Return the signature over a SHA-256 digest (ECDSA on P-256, DER)."""
        ...


class Eraser(Protocol):
    """Who starts erasures."""

    def erase(self, subject: ErasureSubject, *, withdrawn: bool = False) -> ErasureAnswer:
        """Ask for an erasure, or how far it is; asking again changes nothing.

        ``withdrawn``: a consent was taken back, and its record is to say so.
        """
        ...


class DuePhotos(NamedTuple):
    """Photos that are to go."""

    job_id: str
    tenant: str
    upload: str


class UnusedModel(NamedTuple):
    """A model at whose use somebody has to look."""

    job_id: str
    tenant: str
    upload: str
    announced_at: str | None
    """When its owner was told that it will be erased; None: not since its last use."""


class UnusedModels(Protocol):
    """When somebody looks whether models are still used."""

    def add(self, job: JobSpec, at: datetime) -> None:
        """Store when somebody looks at a model first; a time that is there stays."""
        ...

    def due(self, now: datetime) -> list[UnusedModel]:
        """Return the models to look at by now, the oldest first."""
        ...

    def look_again(self, job_id: str, at: datetime) -> None:
        """Look at a model later, as it was used; nobody counts as told."""
        ...

    def was_announced(self, job_id: str, now: datetime, at: datetime) -> None:
        """Note that the owner was told, and look again later."""
        ...

    def forget(self, job_id: str) -> None:
        """Delete the row; the model is erased."""
        ...


class Expiries(Protocol):
    """When the photos of trainings that have succeeded are to go."""

    def add(self, job: JobSpec, at: datetime) -> None:
        """Store when the photos of a job are to go; the first time stays."""
        ...

    def due(self, now: datetime) -> list[DuePhotos]:
        """Return what is to go by now, the oldest first."""
        ...

    def newest_job(self, tenant: str, upload: str) -> str | None:
        """Return the job of the upload's newest accepted request."""
        ...

    def forget(self, job_id: str) -> None:
        """Delete the row; its photos are gone."""
        ...
