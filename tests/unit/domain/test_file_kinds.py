"""What each file of an upload is taken for, by its name alone."""

import pytest

from contracts.shared.limits import MAX_TRAINED_CHARACTERS
from domain.intake.captions import caption_for, parse_list, texts_of, usable
from domain.intake.file_kinds import (
    FileKinds,
    file_kinds_of,
    is_litter,
    is_of_class,
    is_settings,
    lists_for,
    masks_among,
)

UPLOAD = (
    *("a.jpg", "a.txt", "a_mask.png", "b.PNG", "b.caption", "notes.txt", "metadata.jsonl"),
    *("sub/c.jpg", "sub/captions.csv", "sub/deep/d.jpg", "sub/deep/e.webp", "sub/deep/e.txt"),
    *("reg/1_person/x.png", "class/y.png", "class/y.txt"),
    *("config.json", "kohya/k.toml", "dataset_info.json", "deep/er/config.json"),
    *("request.json", ".DS_Store", "__MACOSX/a.jpg", "Thumbs.db", "sub/", "set.zip"),
)


def test_every_file_of_an_upload_is_for_something_or_is_litter() -> None:
    assert file_kinds_of(UPLOAD) == FileKinds(
        photos=[
            *("a.jpg", "b.PNG", "sub/c.jpg", "sub/deep/d.jpg", "sub/deep/e.webp"),
            *("deep/er/config.json", "set.zip"),
        ],
        captions={
            "a.jpg": "a.txt",
            "b.PNG": "b.caption",
            "sub/c.jpg": "sub/captions.csv",
            "sub/deep/d.jpg": "sub/captions.csv",
            "sub/deep/e.webp": "sub/deep/e.txt",
            "deep/er/config.json": "metadata.jsonl",
            "set.zip": "metadata.jsonl",
        },
        masks={"a.jpg": "a_mask.png"},
        class_photos=["reg/1_person/x.png", "class/y.png"],
        settings=["config.json", "kohya/k.toml", "dataset_info.json"],
    )


@pytest.mark.parametrize(
    ("name", "litter"),
    [
        ("a.jpg", False),
        ("x/a.jpg", False),
        (".a.jpg", True),
        (".hidden/a.jpg", True),
        ("x/._a.jpg", True),
        ("__MACOSX/a.jpg", True),
        ("x/__MACOSX/a.jpg", True),
        ("MACOSX/a.jpg", False),
        ("x/", True),
        ("x/THUMBS.DB", True),
        ("Desktop.ini", True),
        ("thumbs.db.jpg", False),
        ("10_ohwx man/a.NPZ", True),
        ("IMG_1.AAE", True),
        ("x/a.xmp", True),
        ("x/@eaDir/a.jpg", True),
        ("$RECYCLE.BIN/a.jpg", True),
        ("picasa.ini", True),
        ("Icon\r", True),
        ("IMG_1.jpg.json", True),
        ("x/IMG_1.HEIC.supplemental-metadata.json", True),
        ("IMG_1.jpg.supplemental-met(1).json", True),
        ("IMG_1.jpg(1).json", True),
        ("IMG_1.json", False),
        ("jpg.json", False),
        ("IMG_1.MOV", False),
        ("npz.jpg", False),
    ],
)
def test_what_systems_leave_behind_is_litter(name: str, litter: bool) -> None:
    assert is_litter(name) is litter


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("config.json", True),
        ("CONFIG.JSON", True),
        ("x/dataset_info.json", True),
        ("x/y/config.json", False),
        ("set.zip/config.json", True),
        ("set.tar.gz/x/kohya.toml", True),
        ("set.tgz/x/y/kohya.toml", False),
        ("set.rar/x/kohya.toml", False),
        ("kohya.toml", True),
        (".toml", False),
        ("my config.json", False),
        ("config.json.jpg", False),
        ("x" * 64 + ".toml", True),
        ("x" * 65 + ".toml", False),
        ("request.json", False),
    ],
)
def test_settings_lie_at_most_one_folder_deep(name: str, settings: bool) -> None:
    assert is_settings(name) is settings


@pytest.mark.parametrize(
    ("name", "of_class"),
    [
        ("reg/a.png", True),
        ("REG/1_man/a.png", True),
        ("x/regularization_images/a.png", True),
        ("regularisation/a.png", True),
        ("class images/a.png", True),
        ("class-photo/a.png", True),
        ("prior_data/a.png", True),
        ("class_dir/a.png", True),
        ("regular/a.png", False),
        ("classroom/a.png", False),
        ("class.png", False),
        ("a/class.png", False),
        ("my class/a.png", False),
    ],
)
def test_pictures_of_the_class_lie_in_a_folder_that_says_so(name: str, of_class: bool) -> None:
    assert is_of_class(name) is of_class


@pytest.mark.parametrize("ending", ["_mask", "-mask", "-masklabel", "_masklabel", ".mask"])
def test_a_mask_is_named_like_its_photo(ending: str) -> None:
    mask = f"x/a{ending}.png"
    assert masks_among(["x/a.jpg", mask, f"x/b{ending}.png", "y/a.jpg"]) == {"x/a.jpg": mask}


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("a.jpg", "masks/a.png"),
        ("img/a.jpg", "Mask/a.png"),
        ("10_ohwx man/a.jpg", "masks/a.png"),
        ("10_ohwx man/a.jpg", "masks/10_ohwx man/a.png"),
        ("set.zip/images/a.jpg", "set.zip/mask_images/a.png"),
        ("IMG_1.JPG", "img_1_mask.png"),
        ("IMG_1.JPG", "IMG_1_Mask.PNG"),
        ("IMG_1.JPG", "masks/img_1.png"),
    ],
)
def test_a_mask_may_be_in_a_folder_of_masks_and_in_another_case(photo: str, mask: str) -> None:
    kinds = file_kinds_of([photo, mask, "other.jpg"])
    assert (kinds.masks, sorted(kinds.photos)) == ({photo: mask}, sorted([photo, "other.jpg"]))


@pytest.mark.parametrize("names", [("hats/1.jpg", "masks/1.jpg"), ("masks/1.jpg", "masks/2.jpg")])
def test_photos_of_masks_are_photos(names: tuple[str, str]) -> None:
    assert file_kinds_of(names).photos == list(names)


def test_the_photo_with_the_masks_very_name_goes_before_others() -> None:
    names = ["a.jpg", "A.jpg", "img/a.jpg", "a_mask.png"]
    assert masks_among(names) == {"a.jpg": "a_mask.png"}


def test_a_file_of_latents_takes_no_photo_s_mask_and_twins_share_one() -> None:
    names = ["a.jpg", "a.npz", "a_mask.png", "b.HEIC", "b.jpg", "b_mask.png"]
    kinds = file_kinds_of(names)
    assert kinds.photos == ["a.jpg", "b.HEIC", "b.jpg"]
    assert kinds.masks == {"a.jpg": "a_mask.png", "b.HEIC": "b_mask.png", "b.jpg": "b_mask.png"}


def test_a_list_is_for_its_folder_and_those_below_and_the_nearest_counts() -> None:
    lists = ["metadata.jsonl", "x/caption.csv", "x/captions.csv", "y/notes.csv"]
    photos = ["a.jpg", "x/b.jpg", "x/y/z/c.jpg", "y/d.jpg"]
    assert lists_for(photos, lists) == {
        "a.jpg": "metadata.jsonl",
        "x/b.jpg": "x/captions.csv",  # of two the last by name
        "x/y/z/c.jpg": "x/captions.csv",
        "y/d.jpg": "metadata.jsonl",
    }
    assert lists_for(["a.jpg"], ["x/metadata.csv"]) == {}


# --- words ----------------------------------------------------------------------------------


def test_a_text_is_for_the_photo_of_its_name_in_its_folder() -> None:
    photos, names = ["a.jpg", "x/a.jpg", "b.jpg"], ["a.txt", "x/a.CAPTION", "y/b.txt", "b.md"]
    assert texts_of(photos, names) == {"a.jpg": "a.txt", "x/a.jpg": "x/a.CAPTION"}
    assert texts_of(["a.jpg", "a.png"], ["a.jpg.txt"]) == {"a.jpg": "a.jpg.txt"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" smiling \n today\t", "smiling today"),
        ("x", "x"),
        ("x" * MAX_TRAINED_CHARACTERS, "x" * MAX_TRAINED_CHARACTERS),
        ("x" * (MAX_TRAINED_CHARACTERS + 1), None),
        ("", None),
        (" \n", None),
        ("a\x00b", None),
        ("a\u202eb", None),
    ],
)
def test_words_are_one_line_that_can_be_shown(text: str, words: str | None) -> None:
    assert usable(text) == words
    assert MAX_TRAINED_CHARACTERS == 400


@pytest.mark.parametrize("file", ["file_name", "image_file", "file", "image"])
@pytest.mark.parametrize("message", ["text", "caption", "prompt"])
def test_lists_name_files_and_words_as_other_tools_do(file: str, message: str) -> None:
    rows = f'{{"{file}": "a.jpg", "{message}": "smiling"}}\n{{"{file}": "b.jpg", "{message}": 5}}'
    assert parse_list(rows, "METADATA.JSONL") == {"a.jpg": "smiling"}
    assert parse_list(f"{message},{file}\nsmiling,a.jpg\n", "captions.csv") == {"a.jpg": "smiling"}


def test_the_first_name_that_a_row_knows_counts() -> None:
    row = '{"image": "d", "file": "c", "image_file": "b", "file_name": "a", "prompt": "z",'
    row += ' "caption": "y", "text": "x"}'
    assert parse_list(row, "metadata.jsonl") == {"a": "x"}
    assert parse_list('{"text": "x"}\n{"file": "", "text": "x"}', "metadata.jsonl") == {}


def test_words_are_found_by_the_path_before_the_name() -> None:
    listed = {"x/a.jpg": "by its path", "a.jpg": "by its name"}
    assert caption_for("x/a.jpg", listed) == "by its path"
    assert caption_for("y/a.jpg", listed) == "by its name"
    assert caption_for("b.jpg", listed) is None
