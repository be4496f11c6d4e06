"""Photos go a day after a training has succeeded, and not while another one uses them."""

from datetime import timedelta

from contracts.shared import layout
from domain.erasure.expiry import ExpiryServices, expire_photos
from tests.fakes.erasure import MemoryEraser, MemoryExpiries, MemoryVersions
from tests.fakes.jobs import MemoryJobs
from tests.fakes.storage import MemoryStorage
from tests.unit.training_kit import NOON, job_id, spec

DAY = timedelta(days=1)


def world() -> tuple[ExpiryServices, MemoryStorage]:
    uploads = MemoryStorage("uploads")
    uploads.write(f"{layout.uploads.upload_prefix('acme', 'u1')}a.jpg", b"face")
    uploads.write(f"{layout.uploads.upload_prefix('acme', 'u10')}a.jpg", b"another upload")
    uploads.write(f"{layout.uploads.accepted_prefix(job_id(1))}000.png", b"face")
    jobs = MemoryJobs()
    jobs.claim(spec(1), "arn:1", NOON)
    expiries = MemoryExpiries()
    expiries.add(spec(1), NOON + DAY)
    versions = MemoryVersions(uploads)
    return ExpiryServices(expiries, jobs, versions, MemoryExpiries(), MemoryEraser()), uploads


def test_photos_stay_for_a_day_and_then_go_in_every_version() -> None:
    services, uploads = world()
    services.jobs.finish(job_id(1), "succeeded", None, NOON)
    assert expire_photos(services, NOON + DAY - timedelta(seconds=1)) == 0
    assert len(uploads.versions) == 3
    assert expire_photos(services, NOON + DAY) == 1
    assert list(uploads.versions) == ["tenants/acme/uploads/u10/a.jpg"]
    assert expire_photos(services, NOON + 2 * DAY) == 0


def test_photos_that_another_training_uses_wait_for_its_end() -> None:
    services, uploads = world()
    services.expiries.pointers["acme", "u1"] = job_id(1)  # type: ignore[attr-defined]
    assert expire_photos(services, NOON + 2 * DAY) == 0
    assert len(uploads.versions) == 3
    services.jobs.finish(job_id(1), "succeeded", None, NOON)
    assert expire_photos(services, NOON + 2 * DAY) == 1
