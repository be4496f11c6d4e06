"""Every photo gets a verdict, and too few good photos end the job."""

import json
import re
from dataclasses import replace
from hashlib import sha256

import pytest

from bench.intake.pictures import heic
from contracts.documents.job import JobSpec, PinnedObject, PinnedPhoto
from contracts.documents.photos import PhotoReport, PhotoSummary, PhotoVerdict, StoredFile
from contracts.documents.upload.problems import RequestProblems
from contracts.errors import InvalidRequestError, PhotosRefusedError, TooFewPhotosError
from contracts.shared import layout
from contracts.shared.rejection import PhotoRejectedError
from contracts.shared.words.name_list import hash_of, parse_names
from domain.intake.accepting import accept_request
from domain.intake.inspection import InspectionServices, inspect_photos
from domain.intake.normalisation import limits_for, read_caption, read_pinned
from domain.intake.services import IntakeServices
from domain.notices.problem_names import without_words
from domain.ports.decoder import DecodedPhoto, DecodeLimits, PhotoMetrics
from domain.ports.storage import read_document, write_document
from runtime.imaging.sandbox import ChildDecoder
from tests.fakes.intake import BASE_ID, NOW, REQUEST, announced, memory_intake, put_upload
from tests.fakes.pictures import encoded, jpegs, picture
from tests.fakes.storage import MemoryStorage
from tests.unit.domain.test_archives import zipped


class PlainDecoder:
    """Takes the bytes for pixels; refuses those that say so."""

    def __init__(self) -> None:
        self.limits: list[DecodeLimits] = []
        self.seconds = 0.0

    def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
        self.limits.append(limits)
        if body.startswith(b"refuse "):
            raise PhotoRejectedError(body.removeprefix(b"refuse ").decode())
        codes = ("rotated",) if body.startswith(b"turn") else ()
        taken = 735_000 if body.startswith(b"old") else 739_000
        return DecodedPhoto(body, 80, 96, codes, taken=taken)

    def decode_mask(self, body: bytes, width: int, height: int, limits: DecodeLimits) -> bytes:
        self.limits.append(limits)
        if body.startswith(b"refuse "):
            raise PhotoRejectedError(body.removeprefix(b"refuse ").decode())
        return b"%dx%d " % (width, height) + body


def inspection_of(
    intake: IntakeServices, decoder: PlainDecoder | ChildDecoder
) -> InspectionServices:
    return InspectionServices(
        intake.uploads, intake.models, intake.bases, intake.jobs, decoder, "ml.g5.2xlarge"
    )


def accepted(intake: IntakeServices, photos: dict[str, bytes], **request: object) -> JobSpec:
    key = put_upload(intake, photos, {**REQUEST, **request})
    return accept_request(announced(key), intake, NOW).job


def report_of(intake: IntakeServices, job: JobSpec) -> PhotoReport:
    return read_document(intake.models, layout.models.photo_report_key(job.job_id), PhotoReport)


MAX_WORD = 128
"""Letters of a hash or a key; pixels as text are longer."""

GOOD = {f"{n}.jpg": f"pixels {n}".encode() for n in range(5)}


def test_each_photo_gets_a_verdict_and_a_copy_without_its_name() -> None:
    intake = memory_intake()
    job = accepted(
        intake, {**GOOD, "a.jpg": b"turn", "b.pdf": b"refuse not_an_image", "0.txt": b" smiling\n"}
    )
    summary = inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    assert summary.summary() == PhotoSummary(job_id=job.job_id, accepted=6, refused=1)
    verdicts = report_of(intake, job).photos
    assert [v.index for v in verdicts] == list(range(7))
    assert sorted(v.verdict for v in verdicts) == ["accepted"] * 5 + ["refused", "repaired"]
    assert [v.caption for v in verdicts if v.caption is not None] == ["smiling"]
    copies = {item.key for item in intake.uploads.list("accepted/", 99)}
    assert copies == {f"accepted/{job.job_id}/{v.file}" for v in verdicts if v.file is not None}


def test_a_photo_from_another_time_of_life_is_reported_and_its_date_kept_nowhere() -> None:
    intake = memory_intake()
    job = accepted(intake, {**GOOD, "a.jpg": b"old", "b.jpg": b"refuse not_an_image"})
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    report = report_of(intake, job)
    assert sorted(v.codes for v in report.photos if v.codes) == [("not_an_image",), ("old_photo",)]
    assert "735000" not in report.model_dump_json()


def test_too_few_good_photos_end_the_job_but_leave_the_report() -> None:
    intake = memory_intake()
    twins = {"0.jpg": b"pixels", "1.jpg": b"pixels", "2.jpg": b"others"}
    job = accepted(intake, twins)
    with pytest.raises(TooFewPhotosError) as caught:
        inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    assert (caught.value.facts["found"], caught.value.facts["needed"]) == (2, 5)
    assert [v.codes for v in report_of(intake, job).photos if v.codes] == [("duplicate",)]


def test_a_request_may_ask_that_all_photos_pass() -> None:
    intake = memory_intake()
    job = accepted(intake, {**GOOD, "x.pdf": b"refuse not_an_image"}, on_reject="fail")
    with pytest.raises(PhotosRefusedError) as caught:
        inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    assert caught.value.facts["refused"] == 1


def test_no_photos_at_all_are_too_few() -> None:
    intake = memory_intake()
    job = accepted(intake, {})
    with pytest.raises(TooFewPhotosError):
        inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)


def test_a_photo_that_was_swapped_or_deleted_is_noticed() -> None:
    intake = memory_intake()
    job = accepted(intake, {**GOOD, "swapped.jpg": b"before", "gone.jpg": b"soon"})
    prefix = layout.uploads.upload_prefix("acme", "first")
    intake.uploads.write(prefix + "swapped.jpg", b"refuse after")
    intake.uploads.delete(prefix + "gone.jpg")
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    verdicts = report_of(intake, job).photos
    assert len([v for v in verdicts if v.verdict == "accepted"]) == 7  # pinned versions remain


def test_where_no_versions_are_kept_a_swapped_photo_is_refused() -> None:
    uploads = MemoryStorage()
    uploads.write("a.jpg", b"before")
    (now,) = uploads.heads(["a.jpg"])
    pin = PinnedObject(key=now.key, version_id=None, etag=now.etag, size=now.size)
    assert read_pinned(uploads, pin, limit=6) == b"before"
    uploads.write("a.jpg", b"behind")
    with pytest.raises(PhotoRejectedError, match="photo_changed"):
        read_pinned(uploads, pin, limit=6)


def test_the_version_that_was_accepted_is_read_whatever_came_after() -> None:
    uploads = MemoryStorage()
    uploads.write("a.jpg", b"before")
    (now,) = uploads.heads(["a.jpg"])
    pin = PinnedObject(key=now.key, version_id=now.version_id, etag=now.etag, size=now.size)
    uploads.write("a.jpg", b"behind")
    assert read_pinned(uploads, pin, limit=6) == b"before"


def test_the_base_sets_the_least_side_unless_the_request_does() -> None:
    for request, least in (({}, 64), ({"resolution": 256}, 256)):
        intake, decoder = memory_intake(), PlainDecoder()
        inspect_photos(accepted(intake, GOOD, **request), inspection_of(intake, decoder), NOW)
        assert {limits.min_side for limits in decoder.limits} == {least}


def test_a_file_that_is_too_large_is_never_read() -> None:
    intake, decoder = memory_intake(), PlainDecoder()
    job = accepted(intake, {**GOOD, "huge.jpg": b"x" * 20_000_001})
    inspect_photos(job, inspection_of(intake, decoder), NOW)
    assert len(decoder.limits) == len(GOOD)
    assert ("too_many_bytes",) in [v.codes for v in report_of(intake, job).photos]


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"x" * 401, b"y" * 5000, b"a\x00b"])
def test_a_caption_that_cannot_be_used_is_left_out(text: bytes) -> None:
    intake = memory_intake()
    job = accepted(intake, {**GOOD, "0.txt": text})
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    verdicts = report_of(intake, job).photos
    assert [v.codes for v in verdicts if v.codes] == [("caption_ignored",)]
    assert all(v.caption is None for v in verdicts)


LISTS = {
    "a text": {"0.txt": b"a photo of FAMOUS-person"},
    "a list": {"metadata.jsonl": b'{"file_name": "0.jpg", "text": "famous person, smiling"}'},
    "another tool's": {"meta_cap.json": b'{"/img/0.jpg": {"caption": "fam\u00f3us person"}}'},
    "an archive": {"more.zip": zipped({"9.jpg": b"pixels 9", "9.caption": b"famous person"})},
}


@pytest.mark.parametrize("files", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("listed", ["Famous Person", hash_of("famous person")])
def test_a_caption_with_a_name_on_the_list_is_not_trained(
    files: dict[str, bytes], listed: str
) -> None:
    intake = memory_intake()
    job = accepted(intake, {**GOOD, **files})
    services = inspection_of(intake, PlainDecoder())
    inspect_photos(job, services, NOW)
    with pytest.raises(InvalidRequestError) as caught:
        inspect_photos(job, replace(services, names=parse_names(listed)), NOW)
    assert caught.value.facts == {"code": "name_refused", "problems": 1}
    key = layout.models.problems_key("acme", "first")
    stored = read_document(intake.models, key, RequestProblems)
    assert "famous" not in stored.model_dump_json().lower()
    (problem,) = map(without_words, stored.problems)
    (named,) = [p.index for p in report_of(intake, job).photos if p.caption is not None]
    assert problem.field == f"captions.{named}", "a notice shows which photo"


def test_a_retried_stage_writes_the_same() -> None:
    intake = memory_intake()
    job = accepted(intake, GOOD)
    inspection = inspection_of(intake, PlainDecoder())
    first = inspect_photos(job, inspection, NOW), report_of(intake, job)
    assert first == (inspect_photos(job, inspection, NOW), report_of(intake, job))


def test_real_photos_pass_through_a_child_with_limits() -> None:
    intake = memory_intake()
    files = {**jpegs(5), "photo-5.jpg": encoded(picture(9))[:-300], "photo-6.jpg": b"no image"}
    job = accepted(intake, files)
    summary = inspect_photos(job, inspection_of(intake, ChildDecoder()), NOW)
    assert (summary.accepted, summary.refused) == (5, 2)
    codes = {v.codes for v in report_of(intake, job).photos}
    assert codes == {(), ("similar_photo",), ("damaged_image",), ("not_an_image",)}


def test_no_picture_lies_anywhere_but_in_the_uploads_bucket() -> None:
    intake = memory_intake()
    packed = {f"{n}.png": encoded(picture(20 + n), "PNG") for n in range(2)}
    files = {**jpegs(5), "photo-0_mask.png": encoded(picture(30), "PNG")}
    more = {"class/a.png": encoded(picture(31), "PNG"), "more.zip": zipped(packed)}
    job = accepted(intake, files | more)
    inspect_photos(job, inspection_of(intake, ChildDecoder()), NOW)
    assert {item.key.split("/")[0] for item in intake.uploads.list("", 99)} == {
        *("tenants", "unpacked", "accepted")
    }
    for storage in (intake.models, intake.bases.storage):
        assert isinstance(storage, MemoryStorage)
        assert storage.versions
        for versions in storage.versions.values():
            assert all(is_document(body) for body in versions)


def is_document(body: bytes) -> bool:
    """Return whether the bytes are JSON without a word that is long enough to be pixels."""
    json.loads(body)
    return all(len(word) <= MAX_WORD for word in re.findall(rb"[A-Za-z0-9+/=_-]+", body))


def test_the_child_reads_heic_within_its_limits() -> None:
    photo = ChildDecoder().decode(heic(6, size=(120, 96)), DecodeLimits(min_side=64))
    assert (photo.width, photo.height) == (96, 120)


def test_the_report_says_that_no_caption_names_the_subject() -> None:
    intake = memory_intake()
    job = accepted(intake, {**GOOD, "0.txt": b"smiling"})
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    assert report_of(intake, job).codes == ("few_photos", "captions_without_subject")


@pytest.mark.parametrize(
    "texts",
    [
        {f"words/{n}.txt": b"TOK smiles" for n in range(3)},
        {"p.zip": zipped({f"words/{n}.txt": b"TOK smiles" for n in range(3)})},
        {"metadata.jsonl": b'{"file_name": "other.jpg", "text": "TOK smiles"}'},
    ],
)
def test_the_report_says_that_captions_are_no_photo_s(texts: dict[str, bytes]) -> None:
    intake = memory_intake()
    job = accepted(intake, {**GOOD, **texts})
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    assert report_of(intake, job).codes == ("few_photos", "captions_unmatched")


def test_a_photo_that_was_replaced_after_it_was_accepted_is_refused() -> None:
    """In a bucket without versions; where there are versions, the accepted one is read."""
    uploads = MemoryStorage("uploads")
    uploads.write("a.jpg", b"before")
    head = uploads.head("a.jpg")
    assert head is not None
    pin = PinnedObject(key="a.jpg", version_id=None, etag=head.etag, size=head.size)
    assert read_pinned(uploads, pin, 99) == b"before"
    uploads.write("a.jpg", b"after!")
    with pytest.raises(PhotoRejectedError) as caught:
        read_pinned(uploads, pin, 99)
    assert caught.value.code == "photo_changed"
    versioned = PinnedObject(key="a.jpg", version_id="1", etag=head.etag, size=head.size)
    assert read_pinned(uploads, versioned, 99) == b"before"


# --- in every detail --------------------------------------------------------------------------


class Developed(PlainDecoder):
    """Photos whose looks and repairs a test chooses by their bytes."""

    def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
        plain = super().decode(body, limits)
        dark = PhotoMetrics(
            sharpness=500.0, brightness=1.0, contrast=50.0, fingerprint=len(body) << 8
        )
        return plain._replace(metrics=dark if body.startswith(b"dark") else None)


def test_a_verdict_says_all_of_this() -> None:
    intake = memory_intake()
    photo = b"turn pixels"
    files = {
        **GOOD,
        "60_dwjz/a.jpg": photo,
        "60_dwjz/a.txt": b"smiling",
        "60_dwjz/a_mask.png": b"m",
    }
    job = accepted(intake, files)
    inspect_photos(job, inspection_of(intake, Developed()), NOW)
    report = report_of(intake, job)
    (verdict,) = [found for found in report.photos if found.verdict == "repaired"]
    number = verdict.index
    mask = b"80x96 m"
    assert verdict == PhotoVerdict(
        index=number,
        verdict="repaired",
        codes=("rotated",),
        file=f"{number:03d}.png",
        sha256=sha256(photo).hexdigest(),
        width=80,
        height=96,
        caption="smiling",
        mask=StoredFile(file=f"{number:03d}.mask.png", sha256=sha256(mask).hexdigest()),
        repeats=60,
    )
    stored = intake.uploads.read(f"accepted/{job.job_id}/{number:03d}.mask.png", 99)
    assert stored == mask
    assert report.codes == ("few_photos", "captions_without_subject")


def test_codes_come_from_the_repairs_to_the_advice() -> None:
    intake = memory_intake()
    files = {**GOOD, "a.jpg": b"dark pixels", "a.txt": b"\xff", "a_mask.png": b"refuse too_small"}
    inspect_photos(job := accepted(intake, files), inspection_of(intake, Developed()), NOW)
    (found,) = [v for v in report_of(intake, job).photos if v.codes]
    assert found.codes == ("caption_ignored", "mask_ignored", "too_dark")


@pytest.mark.parametrize(
    ("resolution", "limits"),
    [(32, (64, 2048)), (64, (64, 2048)), (1024, (1024, 2048)), (2048, (2048, 2048))],
)
def test_a_photo_is_at_least_as_large_as_training_wants(
    resolution: int, limits: tuple[int, int]
) -> None:
    found = limits_for(resolution)
    assert (found.min_side, found.max_side, found.max_pixels) == (*limits, 50_000_000)


def test_pictures_of_the_class_are_numbered_and_each_is_kept_once() -> None:
    intake = memory_intake()
    files = {
        **GOOD,
        "class/a.png": b"one",
        "class/b.png": b"refuse too_small",
        "class/c.png": b"one",
        "class/d.png": b"another",
    }
    inspect_photos(job := accepted(intake, files), inspection_of(intake, PlainDecoder()), NOW)
    report = report_of(intake, job)
    bodies = {
        found.file: intake.uploads.read(f"accepted/{job.job_id}/{found.file}", 99)
        for found in report.class_photos
    }
    assert sorted(bodies.values()) == [b"another", b"one"]
    assert all(re.fullmatch(r"class/00[0-3]\.png", name) for name in bodies)
    assert {f.sha256 for f in report.class_photos} == {
        sha256(body).hexdigest() for body in bodies.values()
    }


@pytest.mark.parametrize(("sweep", "dry_run"), [(True, False), (False, False), (False, True)])
def test_the_summary_says_which_way_the_workflow_goes(sweep: bool, dry_run: bool) -> None:
    intake = memory_intake()
    options = {"sweep": {"rank": [4, 8]}} if sweep else {}
    job = accepted(intake, GOOD, dry_run=dry_run, **options)
    summary = inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    assert (summary.sweep, summary.dry_run) == (sweep, dry_run)
    assert (summary.accepted, summary.refused) == (5, 0)
    record = intake.jobs.get(job.job_id)
    assert record is not None
    assert record.stage == "InspectPhotos"
    assert (record.estimate is not None) is dry_run


def pinned_text(body: bytes, name: str = "a.txt") -> tuple[MemoryStorage, PinnedPhoto]:
    uploads = MemoryStorage()
    uploads.write(name, body)
    (now,) = uploads.heads([name])
    words = PinnedObject(key=name, version_id="1", etag=now.etag, size=now.size)
    photo = PinnedPhoto(key="x/a.jpg", version_id="1", etag="e", size=1, caption=words)
    return uploads, photo


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"smiling", ("smiling", ())),
        (b"\xef\xbb\xbfsmiling", ("smiling", ())),
        (b"", (None, ("caption_ignored",))),
        (b"x" * 4096, (None, ("caption_ignored",))),
        (b" " * 4089 + b"smiling", ("smiling", ())),
        (b" " * 4090 + b"smiling", (None, ("caption_ignored",))),
    ],
)
def test_words_are_read_up_to_a_limit(
    body: bytes, words: tuple[str | None, tuple[str, ...]]
) -> None:
    assert read_caption(*pinned_text(body)) == words


def test_a_list_may_be_larger_and_says_nothing_of_a_photo_that_it_does_not_name() -> None:
    line = b'{"file_name": "a.jpg", "text": "smiling"}\n'
    uploads, photo = pinned_text(line + b" " * 900_000, "x/metadata.jsonl")
    assert read_caption(uploads, photo) == ("smiling", ())
    other = photo.model_copy(update={"key": "x/b.jpg"})
    assert read_caption(uploads, other) == (None, ())
    assert read_caption(uploads, photo.model_copy(update={"caption": None})) == (None, ())
    large, photo = pinned_text(line + b" " * 1_000_000, "x/metadata.jsonl")
    assert read_caption(large, photo) == (None, ("caption_ignored",))


def test_the_bases_tokenizer_gives_advice_on_the_trigger_word() -> None:
    intake = memory_intake()
    body = json.dumps(
        {
            "model": {
                "type": "BPE",
                "end_of_word_suffix": "</w>",
                "vocab": {"dog</w>": 0, "rare</w>": 9, **{str(n): n for n in range(1, 9)}},
                "merges": ["d o", "do g</w>"],
            }
        }
    ).encode()
    card = intake.bases.card(BASE_ID)
    path = "tokenizer/tokenizer.json"
    files = {**card.files, path: sha256(body).hexdigest()}
    prefix = layout.bases.base_prefix(BASE_ID)
    intake.bases.storage.write(prefix + path, body)
    write_document(
        intake.bases.storage,
        prefix + layout.bases.BASE_FILE,
        card.model_copy(update={"files": files}),
    )
    assert codes_with(intake, "dog") == {"trigger_known"}
    assert codes_with(intake, "zwx") == set()
    assert codes_with(intake, "zwxyz") == {"trigger_split"}
    intake.bases.storage.write(prefix + path, body + b" ")
    assert codes_with(intake, "dog") == set(), "the card names another file"


def codes_with(intake: IntakeServices, word: str) -> set[str]:
    """Return what the report of an upload with a trigger word says about it."""
    request = {**REQUEST, "trigger_word": word, "instance_prompt": f"a photo of {word} person"}
    job = accept_request(announced(put_upload(intake, GOOD, request)), intake, NOW).job
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    report = read_document(intake.models, layout.models.photo_report_key(job.job_id), PhotoReport)
    return {code for code in report.codes if code.startswith("trigger_")}


def test_a_photo_below_the_wanted_quality_is_refused() -> None:
    class Measured(PlainDecoder):
        def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
            sharp = 20.0 if body.startswith(b"poor") else 400.0
            metrics = PhotoMetrics(
                sharp, 120, 50, fingerprint=int(sha256(body).hexdigest()[:16], 16)
            )
            return super().decode(body, limits)._replace(metrics=metrics)

    intake = memory_intake()
    files = {**{f"{n}.jpg": b"fine %d" % n for n in range(5)}, "p.jpg": b"poor"}
    job = accepted(intake, files, quality_threshold=0.95)
    inspect_photos(job, inspection_of(intake, Measured()), NOW)
    refused = [photo.codes for photo in report_of(intake, job).photos if photo.verdict == "refused"]
    assert refused == [("low_quality",)]
