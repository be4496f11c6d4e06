"""Captions and masks are found beside the photos, in every form that is accepted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.documents.photos import PhotoReport
from contracts.shared import layout
from domain.intake.accepting import accept_request
from domain.intake.captions import caption_for, parse_list, usable
from domain.intake.inspection import inspect_photos
from domain.ports.storage import read_document
from tests.fakes.intake import NOW, announced, memory_intake, put_upload
from tests.unit.domain.test_archives import zipped
from tests.unit.domain.test_inspection import GOOD, PlainDecoder, inspection_of

JSONL = "\n".join(
    [
        json.dumps({"file_name": "0.jpg", "text": "smiling  today"}),
        "not json",
        json.dumps(["a list"]),
        json.dumps({"file_name": "1.jpg", "caption": "x" * 500}),
        json.dumps({"file_name": "2.jpg", "prompt": "laughing"}),
    ]
).encode()
CSV = b"caption,image_file\nsmiling today,0.jpg\n,1.jpg\nlaughing,2.jpg\n"


def words(files: dict[str, bytes]) -> set[str | None]:
    intake = memory_intake()
    job = accept_request(announced(put_upload(intake, files)), intake, NOW).job
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    report = read_document(intake.models, layout.models.photo_report_key(job.job_id), PhotoReport)
    assert all(photo.codes == () for photo in report.photos)
    return {photo.caption for photo in report.photos}


@pytest.mark.parametrize(("name", "body"), [("metadata.jsonl", JSONL), ("caption.csv", CSV)])
def test_one_list_has_words_for_all(name: str, body: bytes) -> None:
    assert words({**GOOD, name: body}) == {"smiling today", "laughing", None}


def test_a_text_beside_the_photo_comes_before_the_list() -> None:
    files = {**GOOD, "metadata.jsonl": JSONL, "0.txt": b"winking"}
    assert words(files) == {"winking", "laughing", None}


def test_lists_work_in_archives_and_for_folders_below() -> None:
    inside = {f"train/{name}": body for name, body in GOOD.items()}
    assert words({"set.zip": zipped({**inside, "metadata.jsonl": JSONL})}) == {
        "smiling today",
        "laughing",
        None,
    }


def test_masks_are_no_photos() -> None:
    intake = memory_intake()
    files = {**GOOD, "0_mask.png": b"mask", "party_mask.jpg": b"a photo"}
    job = accept_request(announced(put_upload(intake, files)), intake, NOW).job
    assert inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW).accepted == 6


@pytest.mark.parametrize("text", ["", "\0", "a,b\n1,2", '"', "caption\nx", "[" * 50_000])
def test_a_list_that_says_nothing_is_harmless(text: str) -> None:
    assert parse_list(text, "metadata.csv") == {}
    assert parse_list(text, "metadata.jsonl") == {}


META = {
    "C:\\train\\10_ohwx man\\a.jpg": {"caption": "a man", "train_resolution": [1024, 1024]},
    "/train/20_ohwx man/a.jpg": {"tags": "smiling, hat"},
    "/train/b.png": {"caption": "a man at sea", "tags": "blue"},
    "c": {"caption": "by its bare name"},
    "d.jpg": {"tags": 3},
}


def test_sd_scripts_metadata_has_captions_by_path_name_or_stem() -> None:
    listed = parse_list(json.dumps(META), "meta_lat.json")
    wanted = {
        "10_ohwx man/a.jpg": "a man",
        "20_ohwx man/a.jpg": "smiling, hat",
        "b.png": "a man at sea, blue",
        "x/c.webp": "by its bare name",
        "d.jpg": None,
        "other/a.jpg": None,
    }
    assert {name: caption_for(name, listed) for name in wanted} == wanted


@given(st.text(max_size=80) | st.binary(max_size=80).map(repr))
def test_any_text_is_metadata_without_an_error(text: str) -> None:
    assert isinstance(parse_list(text, "meta_cap.json"), dict)


ONE = {"a.jpg": "x, y"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", 'file_name,text\na.jpg,"x, y"\n'),
        ("metadata.csv", "file_name;text\na.jpg;x, y\n"),
        ("metadata.csv", "File_Name\tText\r\na.jpg\tx, y\r\n"),
        ("captions.csv", 'image_path,caption\r./a.jpg,"x, y"\r'),
        ("metadata.jsonl", '[{"file_name": "a.jpg", "text": "x, y"}]'),
        ("metadata.jsonl", '{\n "file_name": "a.jpg",\n "text": "x, y"\n}'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "x,\u2028y"}'),
        ("metadata.json", '[{"image": "a.jpg", "caption": "x, y"}]'),
        ("metadata.json", '{"a.jpg": "x, y"}'),
    ],
)
def test_lists_are_read_as_spreadsheets_and_scripts_write_them(name: str, text: str) -> None:
    assert parse_list(text, name) == ONE


@pytest.mark.parametrize("file", ["/home/u/set/a.jpg", "C:\\u\\set\\a.jpg", "./set/a.jpg"])
def test_a_list_names_a_photo_by_the_path_that_it_had(file: str) -> None:
    rows = [{"file_name": file, "text": "x"}, {"file_name": "b/c.jpg", "text": "y"}]
    rows.append({"file_name": "d/c.jpg", "text": "z"})
    listed = parse_list("\n".join(map(json.dumps, rows)), "metadata.jsonl")
    assert [caption_for(name, listed) for name in ("a.jpg", "set/a.jpg")] == ["x", "x"]
    assert [caption_for(name, listed) for name in ("b/c.jpg", "d/c.jpg", "c.jpg")] == [
        "y",
        "z",
        None,
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a \U0001f468\u200d\U0001f467 family", "a \U0001f468\u200d\U0001f467 family"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("on\u200bwards\ufeff", "onwards"),
        ("\U0001fae9 tired", "\U0001fae9 tired"),
    ],
)
def test_letters_of_any_script_are_words(text: str, words: str) -> None:
    assert usable(text) == words


def test_a_text_in_marked_utf_16_is_read_and_a_list_that_says_nothing_is_told() -> None:
    intake = memory_intake()
    files = GOOD | {"0.txt": "zoë smiling".encode("utf-16"), "metadata.csv": b"a,b\n1,2\n"}
    job = accept_request(announced(put_upload(intake, files)), intake, NOW).job
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    report = read_document(intake.models, layout.models.photo_report_key(job.job_id), PhotoReport)
    ignored = {photo.caption: "caption_ignored" in photo.codes for photo in report.photos}
    assert ignored == {"zoë smiling": False, None: True}
