"""Uploads in an archive, on the deployed stack: opened, told by name, refused when hostile."""

import io
import zipfile

from tests.e2e.stack import SMALL, Stack, photos


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def test_photos_in_a_zip_are_inspected_under_their_names(stack: Stack) -> None:
    files = photos(8, count=2) | {"party/holiday.jpg": b"this is not an image"}
    stack.upload("zipped", {"photos.zip": zipped(files)}, SMALL)
    assert stack.execution("zipped")["error"] == "TooFewPhotosError"
    notice = stack.subscriber.receive()
    assert "Photos that can be used: 2; needed: 5." in notice["text"]
    assert [(p["file"], p["codes"]) for p in notice["photos"]] == [
        ("photos.zip/party/holiday.jpg", ["not_an_image"])
    ]


def test_a_hostile_archive_is_refused_whole(stack: Stack) -> None:
    hostile = zipped(photos(8, count=2) | {"../escape.jpg": b"x"})
    stack.upload("hostile", {"photos.zip": hostile}, SMALL)
    assert stack.execution("hostile")["error"] == "ArchiveRefusedError"
    assert stack.subscriber.receive()["code"] == "archive_unsafe"
