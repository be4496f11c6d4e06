"""Files come out of a zip or tar unchanged, and a hostile archive is refused."""

import io
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from contracts.documents.job import AcceptedUpload
from contracts.errors import ArchiveRefusedError, TooManyPhotosError
from contracts.shared import layout
from domain.intake import archive_limits
from domain.intake.accepting import accept_request
from domain.intake.archives import open_archive
from domain.ports.storage import read_document
from tests.fakes.intake import NOW, announced, memory_intake, put_upload

FILES = {"a.jpg": b"a" * 50, "sub/b.jpg": b"b" * 50, "sub/b.txt": b"smiling"}


def zipped(files: dict[str, bytes], **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body, **options)
    return out.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:gz", **fields: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def refusal(body: bytes) -> str:
    with pytest.raises(ArchiveRefusedError) as caught:
        next(open_archive(body).members)
    return str(caught.value.facts["code"])


@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, "w")])
def test_files_come_out_as_they_went_in(pack: Callable[[dict[str, bytes]], bytes]) -> None:
    assert {member.name: member.body for member in open_archive(pack(FILES)).members} == FILES


@pytest.mark.parametrize(
    "name", ["../x.jpg", "/etc/passwd", "a/../../x", "c:\\x", "a\x01b", "x\u200fy.jpg", "n" * 501]
)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_name_that_leads_away_is_refused(
    pack: Callable[[dict[str, bytes]], bytes], name: str
) -> None:
    assert refusal(pack({"good.jpg": b"x", name: b"y"})) == "archive_unsafe"


REAL_NAMES = {
    "10_ohwx man\\a.jpg": "10_ohwx man/a.jpg",
    "./set//b.jpg": "set/b.jpg",
    "at 10.00.00\u202fAM.png": "at 10.00.00\u202fAM.png",
    "\u5199\u771f\u3000c.jpg": "\u5199\u771f\u3000c.jpg",
    "\U0001f468\u200d\U0001f467.jpg": "\U0001f468\u200d\U0001f467.jpg",
    "2016-03-01 12:30:00.png": "2016-03-01 12:30:00.png",
    "\uf03ad.jpg": "\uf03ad.jpg",
}
"""Names that Windows, macOS, phones and ``tar`` write, and how they are read."""


def zipped_elsewhere(files: dict[str, bytes]) -> bytes:
    """Return a zip whose names keep their backslashes, which zipfile replaces on Windows only."""
    return zipped({name.replace("\\", "|"): body for name, body in files.items()}).replace(
        b"|", b"\\"
    )


@pytest.mark.parametrize("pack", [zipped_elsewhere, tarred])
def test_names_of_real_tools_are_read(pack: Callable[[dict[str, bytes]], bytes]) -> None:
    found = [member.name for member in open_archive(pack(dict.fromkeys(REAL_NAMES, b"x"))).members]
    assert found == list(REAL_NAMES.values())


@pytest.mark.parametrize("name", ["..\\x.jpg", "C:\\x.jpg", "\\x.jpg", "a\u202egpj.exe"])
def test_a_backslash_leads_nowhere_else(name: str) -> None:
    assert refusal(zipped_elsewhere({"good.jpg": b"x", name: b"y"})) == "archive_unsafe"


def test_a_name_in_another_code_page_is_one_name_in_its_folder() -> None:
    sjis = zipped({"set/XY.jpg": b"x", "set/Z.jpg": b"y"}).replace(b"XY", b"\x95\\")
    assert [member.name for member in open_archive(sjis).members] == ["set/\xf2_.jpg", "set/Z.jpg"]
    info = tarfile.TarInfo("zo\udceb.jpg")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(info)
    assert [member.name for member in open_archive(out.getvalue()).members] == ["zo\u03b4.jpg"]


def test_settings_in_a_tar_of_a_whole_folder_are_settings_and_no_photo() -> None:
    intake = memory_intake()
    photos = {f"./{n}.jpg": str(n).encode() for n in range(5)}
    config = {"./config.json": b'{"lora_r": 4, "lora_alpha": 4}'}
    key = put_upload(intake, {"set.tar.gz": tarred(photos | config)}, {})
    job = accept_request(announced(key), intake, NOW).job
    upload = read_document(
        intake.models, layout.models.accepted_upload_key(job.job_id), AcceptedUpload
    )
    assert (upload.request.rank, len(upload.photos)) == (4, 5)


@pytest.mark.parametrize("twin", ["A.JPG", "e\u0301.jpg"])
def test_twins_are_refused(twin: str) -> None:
    assert refusal(zipped({"a.jpg": b"1", "\u00e9.jpg": b"2", twin: b"3"})) == "archive_unsafe"


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
)
def test_what_is_no_plain_file_is_refused(kind: bytes) -> None:
    assert refusal(tarred({"x": b""}, type=kind, linkname="/etc/passwd")) == "archive_unsafe"


def test_a_link_in_a_zip_is_refused() -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert refusal(out.getvalue()) == "archive_unsafe"


def test_a_password_is_refused() -> None:
    body = bytearray(zipped({"a.jpg": b"x"}))
    at = body.index(b"PK\x01\x02") + 8
    body[at] |= 1
    assert refusal(bytes(body)) == "archive_unsafe"


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_bomb_is_refused_by_its_header(pack: Callable[[dict[str, bytes]], bytes]) -> None:
    assert refusal(pack({"a.jpg": b"x", "bomb": bytes(archive_limits.MAX_MEMBER_BYTES + 1)})) == (
        "archive_too_large"
    )


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_all_files_together_may_be_so_large_and_no_larger(
    pack: Callable[[dict[str, bytes]], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(map(len, FILES.values())) if pack is zipped else len(tarred(FILES, "w"))
    monkeypatch.setattr(archive_limits, "MAX_UNPACKED_BYTES", size)
    assert len(list(open_archive(pack(FILES)).members)) == len(FILES)
    monkeypatch.setattr(archive_limits, "MAX_UNPACKED_BYTES", size - 1)
    with pytest.raises(ArchiveRefusedError) as caught:
        list(open_archive(pack(FILES)).members)
    assert caught.value.facts["code"] == "archive_too_large"


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_too_many_members_are_refused(pack: Callable[[dict[str, bytes]], bytes]) -> None:
    assert refusal(pack({f"{n}": b"" for n in range(1001)})) == "archive_too_large"


@pytest.mark.parametrize(
    "body",
    [b"", b"no archive", b"\x1f\x8bbroken", zipped(FILES)[:-30], tarred(FILES)[:40]],
    ids=["empty", "text", "gzip's first bytes", "half a zip", "half a tar.gz"],
)
def test_what_cannot_be_read_is_damaged(body: bytes) -> None:
    assert refusal(body) == "archive_damaged"


def test_damage_inside_is_found() -> None:
    body = zipped({"a.jpg": bytes(range(256)) * 40}).replace(b"a.jpg", b"a.jpg")
    broken = bytearray(body)
    broken[60] ^= 0xFF
    with pytest.raises(ArchiveRefusedError):
        list(open_archive(bytes(broken)).members)


# --- in an upload -----------------------------------------------------------------------------


def test_an_archive_is_as_good_as_loose_photos() -> None:
    litter = {"__MACOSX/._a.jpg": b"x", "sub/.DS_Store": b"y"}
    job_ids = set()
    for upload in (FILES, {"photos.zip": zipped(FILES | litter)}, {"p.TGZ": tarred(FILES)}):
        intake = memory_intake()
        job_ids.add(accept_request(announced(put_upload(intake, upload)), intake, NOW).job.job_id)
    assert len(job_ids) == 1


def test_files_of_an_archive_keep_their_names_for_the_owner_only() -> None:
    intake = memory_intake()
    key = put_upload(intake, {"photos.zip": zipped(FILES)})
    job = accept_request(announced(key), intake, NOW).job
    key = layout.models.accepted_upload_key(job.job_id)
    pins = read_document(intake.models, key, AcceptedUpload).photos
    assert {pin.name for pin in pins} == {"photos.zip/a.jpg", "photos.zip/sub/b.jpg"}
    assert all(pin.key.startswith("unpacked/acme/first/") for pin in pins)
    assert not any("jpg" in pin.key for pin in pins)
    assert [pin.caption is not None for pin in pins if pin.name == "photos.zip/sub/b.jpg"] == [True]


def test_a_hostile_archive_leaves_nothing_behind() -> None:
    intake = memory_intake()
    key = put_upload(intake, {"photos.zip": zipped({"good.jpg": b"x", "../x": b"y"})})
    with pytest.raises(ArchiveRefusedError):
        accept_request(announced(key), intake, NOW)
    assert intake.uploads.list("unpacked/", 9) == []


@pytest.mark.parametrize(
    "files",
    [
        FILES | {"more.rar": b"Rar!"},
        FILES | {"sub/more.tar.xz": b"x"},
        {"p.zip": zipped(FILES | {"more.zip": zipped(FILES)})},
        {"p.zip": zipped(FILES | {"sub/more.7Z": b"7z"})},
    ],
)
def test_photos_in_an_archive_that_nobody_opens_are_not_left_out_silently(
    files: dict[str, bytes],
) -> None:
    intake = memory_intake()
    with pytest.raises(ArchiveRefusedError) as caught:
        accept_request(announced(put_upload(intake, files)), intake, NOW)
    assert caught.value.facts["code"] == "archive_not_taken"


def test_photos_in_archives_are_counted() -> None:
    intake = memory_intake()
    many = {f"{n}.jpg": bytes([n]) for n in range(60)}
    key = put_upload(intake, {"one.zip": zipped(many), "two.zip": zipped(many)})
    with pytest.raises(TooManyPhotosError):
        accept_request(announced(key), intake, NOW)


@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, "w")])
def test_many_small_files_may_not_be_too_large_together(
    pack: Callable[[dict[str, bytes]], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{n}.jpg": bytes(10_000) for n in range(5)}
    monkeypatch.setattr(archive_limits, "MAX_UNPACKED_BYTES", 49_999)
    assert refusal(pack(files)) == "archive_too_large"
    monkeypatch.setattr(archive_limits, "MAX_UNPACKED_BYTES", 90_000)  # a tar has headers besides
    assert len(list(open_archive(pack(files)).members)) == 5


def test_a_zip_may_hold_exactly_as_much_as_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_limits, "MAX_UNPACKED_BYTES", 50_000)
    assert len(list(open_archive(zipped({f"{n}": bytes(10_000) for n in range(5)})).members)) == 5


@pytest.mark.parametrize(("count", "accepted"), [(10, True), (11, False)])
def test_an_upload_has_ten_archives_at_most(count: int, accepted: bool) -> None:
    intake = memory_intake()
    uploaded = {f"{n}.zip": zipped({f"{n}.jpg": bytes([n])}) for n in range(count)}
    key = put_upload(intake, uploaded)
    if accepted:
        accept_request(announced(key), intake, NOW)
        return
    with pytest.raises(ArchiveRefusedError, match="archive_too_large"):
        accept_request(announced(key), intake, NOW)


def test_all_archives_of_an_upload_may_not_be_too_large_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    intake = memory_intake()
    key = put_upload(intake, {f"{n}.zip": zipped({f"{n}": bytes(10_000)}) for n in range(5)})
    monkeypatch.setattr("domain.intake.uploads.MAX_UNPACKED_BYTES", 49_999)
    with pytest.raises(ArchiveRefusedError, match="archive_too_large"):
        accept_request(announced(key), intake, NOW)
    assert len(intake.uploads.list("unpacked/", 9)) == 4
    monkeypatch.setattr("domain.intake.uploads.MAX_UNPACKED_BYTES", 50_000)
    accept_request(announced(key), intake, NOW)


def test_only_files_that_count_are_stored() -> None:
    intake = memory_intake()
    idle = {f"notes {n}.txt": b"x" for n in range(50)} | {"__MACOSX/._a.jpg": b"y"}
    accept_request(announced(put_upload(intake, {"p.zip": zipped(FILES | idle)})), intake, NOW)
    stored = [
        intake.uploads.read(item.key, 99) for item in intake.uploads.list("unpacked/", limit=99)
    ]
    assert sorted(stored) == sorted(FILES.values())


def test_settings_are_counted_like_photos() -> None:
    intake = memory_intake()
    settings = {f"{n}.toml": b"" for n in range(21)}
    with pytest.raises(TooManyPhotosError):
        accept_request(announced(put_upload(intake, FILES | settings)), intake, NOW)
    intake = memory_intake()
    with pytest.raises(TooManyPhotosError):
        accept_request(
            announced(put_upload(intake, {"p.zip": zipped(FILES | settings)})), intake, NOW
        )


def test_too_many_files_are_refused_before_any_is_stored() -> None:
    intake = memory_intake()
    key = put_upload(intake, {"p.zip": zipped({f"{n}.jpg": bytes([n]) for n in range(101)})})
    with pytest.raises(TooManyPhotosError):
        accept_request(announced(key), intake, NOW)
    assert intake.uploads.list("unpacked/", 9) == []


def test_what_an_attempt_before_a_crash_has_stored_is_not_stored_again() -> None:
    intake = memory_intake()
    key = put_upload(intake, {"p.zip": zipped(FILES)})
    for _ in range(2):
        accept_request(announced(key), intake, NOW)
    found = intake.uploads.list("unpacked/", limit=99)
    heads = intake.uploads.heads([item.key for item in found])
    assert [head.version_id for head in heads] == ["1"] * len(FILES)


def test_no_more_is_unpacked_than_the_header_announces() -> None:
    body = bytearray(zipped({"a.jpg": bytes(30_000_000)}))
    at = body.index(b"PK\x01\x02") + 24
    body[at : at + 4] = (5).to_bytes(4, "little")
    tracemalloc.start()
    assert refusal(bytes(body)) == "archive_damaged"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
