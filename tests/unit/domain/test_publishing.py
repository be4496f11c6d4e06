"""An adapter is verified, packed and published whole, once, under a new key."""

import gzip
import io
import tarfile
from hashlib import sha256

import pytest

from contracts.base import BaseCard
from contracts.documents.package import (
    PACKAGE_CARD,
    PACKAGE_CODE,
    PACKAGE_CONFIG,
    PACKAGE_MANIFEST,
    PACKAGE_WEIGHTS,
    ModelPackage,
    PackageCard,
)
from contracts.documents.training import GateReport, TrainedAdapter, TrainingResult
from contracts.errors import AdapterInvalidError, GateFailedError
from domain.ports.storage import write_document
from domain.publishing import model_text, publishing
from domain.publishing.publishing import publish
from domain.publishing.tar_gz import archive
from tests.fakes.faults import before_next, die
from tests.fakes.storage import MemoryStorage
from tests.unit.training_kit import CARD, job_id, lora, spec, write_adapter

FOLDER = f"training/{job_id(1)}/checkpoints/{job_id(1)}"
RESULT = f"{FOLDER}/result.json"
WEIGHTS = f"{FOLDER}/adapter/pytorch_lora_weights.safetensors"


class Shelf:
    """One trained adapter on its way to the endpoint."""

    def __init__(self, weights: bytes | None = None) -> None:
        self.models, self.bases = MemoryStorage("models"), MemoryStorage("bases")
        self.result = write_adapter(self.models, 1, lora() if weights is None else weights)
        self.write_card(CARD)

    def write_card(self, card: BaseCard) -> None:
        write_document(self.bases, "bases/portraits-sdxl/base.json", card)

    def rewrite(self, **changes: object) -> None:
        """Let the trainer have message something else."""
        changed = TrainingResult.model_validate({**self.result.model_dump(), **changes})
        write_document(self.models, RESULT, changed)

    def trained(self) -> TrainedAdapter:
        return TrainedAdapter(
            job_id=job_id(1),
            training_job_name=f"likeness-{job_id(1)}-1",
            result_uri=self.models.uri(RESULT),
            result_sha256=sha256(self.models.objects[RESULT]).hexdigest(),
        )

    def publish(self, trained: TrainedAdapter | None = None) -> str:
        """Publish; return the archive's key."""
        package = publish(spec(1), trained or self.trained(), self.models, self.bases)
        key = package.uri.removeprefix("s3://models/")
        assert sha256(self.models.objects[key]).hexdigest() == package.sha256
        return key

    def archive(self) -> bytes:
        key = self.publish()
        return self.models.objects[key]

    def published(self) -> list[str]:
        return [key for key in self.models.objects if key.startswith("endpoint/")]

    def why_refused(self) -> object:
        with pytest.raises(AdapterInvalidError) as caught:
            self.publish()
        assert self.published() == []
        return caught.value.facts["reason"]


def test_the_archive_holds_the_released_text_and_the_adapter() -> None:
    models = Shelf()
    packed = models.archive()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        files = [member.name for member in tar if member.isfile()]
        weights = tar.extractfile(PACKAGE_WEIGHTS)
        assert weights is not None
        assert weights.read() == lora()
    assert files == sorted(
        [PACKAGE_CARD, PACKAGE_CODE, PACKAGE_CONFIG, PACKAGE_MANIFEST, PACKAGE_WEIGHTS]
    )


def test_a_package_says_whose_it_is_by_a_hash_and_not_by_a_name() -> None:
    with tarfile.open(fileobj=io.BytesIO(Shelf().archive())) as tar:
        card = tar.extractfile(PACKAGE_CARD)
        assert card is not None
        message = PackageCard.model_validate_json(card.read())
    assert message == PackageCard(tenant_sha256=sha256(b"acme").hexdigest(), adapter=True)


def test_the_name_holds_the_job_and_the_weights() -> None:
    digest = sha256(lora()).hexdigest()
    assert Shelf().publish() == f"endpoint/{job_id(1)}-{digest[:12]}.tar.gz"


def test_the_same_adapter_gives_the_same_bytes() -> None:
    assert Shelf().archive() == Shelf().archive()


def test_an_archive_has_no_clock_and_no_owner_in_it() -> None:
    packed = archive({"a/b": b"x"})
    assert packed[4:8] == bytes(4), "gzip's time"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as tar:
        assert {(m.mtime, m.uid, m.uname) for m in tar} == {(0, 0, "")}


def test_publishing_again_leaves_what_a_server_may_have_loaded() -> None:
    models = Shelf()
    key = models.publish()
    models.publish()
    assert len(models.models.versions[key]) == 1


def test_nothing_stays_in_staging() -> None:
    models = Shelf()
    models.publish()
    assert not [key for key in models.models.objects if key.startswith("staging/")]


@pytest.mark.parametrize("moment", ["copy", "delete"])
def test_a_stage_that_dies_is_repeated(moment: str) -> None:
    models = Shelf()
    before_next(models.models, moment, die)
    with pytest.raises(KeyboardInterrupt):
        models.publish()
    key = models.publish()
    assert models.published() == [key]


def test_an_archive_is_published_whole_or_not_at_all() -> None:
    models = Shelf()
    before_next(models.models, "copy", die)
    with pytest.raises(KeyboardInterrupt):
        models.publish()
    assert models.published() == []


def test_a_changed_result_is_refused() -> None:
    models = Shelf()
    trained = models.trained()
    models.rewrite(photos=({"index": 0, "verdict": "accepted"},))
    with pytest.raises(AdapterInvalidError) as caught:
        models.publish(trained)
    assert caught.value.facts["reason"] == "result_changed"


def test_a_flipped_bit_in_the_weights_is_refused() -> None:
    models = Shelf()
    models.models.write(WEIGHTS, lora()[:-1] + b"\x3e")
    assert models.why_refused() == "file_changed"


def test_missing_weights_are_refused() -> None:
    models = Shelf()
    models.models.delete(WEIGHTS)
    assert models.why_refused() == "file_missing"


def test_weights_of_more_than_may_be_published_are_refused_and_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishing, "MAX_ADAPTER_BYTES", len(lora()) - 1)
    assert Shelf().why_refused() == "file_too_large"


def test_an_adapter_of_another_base_is_refused() -> None:
    models = Shelf()
    models.write_card(CARD.model_copy(update={"sha256": "d" * 64}))
    assert models.why_refused() == "base_differs"


def test_an_adapter_that_missed_the_gate_is_not_published() -> None:
    models = Shelf()
    models.rewrite(gate=GateReport(passed=False, effect=0.0).model_dump())
    with pytest.raises(GateFailedError):
        models.publish()


@pytest.mark.parametrize("missing", ["gate", "adapter"])
def test_an_incomplete_result_is_refused(missing: str) -> None:
    models = Shelf()
    models.rewrite(**{missing: None})
    assert models.why_refused() == "result_incomplete"


def test_weights_that_are_no_lora_are_refused() -> None:
    assert Shelf(weights=b"not safetensors at all").why_refused() == "header_damaged"


def test_a_result_in_another_bucket_is_refused() -> None:
    models = Shelf()
    elsewhere = models.trained().model_copy(update={"result_uri": "s3://others/result.json"})
    with pytest.raises(AdapterInvalidError) as caught:
        models.publish(elsewhere)
    assert caught.value.facts["reason"] == "result_elsewhere"


@pytest.mark.parametrize(
    "other",
    [
        {"prediction_type": "v_prediction"},
        {"family": "sd2"},
        {"base_id": "another"},
        {"sha256": "d" * 64},
    ],
)
def test_whatever_of_the_base_differs_the_adapter_is_refused(other: dict[str, str]) -> None:
    models = Shelf()
    models.write_card(CARD.model_copy(update=other))
    assert models.why_refused() == "base_differs"
    assert models.published() == []


# --- in every detail --------------------------------------------------------------------------


def test_an_archive_is_made_as_it_was_in_every_release() -> None:
    """A package's hash is in the workflow's answer: the same files give the same bytes."""
    packed = archive({"a/1/b.txt": b"x", "a/c": b"yy"})
    assert packed[:4] == b"\x1f\x8b\x08\x00", "no name of a file in it"
    content = gzip.decompress(packed)
    assert (
        sha256(content).hexdigest()
        == "a3998875875b30d6fda01874cbd9d47a32f3f856ef97b58573cb6578482948f1"
    )
    assert len(packed) > len(content), "stored, not compressed"
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        found = {m.name: (m.isdir(), m.mode, m.size) for m in tar}
    assert found == {
        "a": (True, 0o755, 0),
        "a/1": (True, 0o755, 0),
        "a/1/b.txt": (False, 0o644, 1),
        "a/c": (False, 0o644, 2),
    }
    assert list(found) == sorted(found)


def test_a_package_says_all_of_this() -> None:
    shelf = Shelf()
    package = publish(spec(1), shelf.trained(), shelf.models, shelf.bases)
    digest = sha256(lora()).hexdigest()
    name = f"{job_id(1)}-{digest[:12]}.tar.gz"
    assert package == ModelPackage(
        job_id=job_id(1),
        target_model=name,
        uri=f"s3://models/endpoint/{name}",
        sha256=sha256(shelf.models.objects[f"endpoint/{name}"]).hexdigest(),
        weights_sha256=digest,
        trigger_word="sks",
    )
    again = publish(spec(1), shelf.trained(), shelf.models, shelf.bases)
    assert again == package, "what is there is what is reported"


def manifest_changed(shelf: Shelf, **changes: object) -> None:
    """Let the result and its file say another manifest, hashed as the trainer does."""
    assert shelf.result.adapter is not None
    manifest = shelf.result.adapter.model_copy(update=changes)
    body = manifest.model_dump_json().encode()
    shelf.models.write(f"{FOLDER}/adapter/manifest.json", body)
    files = shelf.result.files | {"adapter/manifest.json": sha256(body).hexdigest()}
    shelf.rewrite(adapter=manifest.model_dump(), files=files)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"job_id": job_id(2)}, "job_differs"),
        ({"weights_sha256": "0" * 64}, "weights_changed"),
        ({"rank": 4}, "rank_wrong"),
        ({"base_sha256": "0" * 64}, "base_differs"),
        ({"base_id": "other"}, "base_differs"),
        ({"family": "sd1"}, "base_differs"),
        ({"prediction_type": "v_prediction"}, "base_differs"),
    ],
)
def test_a_manifest_that_fits_nothing_is_refused_with_a_reason(
    changes: dict[str, object], reason: str
) -> None:
    shelf = Shelf()
    manifest_changed(shelf, **changes)
    assert shelf.why_refused() == reason


def test_a_result_of_another_job_is_refused() -> None:
    shelf = Shelf()
    shelf.rewrite(job_id=job_id(2))
    assert shelf.why_refused() == "job_differs"


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("adapter/manifest.json", b"{}", "file_changed"),
        ("adapter/pytorch_lora_weights.safetensors", b"x", "file_changed"),
        ("adapter/manifest.json", None, "file_missing"),
    ],
)
def test_a_file_that_is_not_the_trainer_s_is_refused(
    name: str, body: bytes | None, reason: str
) -> None:
    shelf = Shelf()
    if body is None:
        shelf.models.delete(f"{FOLDER}/{name}")
    else:
        shelf.models.write(f"{FOLDER}/{name}", body)
    assert shelf.why_refused() == reason


def test_a_manifest_that_says_something_else_than_the_result_is_refused() -> None:
    shelf = Shelf()
    assert shelf.result.adapter is not None
    other = shelf.result.adapter.model_copy(update={"trigger_word": "zwx"})
    body = other.model_dump_json().encode()
    shelf.models.write(f"{FOLDER}/adapter/manifest.json", body)
    shelf.rewrite(files=shelf.result.files | {"adapter/manifest.json": sha256(body).hexdigest()})
    assert shelf.why_refused() == "manifest_differs"


def test_a_failed_result_is_refused() -> None:
    shelf = Shelf()
    shelf.rewrite(status="failed")
    assert shelf.why_refused() == "result_incomplete"


def test_what_arrives_damaged_in_staging_is_not_published() -> None:
    shelf = Shelf()
    write = shelf.models.write

    def damaged(key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        write(key, body[:-1] if key.startswith("staging/") else body, content_type)

    shelf.models.write = damaged  # type: ignore[method-assign]
    assert shelf.why_refused() == "upload_damaged"


def test_a_text_that_was_not_released_is_packed_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_text, "RELEASED_TEXTS", frozenset())
    with pytest.raises(AdapterInvalidError) as caught:
        model_text.released_text(PACKAGE_CODE)
    assert caught.value.facts["reason"] == "text_not_released"
