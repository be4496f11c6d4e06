"""Data export: what is in an archive, what is not and why, and that none outlives an erasure."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zipfile import ZipFile

import pytest

from contracts.documents.api.aliases import Alias, Figures, Version
from contracts.documents.api.callers import ApiKey
from contracts.documents.api.pictures import PictureOrder
from contracts.documents.api.webhooks import Webhook
from contracts.documents.appeal import AppealRow
from contracts.documents.audit import AuditEntry, about
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import API_STORES, STORES, ErasureSubject
from contracts.documents.export import (
    ExportInput,
    ExportManifest,
    ExportRow,
    ExportSubject,
)
from contracts.documents.model import ModelRecord
from contracts.documents.picture import PictureArguments
from contracts.documents.upload.consent import Consent
from contracts.shared import layout
from contracts.shared.pictures.picture_places import tenant_hash
from domain.audit import entries
from domain.audit.entries import Deed
from domain.erasure.erasing import erase_stores, places_of
from domain.erasure.receipts import KeptElsewhere
from domain.erasure.stopping import request_erasure, stop_work
from domain.exporting import writing
from domain.exporting.contents import LEFT_OUT, UNCOUNTED, contents_of
from domain.exporting.reaching import reaches_of, subjects_of
from domain.exporting.services import ExportServices
from domain.exporting.writing import LEASE, write_export
from domain.ports.aliases import VersionKey
from domain.ports.storage import write_document
from local.demo.upload import consent
from tests.contract.files import template
from tests.fakes.aliases import MemoryAliases
from tests.fakes.api_keys import MemoryApiKeys
from tests.fakes.appeals import MemoryAppeals
from tests.fakes.audit import MemoryAudit
from tests.fakes.exports import MemoryArchives, MemoryReader
from tests.fakes.front_door import MemoryApprovals
from tests.fakes.ordered_pictures import MemoryPictures
from tests.fakes.webhooks import MemoryWebhooks
from tests.unit.domain.test_erasure import Erasing
from tests.unit.training_kit import NOON, job_id

ID = "exp_" + "0" * 24
SECRET = "whsec_" + "A" * 43 + "="
TENANT = ExportSubject(tenant="acme")
FILES = {"adapter/README.md": b"# a card", "adapter/samples.png": b"samples", "result.json": b"{}"}


class Exporting(Erasing):
    """A world in which somebody asks for their data."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.now = NOON
        self.audit, self.keys, self.webhooks = MemoryAudit(), MemoryApiKeys(), MemoryWebhooks()
        self.archives, self.appeals = MemoryArchives(self.uploads), MemoryAppeals()
        self.aliases = MemoryAliases()

    @property
    def exporting(self) -> ExportServices:
        return ExportServices(
            **self.parts,  # type: ignore[arg-type]
            exports=self.erasures.exports,
            archives=self.archives,
            upload_files=MemoryReader(self.uploads),
            model_files=MemoryReader(self.models),
            model_rows=self.erasures.models,
            consents=self.consents,
            audit=self.audit,
            keys=self.keys,
            webhooks=self.webhooks,
            pictures=MemoryPictures(),
            approvals=MemoryApprovals(),
            appeals=self.appeals,
            aliases=self.aliases,
            people=self.people,
            elsewhere=KeptElsewhere(log_days=30, audit_days=400),
            now=lambda: self.now,
        )

    def live(self, *numbers: int) -> None:
        """Let each person upload, agree, and get a model, trained together."""
        self.train(1, 2, 3, 4)
        for number in numbers:
            self.person(number)

    def person(self, number: int, tenant: str = "acme") -> None:
        """Leave what one person has after their training."""
        self.write_result(number)
        upload = layout.uploads.upload_prefix(tenant, f"u{number}")
        self.uploads.write(f"{upload}../Me & Anna.JPG", f"photo {number}".encode())
        self.uploads.write(layout.uploads.accepted_prefix(job_id(number)) + "000.png", b"prepared")
        plan = self.jobs.records[job_id(number)].plan_id
        folder = f"{layout.models.checkpoints_prefix(plan or '')}{job_id(number)}/"
        for name, body in FILES.items():
            self.models.write(folder + name, body)
        self.models.write(f"{folder}state/step-1/lora.safetensors", b"moments")
        self.models.write(
            f"{layout.models.ENDPOINT_PREFIX}{job_id(number)}-0123456789ab.tar.gz", b"pack"
        )
        given = Consent.model_validate(consent() | {"given_by": f"person-{number}"})
        self.consents.record(
            ConsentRecord(
                model_id=job_id(number),
                tenant=tenant,
                upload=f"u{number}",
                consent=given,
                recorded_at=NOON.isoformat(),
            )
        )
        self.erasures.models.record(
            ModelRecord(
                tenant=tenant,
                model_id=job_id(number),
                target_model=f"{job_id(number)}-0123456789ab.tar.gz",
                weights_sha256="0" * 64,
                base_id="base",
                trigger_word="sks",
                endpoint_name="e",
                created_at=NOON.isoformat(),
            )
        )


def export(world: Exporting, subject: ExportSubject = TENANT) -> ExportRow:
    return write_export(ExportInput(export_id=ID, subject=subject), world.exporting)


def unpacked(world: Exporting, tenant: str = "acme") -> tuple[ExportManifest, dict[str, bytes]]:
    body = world.uploads.objects[layout.uploads.export_key(tenant, ID)]
    with ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    return ExportManifest.model_validate_json(files.pop("manifest.json")), files


def test_a_tenant_gets_photos_models_with_cards_and_records() -> None:
    world = Exporting()
    world.live(1)
    row = export(world)
    manifest, files = unpacked(world)
    assert (row.status, row.size) == ("succeeded", len(world.uploads.objects[_key()]))
    for body in (b"photo 1", b"prepared", b"# a card", b"samples"):
        assert body in files.values()
    assert {file.path: file.size for file in manifest.files} == {
        name: len(body) for name, body in files.items()
    }
    records = {name: json.loads(body) for name, body in files.items() if "records/" in name}
    assert records["records/jobs.json"][0]["job_id"] == job_id(1)
    assert records["records/models.json"][0]["trigger_word"] == "sks"
    assert records["records/consents.json"][0]["consent"]["given_by"] == "person-1"
    assert records["records/prices.json"][0]["job_id"] == job_id(1)


OWN_KEY = ApiKey(
    key_id="0" * 16,
    tenant="acme",
    name="mine",
    scopes=("read",),
    secret_sha256="5e" * 32,
    created_at=NOON.isoformat(),
)


def _key() -> str:
    return layout.uploads.export_key("acme", ID)


def test_each_file_of_rows_has_its_store_and_nothing_else_counts_them() -> None:
    world = Exporting()
    world.live(1)
    world.keys.add(OWN_KEY)
    versions = (Version(model_id=job_id(1), weight=1),)
    made = {"created_at": NOON.isoformat(), "updated_at": NOON.isoformat()}
    world.aliases.put(Alias(tenant="acme", name="a1", versions=versions, **made))
    world.aliases.add(VersionKey("acme", "a1", job_id(1)), Figures(ratings=1, stars=5))
    # The key, the alias, its version and the export, as the table counts them.
    world.erasures.api_rows = ["acme"] * 4
    export(world)
    manifest = unpacked(world)[0]
    files = {one.path: (one.store, one.name) for one in manifest.files}
    assert {path: of for path, of in files.items() if path.startswith("records/")} == {
        f"records/{file}.json": (store, "")
        for file, store in (
            ("jobs", "job rows"), ("prices", "prices"), ("models", "model rows"),
            ("approvals", "approvals"), ("pictures", "picture orders"), ("uploads", "upload rows"),
            ("consents", "records of consents"), ("audit", "audit entries"), ("people", "people"),
            ("keys", "API keys"), ("webhooks", "webhooks"),
            ("deliveries", "webhook deliveries"), ("appeals", "appeals"), ("aliases", "aliases"),
            ("exports", "export rows"),
        )
    }  # fmt: skip
    stores = {one.store: one for one in manifest.stores}
    assert (stores["API keys"].held, stores["other api rows"].held) == (1, 0)
    assert (stores["aliases"].held, stores["export rows"].held) == (2, 1)
    version = json.loads(unpacked(world)[1]["records/aliases.json"])[1]
    assert (version["alias"], version["model_id"], version["stars"]) == ("a1", job_id(1), 5)
    assert stores["API keys"].why == "without the hash of the secret"
    assert stores["webhooks"].why is None


def test_a_tenant_s_appeals_are_found_by_its_own_trail_and_nobody_elses_are_read() -> None:
    world = Exporting()
    world.live(1)
    rows = [
        AppealRow(
            appeal_id=f"ap_{number:032x}", refusal_id=f"pic_{number:024x}", tenant=tenant,
            code="prompt_refused", hashes=("0" * 64,), asked_at=NOON.isoformat(),
        )
        for number, tenant in enumerate(("acme", "globex", "acme"))
    ]  # fmt: skip
    for row in rows:
        world.appeals.add(row)
        door = "POST /v1/refusals/{refusal_id}:appeal"
        deed = Deed("key:1", door, [("refusal_id", "u1"), ("id", row.appeal_id)])
        for _ in range(2):
            entries.record(world.audit, row.tenant, deed, NOON)
    entries.record(world.audit, "acme", Deed("key:1", "x", [("id", rows[1].appeal_id)]), NOON)
    world.appeals.newest = None  # type: ignore[assignment,method-assign]
    export(world)
    found = json.loads(unpacked(world)[1]["records/appeals.json"])
    assert {one["appeal_id"] for one in found} == {rows[0].appeal_id, rows[2].appeal_id}
    assert len(found) == 2


def test_a_disabled_model_gives_no_files_and_no_pictures_and_the_manifest_says_so() -> None:
    world = Exporting()
    world.live(1, 2)
    for number in (1, 2):
        prefix = layout.uploads.pictures_prefix("acme", f"a{number}")
        made = PictureOrder(
            picture_id=f"pic_{number:024x}", tenant="acme", model_id=job_id(number),
            prompt=f"asked {number}", negative_prompt=None, arguments=PictureArguments(),
            created_at=NOON.isoformat(),
        )  # fmt: skip
        write_document(world.uploads, prefix + layout.uploads.ORDER_FILE, made)
        world.uploads.write(prefix + "000.png", f"drawn {number}".encode())
        answer = layout.uploads.answer_prefix(tenant_hash("acme"), [job_id(number)], "b")
        world.uploads.write(f"{answer}000.png", f"large {number}".encode())
    world.models.write(layout.models.disabled_model_key(job_id(1)), b"")
    export(world)
    manifest, files = unpacked(world)
    everything = b"".join(files.values())
    for body in (b"drawn 2", b"large 2", b"asked 2", b"asked 1", b"photo 1"):
        assert body in everything
    for body in (b"drawn 1", b"large 1"):
        assert body not in everything
    adapters = [one.name for one in manifest.files if "/adapter/" in one.name]
    assert {job_id(2) in name for name in adapters} == {True}
    why = {one.store: one.why or "" for one in manifest.stores}
    withheld = {store for store, words in why.items() if "takedown" in words}
    assert withheld == {"checkpoints and adapters", "drawn pictures", "large answers"}


def test_a_picture_of_a_tenant_is_counted_in_one_store() -> None:
    world = Exporting()
    world.live(1)
    world.uploads.write(layout.uploads.pictures_prefix("acme", "a") + "000.png", b"drawn")
    export(world)
    stores = {one.store: one for one in unpacked(world)[0].stores}
    assert (stores["uploaded files"].held, stores["drawn pictures"].held) == (1, 1)


def test_the_manifest_can_be_read_by_people() -> None:
    world = Exporting()
    world.live(1)
    export(world)
    with ZipFile(io.BytesIO(world.uploads.objects[_key()])) as archive:
        text = archive.read("manifest.json").decode()
    assert text.startswith('{\n "schema_version"')


def test_names_of_uploads_stand_in_the_manifest_alone() -> None:
    world = Exporting()
    world.live(1)
    export(world)
    manifest, files = unpacked(world)
    assert not [name for name in files if ".." in name or "Anna" in name]
    (photo,) = [file for file in manifest.files if "Anna" in file.name]
    assert photo.path.startswith("uploaded_files/")
    assert photo.path.endswith(".jpg")


def test_every_store_is_counted_and_what_is_not_in_the_archive_has_a_reason() -> None:
    world = Exporting()
    world.live(1)
    world.uploads.write(layout.uploads.upload_prefix("acme", "u1") + "../Me & Anna.JPG", b"newer")
    export(world)
    stores = {one.store: one for one in unpacked(world)[0].stores}
    for one in stores.values():
        assert one.why is not None or one.held == one.exported, one
    assert (stores["packaged models"].held, stores["packaged models"].exported) == (1, 0)
    assert (stores["uploaded files"].held, stores["uploaded files"].exported) == (2, 1)
    assert stores["checkpoints and adapters"].exported == len(FILES)
    assert stores["warm pools"].held is None


def test_every_store_of_an_erasure_is_in_an_archive_or_has_its_reason() -> None:
    world = Exporting()
    world.live(1)
    subject = subjects_of(TENANT, ())
    held = contents_of(reaches_of(subject, world.exporting), world.exporting).held
    rows = {store for store in STORES if store.endswith(" rows")}
    assert set(STORES) == {*held, *LEFT_OUT, *UNCOUNTED, *rows, *API_STORES, "people"}


def test_export_data_may_read_every_store_that_it_puts_into_an_archive() -> None:
    """A store that an erasure gains is in the archive at once, so the role must have it too."""
    world = Exporting()
    world.live(1)
    prefixes = {
        place.prefix.partition("/")[0]
        for reach in reaches_of(subjects_of(TENANT, ()), world.exporting)
        for place in places_of(reach, world.exporting)
        if place.store not in LEFT_OUT
    }
    rights = str(template()["Resources"]["ExportDataFunction"]["Properties"]["Policies"])
    assert [one for one in prefixes if f"/{one}/*" not in rights] == []


def test_secrets_stay_where_they_are() -> None:
    world = Exporting()
    world.live(1)
    world.keys.add(OWN_KEY)
    secrets = ({"secret": SECRET},)
    world.webhooks.add(
        Webhook.model_validate(
            {"webhook_id": "wh_" + "0" * 16, "tenant": "acme", "url": "https://acme.test/hook",
             "events": ("ping",), "secrets": secrets, "created_at": NOON.isoformat()}
        )
    )  # fmt: skip
    world.people.invite("acme", "ada@acme.example", "owner")
    export(world)
    files = unpacked(world)[1]
    assert b"ada@acme.example" in files["records/people.json"]
    assert b"mine" in files["records/keys.json"]
    assert b"https://acme.test/hook" in files["records/webhooks.json"]
    everything = b"".join(files.values())
    assert b"5e5e5e" not in everything
    assert SECRET.encode() not in everything
    assert b"token-1" not in everything


def test_a_person_gets_what_they_have_agreed_to_and_nothing_of_others() -> None:
    world = Exporting()
    world.live(1, 2)
    upload = about("upload_id", "u1")
    for number, named in enumerate((upload, about("upload_id", "u2"))):
        entry = AuditEntry(
            entry_id=f"{number:024x}",
            at=NOON.isoformat(),
            who="operator",
            action="x",
            about=(named,),
        )
        world.audit.add("acme", entry)
    export(world, ExportSubject(tenant="acme", given_by="person-1"))
    manifest, files = unpacked(world)
    assert b"photo 1" in files.values()
    everything = b"".join(files.values())
    assert b"photo 2" not in everything
    assert job_id(2).encode() not in everything
    assert job_id(2) not in manifest.model_dump_json()
    assert [one["about"] for one in json.loads(files["records/audit.json"])] == [[upload]]
    assert "records/keys.json" not in files


def test_every_person_of_a_model_of_several_is_found() -> None:
    world = Exporting()
    world.live(1, 2)
    record = world.consents.records[job_id(1)]
    other = record.consent.model_copy(update={"given_by": "person-9"})
    world.consents.records[job_id(1)] = record.model_copy(update={"others": (other,)})
    export(world, ExportSubject(tenant="acme", given_by="person-9"))
    files = unpacked(world)[1]
    assert b"photo 1" in files.values()
    assert b"photo 2" not in files.values()


def test_a_plan_that_tenants_share_gives_away_nothing_of_the_other() -> None:
    world = Exporting()
    for number, tenant in enumerate(("acme", "other", "acme", "other"), start=1):
        world.enter(number, f"token-{number}", tenant)
    world.train()
    assert world.name_of(1) == world.name_of(2)
    for number in (1, 2):
        world.write_result(number)
    export(world)
    everything = b"".join(unpacked(world)[1].values())
    assert job_id(1).encode() in everything
    assert job_id(2).encode() not in everything


@pytest.mark.parametrize(
    "subject",
    [
        ExportSubject(tenant="nobody"),
        ExportSubject(tenant="acme", given_by="person-9"),
        ExportSubject(tenant="acme", upload="u9"),
        ExportSubject(tenant="other", given_by="person-1"),
    ],
)
def test_who_is_not_there_has_no_archive(subject: ExportSubject) -> None:
    world = Exporting()
    world.live(1)
    asked = Deed("operator", "export.made tenant", [("id", ID)])  # as export_data writes it down
    entries.record(world.audit, subject.tenant, asked, NOON)
    row = export(world, subject)
    assert (row.status, row.code) == ("failed", "not_found")
    assert not [key for key in world.uploads.objects if key.startswith("exports/")]


def test_too_much_is_refused_before_the_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Exporting()
    world.live(1)
    monkeypatch.setattr(writing, "MAX_BYTES", 10)
    assert export(world).code == "export_too_large"
    assert _key() not in world.uploads.objects


def test_a_photo_that_expires_meanwhile_is_left_out() -> None:
    world = Exporting()
    world.live(1)
    services = world.exporting
    upload_files = MemoryReader(world.uploads)

    class Expiring:
        def chunks(self, key: str) -> Iterator[bytes]:
            if "Anna" in key:
                world.uploads.delete(key)
            return upload_files.chunks(key)

    given = ExportInput(export_id=ID, subject=TENANT)
    assert write_export(given, replace(services, upload_files=Expiring())).status == "succeeded"
    assert b"photo 1" not in unpacked(world)[1].values()


def test_a_second_run_after_the_end_changes_nothing() -> None:
    world = Exporting()
    world.live(1)
    first, versions = export(world), len(world.uploads.versions[_key()])
    assert export(world) == first
    assert len(world.uploads.versions[_key()]) == versions


class BrokenError(Exception):
    """A run dies here."""


class Dying(MemoryReader):
    def chunks(self, key: str) -> Iterator[bytes]:
        raise BrokenError(key)


def test_a_run_that_dies_leaves_no_half_archive_and_the_next_one_ends_it() -> None:
    world = Exporting()
    world.live(1)
    dying = replace(world.exporting, model_files=Dying(world.models))
    with pytest.raises(BrokenError):
        write_export(ExportInput(export_id=ID, subject=TENANT), dying)
    assert (world.archives.unfinished, _key() in world.uploads.objects) == ([], False)
    assert world.erasures.exporting("acme") == [], "no erasure waits for it"
    assert export(world).status == "succeeded"


def test_an_erasure_waits_for_an_archive_that_is_written_and_takes_it() -> None:
    world = Exporting()
    world.live(1)
    gone = ErasureSubject(tenant="acme", upload="u1")
    during: list[int] = []

    class Asked(MemoryReader):
        def chunks(self, key: str) -> Iterator[bytes]:
            if not during:
                request_erasure(gone, world.stopping, world.now)
                during.append(stop_work(gone, world.stopping, world.now).open)
                world.now += timedelta(seconds=6)
            return super().chunks(key)

    asked = replace(world.exporting, upload_files=Asked(world.uploads))
    row = write_export(ExportInput(export_id=ID, subject=TENANT), asked)
    assert row.status == "succeeded", "a tenant's export goes on without the upload's tombstone"
    assert during[0] >= 1
    assert erased(world, gone)


def test_a_tombstone_that_comes_with_the_last_file_leaves_no_archive() -> None:
    world = Exporting()
    world.live(1)

    class Entombed(MemoryReader):
        def chunks(self, key: str) -> Iterator[bytes]:
            world.erasures.entomb(ErasureSubject(tenant="acme", upload="u1"), world.now)
            return super().chunks(key)

    given = ExportInput(export_id=ID, subject=ExportSubject(tenant="acme", upload="u1"))
    row = write_export(given, replace(world.exporting, upload_files=Entombed(world.uploads)))
    assert (row.status, row.code) == ("failed", "erased")
    assert (world.archives.unfinished, _key() in world.uploads.objects) == ([], False)


def erased(world: Exporting, subject: ErasureSubject) -> bool:
    assert stop_work(subject, world.stopping, world.now).open == 0
    assert erase_stores(subject, world.erasing).remaining == 0
    return not [key for key in world.uploads.versions if key.startswith("exports/")]


def test_an_export_of_what_is_being_erased_ends_without_an_archive() -> None:
    world = Exporting()
    world.live(1)
    gone = ErasureSubject(tenant="acme", upload="u1")
    request_erasure(gone, world.stopping, world.now)
    row = export(world, ExportSubject(tenant="acme", upload="u1"))
    assert (row.status, row.code) == ("failed", "erased")
    request_erasure(ErasureSubject(tenant="acme"), world.stopping, world.now)
    other = ExportInput(export_id="exp_" + "1" * 24, subject=TENANT)
    assert write_export(other, world.exporting).code == "erased"


def test_what_was_erased_of_a_person_before_does_not_keep_the_rest_from_them() -> None:
    world = Exporting()
    world.live(1, 2)
    person = ExportSubject(tenant="acme", given_by="person-1")
    both = world.consents.of("acme")
    for record in both:
        agreed = record.consent.model_copy(update={"given_by": "person-1"})
        world.consents.records[record.model_id] = record.model_copy(update={"consent": agreed})
    world.erasures.entomb(ErasureSubject(tenant="acme", upload="u1"), world.now)
    assert export(world, person).status == "succeeded"
    files = unpacked(world)[1]
    assert b"photo 2" in files.values()
    assert b"photo 1" not in files.values()
    assert len(json.loads(files["records/consents.json"])) == 2
    world.erasures.entomb(ErasureSubject(tenant="acme", upload="u2"), world.now)
    last = ExportInput(export_id="exp_" + "2" * 24, subject=person)
    assert write_export(last, world.exporting).status == "succeeded", "the consents are left"


def test_an_erasure_waits_no_longer_than_a_lease_for_a_run_that_was_killed() -> None:
    world = Exporting()
    world.live(1)
    writing.begun(ExportInput(export_id=ID, subject=TENANT), world.exporting)
    gone = ErasureSubject(tenant="acme", model_id=job_id(1))
    request_erasure(gone, world.stopping, NOON)
    assert stop_work(gone, world.stopping, NOON).open == 1
    assert stop_work(gone, world.stopping, NOON + LEASE + timedelta(seconds=1)).open == 0


def test_another_s_id_is_nobody_s_archive() -> None:
    world = Exporting()
    world.live(1)
    export(world)
    given = ExportInput(export_id=ID, subject=ExportSubject(tenant="other"))
    assert write_export(given, world.exporting).code == "not_found"
    assert datetime.fromisoformat(world.erasures.exports.rows[ID].created_at) == NOON
