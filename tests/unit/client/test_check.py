"""`likeness check` gives the verdicts of the upload on the user's own machine."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.codes import CODES
from likeness_client.__main__ import main
from likeness_client.folder import FolderStorage
from tests.fakes.pictures import encoded, picture
from tests.unit.domain.test_archives import zipped
from tests.unit.runtime.test_near_duplicates import MADE, ORIGINAL


def folder_with(tmp_path: Path, files: dict[str, bytes]) -> Path:
    for name, body in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return tmp_path


def test_a_folder_hears_what_the_upload_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {f"{n}.png": encoded(picture(n), "PNG") for n in range(3)}
    packed = {"more/3.png": encoded(picture(3), "PNG"), "4.pdf": b"%PDF"}
    folder = folder_with(tmp_path, {**good, "photos.zip": zipped(packed), ".DS_Store": b"x"})
    assert main(["check", str(folder)]) == 1
    printed = capsys.readouterr().out
    assert "Photos that can be used: 4 of 5; needed: 5." in printed
    assert "refused   photos.zip/4.pdf" in printed
    assert "Export the photo as JPEG" in printed
    assert {path.name for path in folder.iterdir()} == {*good, "photos.zip", ".DS_Store"}


def test_enough_good_photos_pass(tmp_path: Path) -> None:
    files = {f"{n}.jpg": encoded(picture(n)) for n in range(5)}
    assert main(["check", str(folder_with(tmp_path, files))]) == 0


def test_pictures_made_from_one_photo_are_named_with_the_photo_that_they_resemble(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        f"{n}.png": encoded(image, "PNG") for n, image in enumerate([ORIGINAL, *MADE.values()])
    }
    assert main(["check", str(folder_with(tmp_path, files))]) == 0, "it is advice"
    printed = capsys.readouterr().out
    assert printed.count("It resembles ") >= 6
    assert CODES["little_variety"].text in printed


def test_a_bad_request_is_told_before_the_upload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"{n}.jpg": encoded(picture(n)) for n in range(5)}
    folder = folder_with(tmp_path, {**files, "request.json": b'{"rnak": 3}'})
    assert main(["check", str(folder)]) == 1
    assert "did you mean rank?" in capsys.readouterr().out


def test_that_nothing_says_what_to_train_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path, {**photos(), "request.json.txt": b"{}"})
    assert main(["check", str(folder)]) == 0
    assert "no request.json beside them says what to train" in capsys.readouterr().out
    nearly = {f"20 ohwx man/{name}": body for name, body in photos().items()}
    assert main(["check", str(folder_with(tmp_path / "nearly", nearly))]) == 0
    assert "behind it comes no _" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("texts", "advised"),
    [
        ({f"captions/{n}.txt": b"TOK smiles" for n in range(5)}, True),
        ({"metadata.jsonl": b'{"file_name": "other.jpg", "text": "TOK smiles"}'}, True),
        ({"metadata.jsonl": b'{"file_name": "0.jpg", "text": "TOK smiles"}'}, False),
        ({f"{n}.txt": b"TOK smiles" for n in range(5)} | {"notes.txt": b"x"}, False),
        ({"a.zip": zipped({f"captions/{n}.txt": b"TOK smiles" for n in range(5)})}, True),
    ],
)
def test_words_that_are_no_photo_s_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], texts: dict[str, bytes], advised: bool
) -> None:
    assert main(["check", str(folder_with(tmp_path, {**photos(), **texts}))]) == 0
    assert (CODES["captions_unmatched"].text in capsys.readouterr().out) is advised


def test_a_problem_is_told_under_the_files_that_ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = b'{"model_family": "sdxl", "lora_type": "lycoris", "max_train_steps": 9}'
    settings = {"config.json": config, "lycoris_config.json": b'{"linear_dim": 4}'}
    folder = folder_with(tmp_path, photos() | settings)
    assert main(["check", str(folder)]) == 1
    printed = capsys.readouterr().out
    assert "config.json, lycoris_config.json: lycoris_config.algo: Is missing" in printed
    assert "request.json" not in printed


def test_explain_lists_what_became_of_each_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = b'{"input_images": "a.zip", "trigger_word": "zwx", "lora_rank": 8, "is_lora": true,'
    body += b' "optimizer": "adamw8bit", "ti_lr": 0.1}'
    folder = folder_with(tmp_path, {**photos(), "request.json": body})
    assert main(["check", str(folder), "--explain"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "carried   lora_rank is rank [replicate]" in printed
    assert "changed   optimizer is use_8bit_adam [replicate]" in printed
    assert "ignored   ti_lr (No token embeddings are trained.) [replicate]" in printed
    assert main(["check", str(folder)]) == 0
    assert "[replicate]" not in capsys.readouterr().out


PORTRAITS = Path(__file__).parents[3] / "local/embedded_base/portraits-sdxl"


@pytest.mark.parametrize(("word", "code"), [("zwx", None), ("小明先生", "trigger_split")])
def test_the_bases_tokenizer_judges_the_trigger_word(
    word: str, code: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"instance_prompt": "TOK", "class_prompt": "b", "trigger_word": word}
    folder = folder_with(tmp_path, {**photos(), "request.json": json.dumps(body).encode()})
    assert main(["check", str(folder), "--base", str(PORTRAITS)]) == 0, "it is advice"
    printed = capsys.readouterr().out
    assert (CODES["trigger_split"].text in printed) is (code is not None)


def test_a_base_without_a_tokenizer_judges_no_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path, photos())
    assert main(["check", str(folder), "--base", str(tmp_path)]) == 0
    assert "no tokenizer of CLIP's kind" in capsys.readouterr().out


def test_the_request_sets_the_least_side(tmp_path: Path) -> None:
    files = {f"{n}.jpg": encoded(picture(n)) for n in range(5)}
    request = b'{"instance_prompt": "sks", "class_prompt": "b", "resolution": 512}'
    assert main(["check", str(folder_with(tmp_path, {**files, "request.json": request}))]) == 1


def test_a_hostile_archive_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path, {"a.zip": zipped({"../x": b"y"})})
    assert main(["check", str(folder)]) == 1
    assert "names that occur twice or lead outside" in capsys.readouterr().out


def test_the_folder_is_never_written_to(tmp_path: Path) -> None:
    storage = FolderStorage(folder_with(tmp_path, {"a.jpg": b"x"}))
    storage.write("tenants/local/uploads/check/b.jpg", b"y")
    storage.write("unpacked/local/check/0", b"z")
    storage.copy("unpacked/local/check/0", "elsewhere")
    storage.delete("tenants/local/uploads/check/a.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
    assert storage.read("elsewhere", 9) == b"z"


def photos(count: int = 5) -> dict[str, bytes]:
    return {f"{n}.jpg": encoded(picture(n)) for n in range(count)}


@pytest.mark.parametrize(
    ("name", "words"),
    [("missing", "there is no folder"), ("0.jpg", "is a file; name the folder")],
)
def test_what_is_no_folder_is_told(
    tmp_path: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_with(tmp_path, {"0.jpg": b"x"})
    assert main(["check", str(tmp_path / name)]) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert not printed.out


def test_an_empty_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == 1
    assert f"{tmp_path} is empty." in capsys.readouterr().out


def test_a_name_that_is_not_utf_8_is_told_and_the_others_are_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_with(tmp_path, photos())
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).write_bytes(encoded(picture(9)))
    assert main(["check", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "refused   caf?.jpg\n          Its name is not UTF-8" in printed
    assert "Photos that can be used: 5 of 5" in printed


def test_a_name_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", str(folder_with(tmp_path, {"\x1b[2J.jpg": encoded(picture(1))}))])
    assert "\x1b" not in capsys.readouterr().out


def test_links_are_followed_as_the_upload_follows_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder_with(elsewhere, photos())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "photos").symlink_to(elsewhere)
    assert main(["check", str(tmp_path / "folder")]) == 0
    assert "Photos that can be used: 5 of 5" in capsys.readouterr().out


def make_loop(folder: Path) -> None:
    (folder / "deeper").mkdir()
    (folder / "deeper" / "again").symlink_to(folder)


def make_self_link(folder: Path) -> None:
    (folder / "self.jpg").symlink_to(folder / "self.jpg")


def make_dead_link(folder: Path) -> None:
    (folder / "dead.jpg").symlink_to(folder / "gone")


def make_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")


def make_unreadable(folder: Path) -> None:
    (folder / "memory.jpg").symlink_to("/proc/self/mem")  # ends in EIO, for root too


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_loop, "deeper/again\n          The link leads back"),
        (make_self_link, "self.jpg\n          It cannot be read"),
        (make_dead_link, "dead.jpg\n          The link leads nowhere"),
        (make_pipe, "pipe.jpg\n          It is no ordinary file"),
        (make_unreadable, "memory.jpg\n          It cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told_and_the_others_are_judged(
    make: Callable[[Path], None],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(folder_with(tmp_path, photos()))
    assert main(["check", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert f"refused   {words}" in printed
    assert "Photos that can be used: 5 of 5" in printed


def test_nothing_of_the_current_folder_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    folder_with(tmp_path / "photos", photos())
    folder_with(tmp_path, {"json.py": b"raise SystemExit(9)"})
    monkeypatch.chdir(tmp_path)
    assert main(["check", "photos"]) == 0


def test_a_decoder_that_does_not_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_with(tmp_path, photos())
    monkeypatch.setattr("runtime.imaging.sandbox._python_path", lambda: "")
    monkeypatch.setattr("runtime.imaging.sandbox.__package__", "nowhere")
    assert main(["check", str(tmp_path)]) == 2
    assert "is Pillow installed for" in capsys.readouterr().err


def test_what_the_base_cannot_be_asked_for_is_told_before_the_upload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = ["a [cat|dog]", "小" * 400]
    body = {"instance_prompt": "TOK", "class_prompt": "b", "sample_prompts": prompts}
    folder = folder_with(tmp_path, {**photos(), "request.json": json.dumps(body).encode()})
    assert main(["check", str(folder)]) == 0, "no base is named"
    capsys.readouterr()
    assert main(["check", str(folder), "--base", str(PORTRAITS)]) == 1
    printed = capsys.readouterr().out
    assert "request.json: sample_prompts.0: [from:to:when] and [one|other]" in printed
    assert "request.json: sample_prompts.1: at most 8 of CLIP's chunks" in printed


def test_an_option_that_means_nothing_on_the_base_is_told_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_zimage = ["feed_forward.w1"]
    body = {"instance_prompt": "TOK", "class_prompt": "b", "target_modules": of_zimage}
    folder = folder_with(tmp_path, {**photos(), "request.json": json.dumps(body).encode()})
    assert main(["check", str(folder)]) == 0, "no base is named"
    capsys.readouterr()
    assert main(["check", str(folder), "--base", str(PORTRAITS)]) == 1
    assert "request.json: target_modules: this base has no layers" in capsys.readouterr().out
