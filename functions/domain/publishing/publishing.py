"""Verify a trained adapter, pack it and publish it for the endpoint.

No claim is trusted: every byte that is published was read and hashed here.
"""

from collections.abc import Mapping
from hashlib import sha256

from contracts.base import BaseCard
from contracts.documents.job import JobSpec
from contracts.documents.package import (
    PACKAGE_CARD,
    PACKAGE_CODE,
    PACKAGE_CONFIG,
    PACKAGE_MANIFEST,
    PACKAGE_WEIGHTS,
    ModelPackage,
    PackageCard,
)
from contracts.documents.training import AdapterManifest, TrainedAdapter, TrainingResult
from contracts.errors import AdapterInvalidError, GateFailedError
from contracts.shared import layout
from contracts.shared.limits import MAX_ADAPTER_BYTES
from contracts.shared.pictures.picture_places import tenant_hash
from contracts.shared.weights.families import FAMILIES
from contracts.shared.weights.safetensors import WeightsError
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, Storage, read_document
from domain.publishing.lora_file import check_lora
from domain.publishing.model_text import released_text
from domain.publishing.tar_gz import archive


def publish(job: JobSpec, trained: TrainedAdapter, models: Storage, bases: Storage) -> ModelPackage:
    """Publish the adapter under a new name; a repeat leaves the published package unchanged.

    Raises:
        AdapterInvalidError: files, manifest and base do not match.
        GateFailedError: the adapter did not pass the gate.
    """
    result, folder = read_result(trained, models)
    manifest = manifest_of(result, trained.job_id)
    check_base(manifest, read_document(bases, layout.bases.card_key(job.base_id), BaseCard))
    weights = read_file(
        models, folder, f"{layout.container.ADAPTER_FOLDER}/{manifest.weights}", result
    )
    check_weights(weights, manifest)
    manifest_key = f"{layout.container.ADAPTER_FOLDER}/{layout.container.MANIFEST_FILE}"
    body = read_file(models, folder, manifest_key, result)
    check(AdapterManifest.model_validate_json(body) == manifest, "manifest_differs")
    packed = archive(package_contents(weights, body, job.tenant))
    target_model = f"{job.job_id}-{manifest.weights_sha256[:12]}.tar.gz"
    return ModelPackage(
        job_id=job.job_id,
        target_model=target_model,
        uri=models.uri(layout.models.ENDPOINT_PREFIX + target_model),
        sha256=store(models, job.job_id, layout.models.ENDPOINT_PREFIX + target_model, packed),
        weights_sha256=manifest.weights_sha256,
        trigger_word=manifest.trigger_word,
        trigger_words=manifest.trigger_words,
    )


def check(holds: bool, reason: str) -> None:
    """Refuse the adapter with this reason, unless the rule holds."""
    if not holds:
        raise AdapterInvalidError(reason=reason)


# --- verify ---------------------------------------------------------------------------------


def read_result(trained: TrainedAdapter, models: Storage) -> tuple[TrainingResult, str]:
    """Return the result that TrainAdapter referred to, and the prefix of its files."""
    key = trained.result_uri.removeprefix(models.uri(""))
    check(key != trained.result_uri, "result_elsewhere")
    body = read(models, key)
    check(sha256(body).hexdigest() == trained.result_sha256, "result_changed")
    return TrainingResult.model_validate_json(body), key.removesuffix(layout.container.RESULT_FILE)


def manifest_of(result: TrainingResult, job_id: str) -> AdapterManifest:
    """Return the manifest of an adapter that passed the gate and belongs to this job.

    ``job_id`` is the job that was trained: for a sweep, its best trial.
    """
    manifest = result.adapter
    if result.status != "succeeded" or manifest is None or result.gate is None:
        raise AdapterInvalidError(reason="result_incomplete")
    if not result.gate.passed:
        raise GateFailedError
    check(result.job_id == manifest.job_id == job_id, "job_differs")
    return manifest


def check_base(manifest: AdapterManifest, card: BaseCard) -> None:
    """Refuse an adapter that was trained on another base."""
    ours = (card.base_id, card.sha256, card.family, card.prediction_type)
    trained_on = (
        manifest.base_id,
        manifest.base_sha256,
        manifest.family,
        manifest.prediction_type,
    )
    check(ours == trained_on, "base_differs")


def check_weights(weights: bytes, manifest: AdapterManifest) -> None:
    """Refuse weights that differ from the manifest, or are not a LoRA."""
    check(sha256(weights).hexdigest() == manifest.weights_sha256, "weights_changed")
    try:
        family = FAMILIES[manifest.family]
        check_lora(weights, manifest.rank, manifest.text_encoder_rank, family)
    except WeightsError as error:
        raise AdapterInvalidError(reason=str(error)) from error


def read_file(models: Storage, folder: str, name: str, result: TrainingResult) -> bytes:
    """Return one of the result's files; refuse one that differs from the trainer's hash."""
    body = read(models, folder + name)
    check(result.files.get(name) == sha256(body).hexdigest(), "file_changed")
    return body


def read(models: Storage, key: str) -> bytes:
    """Return the object's bytes; a missing one makes the adapter invalid."""
    try:
        return models.read(key, MAX_ADAPTER_BYTES)
    except ObjectMissingError:
        raise AdapterInvalidError(reason="file_missing") from None
    except ObjectTooLargeError:
        raise AdapterInvalidError(reason="file_too_large") from None


# --- pack and publish -----------------------------------------------------------------------


def package_contents(weights: bytes, manifest: bytes, tenant: str) -> Mapping[str, bytes]:
    """Return the archive's files: the released text, the adapter and the tenant's card."""
    card = PackageCard(tenant_sha256=tenant_hash(tenant), adapter=True)
    return {
        PACKAGE_CONFIG: released_text(PACKAGE_CONFIG),
        PACKAGE_CODE: released_text(PACKAGE_CODE),
        PACKAGE_CARD: card.model_dump_json().encode(),
        PACKAGE_WEIGHTS: weights,
        PACKAGE_MANIFEST: manifest,
    }


def store(models: Storage, job_id: str, key: str, packed: bytes) -> str:
    """Publish the archive and return the SHA-256 of the published object.

    The key contains the weights' hash and is never written twice, because a server may have loaded
    it. An existing object stays, even if an older release of the packaged text made it.
    """
    if models.head(key) is None:
        staging = layout.models.staging_key(job_id)
        models.write(staging, packed, "application/gzip")
        check(read(models, staging) == packed, "upload_damaged")
        models.copy(staging, key)
        models.delete(staging)
        return sha256(packed).hexdigest()
    return sha256(read(models, key)).hexdigest()
