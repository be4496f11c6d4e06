"""Erasure: what is stopped, what is reached, what goes, and what others keep."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from contracts.documents.api.pictures import PictureOrder
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject, SignedReceipt, digest_of
from contracts.documents.picture import OtherModel, PictureArguments, StoredPictures
from contracts.documents.training import TrainingPlan
from contracts.documents.upload.consent import Consent
from contracts.errors import StageInputError, SubjectErasedError
from contracts.shared import layout
from contracts.shared.names import captions_plan_id
from contracts.shared.people.consent_texts import EVIDENCE_DAYS
from contracts.shared.pictures.picture_places import tenant_hash
from domain.erasure.erasing import erase_stores
from domain.erasure.receipts import KeptElsewhere, ReceiptServices, sign_receipt
from domain.erasure.services import ErasingServices, StoppingServices
from domain.erasure.stopping import request_erasure, stop_work, withdraw_consent
from domain.intake.accepting import accept_request
from domain.ports.erasure import ApiRows
from domain.ports.storage import read_document, write_document
from domain.training.following import follow_training_job, reconcile
from domain.training.launching import launch
from domain.training.services import LaunchServices
from local.demo.upload import consent
from tests.fakes.consents import MemoryConsents
from tests.fakes.erasure import (
    MemoryDeadLetters,
    MemoryErasures,
    MemoryExecutions,
    MemoryPools,
    MemoryVersions,
)
from tests.fakes.intake import announced, memory_intake, put_upload
from tests.fakes.members import MemoryPeople
from tests.fakes.storage import MemoryStorage
from tests.unit.golden_kit import check_golden
from tests.unit.training_kit import NOON, SETTINGS, World, job_id

TOGETHER = replace(SETTINGS, quota=1, max_batch=4)
TENANT = ErasureSubject(tenant="acme")
MODEL = ErasureSubject(tenant="acme", model_id=job_id(1))

GOLDEN = Path(__file__).resolve().parents[2] / "contract" / "golden"


class Erasing(World):
    """A world of trainings in which somebody is forgotten."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.uploads = MemoryStorage("uploads")
        self.erasures = MemoryErasures(self.jobs)
        self.executions = MemoryExecutions()
        self.letters = MemoryDeadLetters()
        self.pools = MemoryPools()
        self.consents = MemoryConsents()
        self.people = MemoryPeople()
        self.hub = MemoryStorage("hub")

    @property
    def parts(self) -> dict[str, object]:
        return {
            "erasures": self.erasures,
            "uploads": self.uploads,
            "models": self.models,
            "uploads_versions": MemoryVersions(self.uploads),
            "models_versions": MemoryVersions(self.models),
        }

    @property
    def stopping(self) -> StoppingServices:
        return StoppingServices(
            **self.parts,  # type: ignore[arg-type]
            jobs=self.jobs,
            trainer=self.trainer,
            callbacks=self.callbacks,
            executions=self.executions,
            people=self.people,
        )

    @property
    def erasing(self) -> ErasingServices:
        return ErasingServices(
            **self.parts,  # type: ignore[arg-type]
            dead_letters=self.letters,
            pools=self.pools,
            people=self.people,
            hub_versions=MemoryVersions(self.hub),
        )

    def train(self, *numbers: int, tenant: str = "acme") -> None:
        """Let these jobs train, together where they can."""
        for number in numbers:
            self.enter(number, f"token-{number}", tenant)
        launch(LaunchServices(self.services, self.bases, TOGETHER), NOON)

    def answer_of(self, number: int) -> str | None:
        answer = self.callbacks.answers.get(f"token-{number}")
        return None if answer is None else answer.error


def keys_of(storage: MemoryStorage, word: str) -> list[str]:
    """Return the keys with the word in them, but for the servers' markers."""
    return [
        k for k in storage.versions if word in k and not k.startswith(layout.models.ERASED_PREFIX)
    ]


def test_a_waiting_job_is_stopped_and_its_execution_hears_that_it_was_erased() -> None:
    world = Erasing()
    world.enter(1, "token-1")
    assert request_erasure(MODEL, world.stopping, NOON).outcome == "erasing"
    assert world.answer_of(1) == "SubjectErasedError"
    assert world.executions.started == [MODEL.erasure_id]
    assert layout.models.erased_model_key(job_id(1)) in world.models.objects
    assert launch(world.launching, NOON) == []


def test_erasing_waits_for_the_execution_and_for_the_training_job() -> None:
    world = Erasing()
    world.train(1)
    world.executions.running.add("arn:execution:1")
    request_erasure(MODEL, world.stopping, NOON)
    assert world.trainer.running() == []
    assert stop_work(MODEL, world.stopping, NOON).open == 1, "a stage may still write"
    world.executions.running.clear()
    assert stop_work(MODEL, world.stopping, NOON).open == 0


def test_a_training_job_that_is_being_created_is_waited_for() -> None:
    world = Erasing()
    world.train(1)
    name = world.name_of(1)
    begun = world.trainer.states.pop(name)
    request_erasure(MODEL, world.stopping, NOON)
    assert stop_work(MODEL, world.stopping, NOON).open == 1
    world.trainer.states[name] = begun
    stop_work(MODEL, world.stopping, NOON)
    assert world.trainer.running() == []


def test_the_others_of_a_shared_training_job_are_trained_again() -> None:
    world = Erasing()
    world.train(1, 2, 3, 4)
    name = world.name_of(1)
    assert name == world.name_of(2)
    request_erasure(MODEL, world.stopping, NOON)
    assert world.trainer.running() == []
    follow_training_job(world.services, name, NOON)
    other = world.jobs.records[job_id(2)]
    assert (other.queue, other.alone, world.answer_of(2)) == ("queued", True, None)


def test_reconcile_does_not_bring_an_erased_job_back() -> None:
    world = Erasing()
    world.train(1)
    stop_and_erase(world, MODEL)
    reconcile(world.services, NOON + timedelta(hours=1))
    assert job_id(1) not in world.jobs.records
    with pytest.raises(StageInputError):
        sign_receipt(ErasureSubject(tenant="nobody"), receipts(world), NOON)


def stop_and_erase(world: Erasing, subject: ErasureSubject) -> None:
    request_erasure(subject, world.stopping, NOON)
    assert stop_work(subject, world.stopping, NOON).open == 0
    assert erase_stores(subject, world.erasing).remaining == 0


def test_files_that_come_after_an_erasure_go_with_the_next_request() -> None:
    world, upload = Erasing(), ErasureSubject(tenant="acme", upload="u1")
    prefix = layout.uploads.upload_prefix("acme", "u1")
    world.uploads.write(f"{prefix}000.jpg", b"face")
    stop_and_erase(world, upload)
    sign_receipt(upload, receipts(world), NOON)
    world.uploads.write(layout.uploads.export_key("acme", "exp_1"), b"asked for since")
    assert request_erasure(upload, world.stopping, NOON).outcome == "erased"
    world.uploads.write(f"{prefix}001.jpg", b"by a form that was signed before")
    later = NOON + timedelta(hours=1)
    assert request_erasure(upload, world.stopping, later).outcome == "erasing"
    assert world.executions.started == [upload.erasure_id] * 2
    assert erase_stores(upload, world.erasing).remaining == 0
    answer = request_erasure(upload, world.stopping, later)
    assert answer.receipt is not None
    assert (answer.outcome, answer.receipt.receipt.erased_at) == ("erased", NOON.isoformat())


def test_all_of_a_job_goes_and_its_neighbour_keeps_the_plan_they_shared() -> None:
    world = Erasing()
    world.train(1, 2, 3, 4)
    plan_id = world.jobs.records[job_id(1)].plan_id
    assert plan_id is not None
    for number in (1, 2):
        world.write_result(number)
        world.uploads.write(layout.uploads.accepted_prefix(job_id(number)) + "000.png", b"face")
    world.models.write(
        f"{layout.models.ENDPOINT_PREFIX}{job_id(1)}-0123456789ab.tar.gz", b"weights"
    )
    states = [f"{job_id(9)}/checkpoints/{job_id(n)}/state/step-000001.safetensors" for n in (1, 2)]
    body = json.dumps([{"prefix": "s3://models/training/"}, *states]).encode()
    for of_plan in (plan_id, job_id(1)):  # of a rung that others share, and of one alone
        world.models.write(layout.models.states_manifest_key(of_plan), body)
    stop_and_erase(world, MODEL)
    assert keys_of(world.models, job_id(1)) == keys_of(world.uploads, job_id(1)) == []
    left = world.models.objects[layout.models.states_manifest_key(plan_id)]
    assert json.loads(left)[1:] == states[1:]
    assert keys_of(world.uploads, job_id(2))
    plan = read_document(world.models, layout.models.plan_key(plan_id), TrainingPlan)
    assert [task.job_id for task in plan.tasks] == [job_id(2)]
    texts = b"".join(b"".join(versions) for versions in world.models.versions.values())
    assert job_id(1).encode() not in texts, "neither in an older version"
    assert layout.models.result_key(plan_id, job_id(2)) in world.models.objects


def test_a_plan_that_nobody_can_read_keeps_what_may_be_another_s() -> None:
    world = Erasing()
    world.train(1, 2, 3, 4)
    plan_id = world.jobs.records[job_id(1)].plan_id
    assert plan_id is not None
    world.write_result(1)
    theirs = world.write_result(2)
    world.models.write(layout.models.plan_key(plan_id), b"damaged")
    stop_and_erase(world, MODEL)
    assert theirs in world.models.objects
    assert layout.models.result_key(plan_id, job_id(1)) not in world.models.versions


def test_the_first_request_says_where_the_receipt_will_lie() -> None:
    world = Erasing()
    world.train(1)
    answer = request_erasure(MODEL, world.stopping, NOON)
    assert (answer.outcome, answer.erasure_id) == ("erasing", MODEL.erasure_id)
    assert answer.receipt_uri == world.models.uri(layout.models.receipt_key(MODEL.erasure_id))


def test_the_logs_of_a_plan_that_trained_nobody_else_go_with_it() -> None:
    world = Erasing()
    world.train(1)
    plan_id = world.jobs.records[job_id(1)].plan_id
    assert plan_id is not None
    logs = [f"{layout.models.tensorboard_prefix(one)}events.1" for one in (plan_id, job_id(7))]
    for key in logs:
        world.models.write(key, b"losses")
    stop_and_erase(world, MODEL)
    assert [key in world.models.versions for key in logs] == [False, True]


def test_each_picture_of_a_tenant_is_counted_in_one_store() -> None:
    world = Erasing()
    world.uploads.write(layout.uploads.upload_prefix("acme", "u1") + "a.jpg", b"face")
    world.uploads.write(layout.uploads.pictures_prefix("acme", "a") + "000.png", b"drawn")
    stop_and_erase(world, TENANT)
    found = world.erasures.rows[TENANT.erasure_id].found or {}
    assert (found["uploaded files"], found["drawn pictures"]) == (1, 1)
    assert sum(found.values()) == 2


def test_what_was_found_first_is_what_the_receipt_counts() -> None:
    world = Erasing()
    world.train(1)
    request_erasure(MODEL, world.stopping, NOON)
    hurried = replace(world.erasing, has_time=lambda: False)
    erase_stores(MODEL, hurried)
    erase_stores(MODEL, world.erasing)
    found = world.erasures.rows[MODEL.erasure_id].found
    assert found is not None
    assert found["job documents"] > 0


def test_dead_letters_about_an_upload_go_with_it() -> None:
    world = Erasing()
    world.enter(1, "token-1")
    mine, other = (layout.uploads.upload_prefix("acme", name) for name in ("u1", "u2"))
    world.letters = MemoryDeadLetters(f"{mine}request.json", f"{other}request.json")
    stop_and_erase(world, ErasureSubject(tenant="acme", upload="u1"))
    assert world.letters.messages == [f"{other}request.json"]


def test_another_tenant_s_model_is_unknown_and_stays() -> None:
    world = Erasing()
    world.train(1, tenant="other")
    assert request_erasure(MODEL, world.stopping, NOON).outcome == "unknown"
    with pytest.raises(StageInputError):
        stop_work(MODEL, world.stopping, NOON)
    assert world.erasures.rows == {}
    assert world.trainer.running()


def test_a_photo_takes_the_models_with_it_that_have_learnt_it() -> None:
    world = Erasing()
    prefix = layout.uploads.upload_prefix("acme", "u1")
    for name in ("a.jpg", "b.jpg"):
        world.uploads.write(prefix + name, name.encode())
    world.enter(1, "token-1")
    world.models.write(layout.models.accepted_upload_key(job_id(1)), b"damaged: nobody can tell")
    name = hashlib.sha256(b"a.jpg").hexdigest()
    stop_and_erase(world, ErasureSubject(tenant="acme", upload="u1", photo=name))
    assert list(world.uploads.versions) == [f"{prefix}b.jpg"]
    assert job_id(1) not in world.jobs.records


def test_an_upload_takes_its_models_with_it_and_no_other_upload_s() -> None:
    world = Erasing()
    for number in (1, 2):
        world.enter(number, f"token-{number}")
    stop_and_erase(world, ErasureSubject(tenant="acme", upload="u1"))
    assert list(world.jobs.records) == [job_id(2)]


def test_a_sweep_s_model_takes_its_trials_with_it() -> None:
    world = Erasing()
    for number in (1, 2, 3):
        world.enter(number, f"token-{number}")
    trial = world.jobs.records[job_id(2)].model_copy(update={"trial_of": job_id(1)})
    world.jobs.records[job_id(2)] = trial
    stop_and_erase(world, MODEL)
    assert list(world.jobs.records) == [job_id(3)]


def test_a_tenant_goes_with_every_message_about_it_and_no_other() -> None:
    world = Erasing()
    world.enter(1, "token-1")
    world.enter(2, "token-2", tenant="other")
    world.letters = MemoryDeadLetters("tenants/acme/uploads/u9/request.json", "tenants/acme2/x")
    for tenant in ("acme", "acme2"):
        world.uploads.write(layout.uploads.pictures_prefix(tenant, "a") + "000.png", b"drawn")
        world.uploads.write(large_answer(tenant, job_id(1)), b"drawn")
    world.uploads.write("tenants/acme/lost.jpg", b"in no upload")
    stop_and_erase(world, TENANT)
    assert world.letters.messages == ["tenants/acme2/x"]
    assert list(world.uploads.versions) == [
        "tenants/acme2/pictures/a/000.png",
        large_answer("acme2", job_id(1)),
    ]
    assert [record.tenant for record in world.jobs.records.values()] == ["other"]


def large_answer(tenant: str, *models: str) -> str:
    """Return the key of a picture that the endpoint stored, drawn with these models."""
    return layout.uploads.answer_prefix(tenant_hash(tenant), models, "0" * 32) + "000.png"


def test_a_model_takes_its_large_answers_with_it_and_those_it_was_mixed_into() -> None:
    world = Erasing()
    world.train(1, 2)
    gone = [large_answer("acme", job_id(1)), large_answer("acme", job_id(2), job_id(1))]
    left = [large_answer("acme", job_id(2)), large_answer("globex", job_id(1))]
    for key in (*gone, *left):
        world.uploads.write(key, b"drawn")
    stop_and_erase(world, MODEL)
    assert sorted(k for k in world.uploads.versions if k.startswith("answers/")) == sorted(left)
    assert remaining_in(world, MODEL)["large answers"] == 0


def test_a_model_takes_its_orders_with_it_and_no_other_s() -> None:
    world = Erasing()
    world.train(1, 2)
    for number in (1, 2):
        made = PictureOrder(
            picture_id=f"pic_{number:024x}",
            tenant="acme",
            model_id=job_id(number),
            prompt="a photo of sks person",
            negative_prompt=None,
            arguments=PictureArguments(seed=1),
            created_at=NOON.isoformat(),
        )
        prefix = layout.uploads.pictures_prefix("acme", made.picture_id)
        write_document(world.uploads, prefix + layout.uploads.ORDER_FILE, made)
        world.uploads.write(prefix + layout.uploads.picture_file(0, "png"), b"drawn")
    stop_and_erase(world, MODEL)
    left = [key for key in world.uploads.versions if "/pictures/" in key]
    prefix = layout.uploads.pictures_prefix("acme", f"pic_{2:024x}")
    assert left == [
        prefix + layout.uploads.ORDER_FILE,
        prefix + layout.uploads.picture_file(0, "png"),
    ]


@pytest.mark.parametrize("mixed", [True, False])
def test_a_model_takes_the_pictures_with_it_into_which_it_was_mixed(mixed: bool) -> None:
    world = Erasing()
    world.train(1, 2)
    stored = StoredPictures.model_validate_json((GOLDEN / "StoredPictures.v1.json").read_bytes())
    erased = OtherModel(model=f"{job_id(1)}-0123456789ab.tar.gz", weight=0.5)
    arguments = stored.arguments.model_copy(update={"adapters": (erased,) if mixed else ()})
    changes = {"model": f"{job_id(2)}-0123456789ab.tar.gz", "arguments": arguments}
    prefix = layout.uploads.pictures_prefix("acme", "p1")
    write_document(
        world.uploads, prefix + layout.uploads.PICTURES_FILE, stored.model_copy(update=changes)
    )
    stop_and_erase(world, MODEL)
    assert [key for key in world.uploads.versions if key.startswith(prefix)] == (
        [] if mixed else [prefix + layout.uploads.PICTURES_FILE]
    )


def test_without_time_the_rows_stay_for_the_next_round() -> None:
    world = Erasing()
    world.train(1)
    request_erasure(MODEL, world.stopping, NOON)
    hurried = replace(world.erasing, has_time=lambda: False)
    assert erase_stores(MODEL, hurried).remaining > 0
    assert job_id(1) in world.jobs.records
    assert erase_stores(MODEL, world.erasing).remaining == 0
    assert job_id(1) not in world.jobs.records


def test_the_captions_of_a_set_and_the_plan_that_wrote_them_go_with_its_model() -> None:
    world = Erasing()
    world.train(1)
    plan, captions = captions_plan_id(job_id(1)), layout.uploads.captions_prefix(job_id(1))
    world.models.write(layout.models.plan_key(plan), b"a plan with prompts")
    world.models.write(layout.models.photos_manifest_key(plan), b"[]")
    world.uploads.write(captions + layout.uploads.CAPTIONS_FILE, b"a man with a hat")
    stop_and_erase(world, MODEL)
    assert not world.models.list(f"{layout.models.TRAINING_PREFIX}{plan}/", 9)
    assert not world.uploads.list(captions, 9)


class KnownSigner:
    """Signs with a hash, so that a test sees what was signed."""

    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"

    def sign(self, digest: bytes) -> bytes:
        return b"signed " + digest


ELSEWHERE = KeptElsewhere(log_days=30, audit_days=400)


def receipts(world: Erasing) -> ReceiptServices:
    return ReceiptServices(world.erasures, world.models, KnownSigner(), ELSEWHERE, world.consents)


def test_the_receipt_counts_what_was_there_before_and_is_written_once() -> None:
    world = Erasing()
    world.train(1)
    stop_and_erase(world, MODEL)
    place = sign_receipt(MODEL, receipts(world), NOON)
    again = sign_receipt(MODEL, receipts(world), NOON + timedelta(days=1))
    assert place == again
    body = world.models.objects[layout.models.receipt_key(MODEL.erasure_id)]
    signed = SignedReceipt.model_validate_json(body)
    found = {store.store: store.found for store in signed.receipt.stores}
    assert (found["job rows"], found["job documents"], found["training plans"]) == (1, 2, 2)
    assert signed.receipt.erased_at == NOON.isoformat()
    assert b"acme" not in body
    assert signed.receipt.subject_sha256 == MODEL.sha256
    assert KnownSigner().sign(digest_of(signed.receipt)) != KnownSigner().sign(b"")


def test_a_receipt_is_the_same_to_the_word() -> None:
    world = Erasing()
    world.train(1)
    stop_and_erase(world, MODEL)
    elsewhere = KeptElsewhere(log_days=30, audit_days=400, mlflow=True, data_events=True)
    sign_receipt(MODEL, receipts(world)._replace(elsewhere=elsewhere), NOON)
    body = json.loads(world.models.objects[layout.models.receipt_key(MODEL.erasure_id)])
    check_golden("receipt", body["receipt"])


def test_the_receipt_says_until_when_the_evidence_of_a_consent_is_kept() -> None:
    world = Erasing()
    world.train(1)
    record = ConsentRecord(
        model_id=job_id(1),
        tenant="acme",
        upload="u1",
        consent=Consent.model_validate(consent()),
        recorded_at=NOON.isoformat(),
    )
    world.consents.record(record)
    withdraw_consent(MODEL, world.stopping, world.consents, NOON)
    stop_and_erase(world, MODEL)
    sign_receipt(MODEL, receipts(world), NOON + timedelta(days=1))
    kept = world.consents.get(job_id(1))
    assert kept is not None
    assert kept.withdrawn_at == NOON.isoformat()
    body = world.models.objects[layout.models.receipt_key(MODEL.erasure_id)]
    expiring = {one.store: one for one in SignedReceipt.model_validate_json(body).receipt.expiring}
    until = (NOON + timedelta(days=EVIDENCE_DAYS)).isoformat()
    assert expiring["records of consents"].gone_at == until
    assert "tenant's own address" in expiring["webhook messages that were queued before"].holds


@pytest.mark.parametrize(
    ("chosen", "store"), [("mlflow", "runs in MLflow"), ("data_events", "CloudTrail's data events")]
)
def test_the_receipt_names_what_the_operator_keeps_elsewhere(chosen: str, store: str) -> None:
    world = Erasing()
    world.train(1)
    stop_and_erase(world, MODEL)
    elsewhere = ELSEWHERE._replace(**{chosen: True})
    sign_receipt(MODEL, receipts(world)._replace(elsewhere=elsewhere), NOON)
    body = world.models.objects[layout.models.receipt_key(MODEL.erasure_id)]
    kept = {one.store: one for one in SignedReceipt.model_validate_json(body).receipt.expiring}
    assert kept[store].gone_at is None
    assert {"runs in MLflow", "CloudTrail's data events"} & set(kept) == {store}
    assert kept["audit trail"].gone_at == (NOON + timedelta(days=400)).isoformat()


def test_a_withdrawal_is_stored_where_nothing_is_left_to_be_erased() -> None:
    world = Erasing()
    world.consents.record(
        ConsentRecord(
            model_id=job_id(9),
            tenant="acme",
            upload="gone",
            consent=Consent.model_validate(consent()),
            recorded_at=NOON.isoformat(),
        )
    )
    subject = ErasureSubject(tenant="acme", upload="gone")
    answer = withdraw_consent(subject, world.stopping, world.consents, NOON)
    kept = world.consents.get(job_id(9))
    assert kept is not None
    assert (answer.outcome, kept.withdrawn_at) == ("unknown", NOON.isoformat())


@pytest.mark.parametrize("named", ["u1", "again"])
def test_a_withdrawal_reaches_every_upload_with_the_same_content_and_no_other(named: str) -> None:
    world = Erasing()
    for number in (1, 2):
        world.enter(number, f"token-{number}")
        world.consents.record(
            ConsentRecord(
                model_id=job_id(number),
                tenant="acme",
                upload=f"u{number}",
                consent=Consent.model_validate(consent()),
                recorded_at=NOON.isoformat(),
            )
        )
    world.erasures.repeats["acme", "again"] = job_id(1)
    for upload in ("u1", "again", "u2"):
        world.uploads.write(layout.uploads.upload_prefix("acme", upload) + "a.jpg", b"photo")
    subject = ErasureSubject(tenant="acme", upload=named)
    withdraw_consent(subject, world.stopping, world.consents, NOON)
    withdrawn = {one.upload for one in world.consents.of("acme") if one.withdrawn_at is not None}
    assert withdrawn == {"u1"}
    erased = [
        upload
        for upload in ("u1", "again", "u2")
        if world.erasures.is_erased(ErasureSubject(tenant="acme", upload=upload))
    ]
    assert erased == ["u1", "again"]
    assert len(world.executions.started) == len(erased)


def remaining_in(world: Erasing, subject: ErasureSubject) -> dict[str, int | None]:
    """Return what the receipt says is left, by store."""
    sign_receipt(subject, receipts(world), NOON)
    body = world.models.objects[layout.models.receipt_key(subject.erasure_id)]
    stores = SignedReceipt.model_validate_json(body).receipt.stores
    return {store.store: store.remaining for store in stores}


def test_the_receipt_says_what_was_counted_after_the_deletion_and_what_nobody_can_count() -> None:
    world = Erasing()
    world.train(1)
    name = world.name_of(1)
    assert name is not None
    world.pools = MemoryPools(name)
    stop_and_erase(world, MODEL)
    assert world.pools.kept == set()
    found = world.erasures.rows[MODEL.erasure_id].found
    assert found is not None
    assert found["warm pools"] == 1
    left = remaining_in(world, MODEL)
    assert left.pop("endpoint memory and disk") is None
    assert set(left.values()) == {0}


class StubbornPools(MemoryPools):
    """SageMaker says that it ends a pool, and keeps it a while."""

    def release(self, training_job_name: str) -> bool:
        return training_job_name in self.kept


def test_a_warm_pool_that_still_waits_is_in_the_receipt_and_a_training_without_one_is_not() -> None:
    world = Erasing()
    world.train(1)
    world.pools = StubbornPools(world.name_of(1) or "")
    stop_and_erase(world, MODEL)
    assert remaining_in(world, MODEL)["warm pools"] == 1
    world = Erasing()
    world.train(1)
    stop_and_erase(world, MODEL)
    found = world.erasures.rows[MODEL.erasure_id].found
    assert found is not None
    assert found["warm pools"] == 0


def test_a_row_that_comes_back_during_the_deletion_is_deleted_in_the_next_round() -> None:
    world = Erasing()
    world.train(1)
    world.erasures.api_rows = ["acme"]
    forget = world.erasures.forget_api_rows

    def forget_and_write(rows: ApiRows) -> None:
        forget(rows)
        world.erasures.api_rows, world.erasures.forget_api_rows = ["acme"], forget  # type: ignore[method-assign]

    world.erasures.forget_api_rows = forget_and_write  # type: ignore[method-assign]
    request_erasure(TENANT, world.stopping, NOON)
    assert erase_stores(TENANT, world.erasing).remaining == 1
    assert erase_stores(TENANT, world.erasing).remaining == 0
    assert remaining_in(world, TENANT)["API keys"] == 0


def test_a_model_is_erased_in_the_hub_too_and_others_stay_there() -> None:
    world = Erasing()
    world.train(1, 2)
    for number in (1, 2):
        world.hub.write(f"{layout.hub.hub_prefix('acme', job_id(number))}README.md", b"card")
    stop_and_erase(world, MODEL)
    assert list(world.hub.versions) == [f"{layout.hub.hub_prefix('acme', job_id(2))}README.md"]
    found = world.erasures.rows[MODEL.erasure_id].found
    assert found is not None
    assert found["pushed models"] == 1
    assert remaining_in(world, MODEL)["pushed models"] == 0


def with_a_key(world: Erasing) -> None:
    world.erasures.api_rows = ["acme"]


def with_a_person(world: Erasing) -> None:
    world.people.invite("acme", "ada@acme.example", "owner")


def with_a_refusal(world: Erasing) -> None:
    world.models.write(layout.models.problems_key("acme", "u1"), b"{}")


def with_an_export(world: Erasing) -> None:
    world.uploads.write(layout.uploads.export_key("acme", "exp_1"), b"archive")


def with_a_row_of_an_upload(world: Erasing) -> None:
    world.erasures.begin_accepting("acme", "u1", NOON - timedelta(hours=1))
    world.erasures.end_accepting("acme", "u1")


@pytest.mark.parametrize(
    "has", [with_a_key, with_a_person, with_a_refusal, with_an_export, with_a_row_of_an_upload]
)
def test_a_tenant_without_a_file_or_a_job_is_erased_whole(has: Callable[[Erasing], None]) -> None:
    world = Erasing()
    assert request_erasure(TENANT, world.stopping, NOON).outcome == "unknown"
    has(world)
    assert request_erasure(TENANT, world.stopping, NOON).outcome == "erasing"
    assert stop_work(TENANT, world.stopping, NOON).open == 0
    assert erase_stores(TENANT, world.erasing).remaining == 0
    assert world.erasures.api_rows == []
    assert world.people.of("acme") == []
    assert keys_of(world.models, "acme") == keys_of(world.uploads, "acme") == []
    found = world.erasures.rows[TENANT.erasure_id].found
    assert found is not None
    assert sum(found.values()) == 1


def test_with_a_tenant_go_the_sign_ins_of_its_people_and_with_a_model_none() -> None:
    world = Erasing()
    world.train(1, 2)
    for tenant in ("acme", "globex"):
        world.people.invite(tenant, f"ada@{tenant}.example", "owner")
    stop_and_erase(world, MODEL)
    assert len(world.people.of("acme")) == 1
    stop_and_erase(world, TENANT)
    assert (world.people.of("acme"), len(world.people.of("globex"))) == ([], 1)
    assert remaining_in(world, TENANT)["people"] == 0
    found = world.erasures.rows[TENANT.erasure_id].found
    assert found is not None
    assert found["people"] == 1


def test_an_erasure_that_was_not_counted_again_does_not_say_that_nothing_is_left() -> None:
    world = Erasing()
    world.train(1)
    stop_and_erase(world, MODEL)
    row = world.erasures.rows[MODEL.erasure_id]
    world.erasures.rows[MODEL.erasure_id] = row._replace(remaining=None)
    assert set(remaining_in(world, MODEL).values()) == {None}


def test_the_second_request_is_a_no_op() -> None:
    world = Erasing()
    world.train(1)
    stop_and_erase(world, MODEL)
    sign_receipt(MODEL, receipts(world), NOON)
    before = json.dumps({key: len(found) for key, found in world.models.versions.items()})
    again = request_erasure(MODEL, world.stopping, NOON)
    kept = world.models.objects[layout.models.receipt_key(MODEL.erasure_id)]
    assert (again.outcome, again.erasure_id) == ("erased", MODEL.erasure_id)
    assert again.receipt == SignedReceipt.model_validate_json(kept)
    assert again.receipt_uri == world.models.uri(layout.models.receipt_key(MODEL.erasure_id))
    assert json.dumps({k: len(found) for k, found in world.models.versions.items()}) == before
    assert world.executions.started == [MODEL.erasure_id]


@pytest.mark.parametrize(
    "subject", [ErasureSubject(tenant="acme"), ErasureSubject(tenant="acme", upload="first")]
)
def test_what_was_erased_is_not_accepted_again(subject: ErasureSubject) -> None:
    intake = memory_intake()
    erasures = MemoryErasures()
    intake = replace(intake, tombstones=erasures)
    key = put_upload(intake, {"a.jpg": b"photo"})
    erasures.entomb(subject, NOON)
    with pytest.raises(SubjectErasedError):
        accept_request(announced(key), intake, NOON)
    assert erasures.leases == {}, "no row of it comes back"


def test_the_content_of_an_erased_model_is_not_accepted_under_another_upload() -> None:
    erasures = MemoryErasures()
    intake = replace(memory_intake(), tombstones=erasures)
    key = put_upload(intake, {"a.jpg": b"photo"})
    model_id = accept_request(announced(key), intake, NOON).job.job_id
    erasures.entomb(ErasureSubject(tenant="acme", model_id=model_id), NOON)
    again = put_upload(intake, {"b.jpg": b"photo"}, place=("acme", "second"))
    with pytest.raises(SubjectErasedError):
        accept_request(announced(again, "arn:2"), intake, NOON)


class ErasedMeanwhile(MemoryErasures):
    """Somebody erases the tenant between the first look for a tombstone and the lease."""

    def begin_accepting(self, tenant: str, upload: str, now: datetime) -> None:
        self.entomb(ErasureSubject(tenant=tenant), now)
        super().begin_accepting(tenant, upload, now)


def test_an_erasure_that_comes_before_the_lease_ends_the_acceptance() -> None:
    erasures = ErasedMeanwhile()
    intake = replace(memory_intake(), tombstones=erasures)
    key = put_upload(intake, {"a.jpg": b"photo"})
    with pytest.raises(SubjectErasedError):
        accept_request(announced(key), intake, NOON)
    assert set(erasures.leases.values()) == {None}, "the lease has ended"


def test_erasing_waits_for_an_upload_that_is_being_accepted() -> None:
    world = Erasing()
    world.enter(1, "token-1")
    world.erasures.begin_accepting("acme", "u7", NOON)
    request_erasure(TENANT, world.stopping, NOON)
    assert stop_work(TENANT, world.stopping, NOON).open == 1
    late = NOON + timedelta(minutes=4)
    assert stop_work(TENANT, world.stopping, late).open == 0, "its process has died"
