"""Parsing of picture requests, without a server or torch."""

import base64
import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image, ImageFile

from bench.intake.profiles import SPACES, difference, in_space, profile
from contracts.base import BaseCard, InferenceDefaults, RefinerFiles
from contracts.documents.picture import (
    DEFAULT_STRENGTH,
    MAX_IMAGE_BYTES,
    MAX_MASK_BYTES,
    MAX_MASK_CHARACTERS,
    PictureArguments,
)
from contracts.shared.pictures.sampler_names import ALIASES
from contracts.shared.words.styles import STYLES, Style
from serving.base_folder import BaseFolderError, resolve_base
from serving.output.pictures_bucket import NoPictureError
from serving.picture_error import PictureError
from serving.picture_request import PictureRequest, Sampling, SecondPass
from serving.start_image import put_on_white
from serving.tensors import parse_request

ROOT = Path(__file__).parents[3]
BASE = BaseCard.model_validate(
    {
        "base_id": "b",
        "family": "sdxl",
        "revision": "1",
        "sha256": "0" * 64,
        "files": {},
        "prediction_type": "epsilon",
        "resolution": 512,
        "training": {
            "learning_rate": 1e-3,
            "train_batch_size": 1,
            "rank": 4,
            "steps_per_photo": 1,
            "min_train_steps": 1,
            "max_train_steps": 1,
        },
        "inference": {
            "num_inference_steps": 20,
            "guidance_scale": 5.0,
            "scheduler": "EulerDiscreteScheduler",
        },
        "gate": {"min_effect": 0},
    }
)


def ask(prompt: str = "a photo", negative: str = "", **arguments: Any) -> PictureRequest:
    return parse_request(prompt.encode(), negative.encode(), json.dumps(arguments).encode(), BASE)


def test_an_image_and_its_mask_may_lie_in_s3() -> None:
    white = file_of(Image.new("RGB", (64, 64), "white"))
    files = {"s3://b/me.png": (WHOLE, MAX_IMAGE_BYTES), "s3://b/mask.png": (white, MAX_MASK_BYTES)}

    def find(uri: str, limit: int) -> bytes:
        file, most = files[uri]
        assert limit == most
        return file

    arguments = json.dumps({"mask_image": "s3://b/mask.png"}).encode()
    found = parse_request(b"a", b"", arguments, BASE, b"s3://b/me.png", find_image=find).image
    assert found is not None
    assert found.sha256 == sha256(WHOLE).hexdigest()
    assert found.mask_sha256 == sha256(white).hexdigest()


@pytest.mark.parametrize("address", [b"s3://b/x.png", b"s3://" + b"a" * 9_000_000, b"s3://\xff"])
def test_an_image_that_is_not_found_is_a_bad_argument(address: bytes) -> None:
    asked: list[int] = []

    def find(uri: str, _limit: int) -> bytes:
        asked.append(len(uri))
        raise NoPictureError

    with pytest.raises(PictureError, match="invalid_argument: image: not an address") as caught:
        parse_request(b"a", b"", b"", BASE, address, find_image=find)
    assert "b/x" not in str(caught.value)
    assert asked[0] <= 401


def test_a_second_pass_is_planned_from_a1111_s_arguments() -> None:
    request = ask(enable_hr=True, denoising_strength=0.5, hr_upscaler="latent (BICUBIC)", steps=8)
    assert request.second_pass == SecondPass("Latent (bicubic)", 8, 1024, 1024, 0.5)
    assert (request.strength, request.size, request.width) == (None, (1024, 1024), 512)
    assert request.work == pytest.approx((512**2 * 8 + 1024**2 * 4) / 1e6)
    plain = ask(hr_scale=1.3, width=96, height=64, hr_second_pass_steps=0)
    assert plain.second_pass == SecondPass("Latent", 20, 80, 120, 0.7)
    assert ask(enable_hr=False, hr_scale=2, hr_upscaler="None").second_pass is None
    assert ask().second_pass is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"hr_scale": 3.1}, "hr_scale: the picture would be larger than 1536 pixels"),
        ({"hr_upscaler": "Latent"}, "hr_upscaler: it needs hr_scale"),
        ({"hr_scale": 2, "hr_upscaler": "ESRGAN"}, "hr_upscaler: unknown; known are Latent"),
        ({"enable_hr": 1}, "enable_hr: true or false"),
        ({"hr_scale": 2, "steps": 1, "strength": 0.5}, "strength: it leaves no step"),
        ({"hr_scale": 2, "hr_second_pass_steps": 60, "scheduler": "LCM"}, "at most 50"),
    ],
)
def test_a_second_pass_that_cannot_be_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(PictureError, match="invalid_argument") as caught:
        ask(**arguments)
    assert words in str(caught.value)


def test_a_second_pass_and_an_image_exclude_each_other() -> None:
    with pytest.raises(PictureError, match="hr_scale: not with an image"):
        parse_request(b"a", b"", b'{"hr_scale": 2}', BASE, base64.b64encode(WHOLE))


REFINED = BASE.model_copy(update={"refiner": RefinerFiles(sha256="1" * 64, files={})})


@pytest.mark.parametrize(
    ("arguments", "switch"),
    [
        ({"refiner_switch_at": 0.7}, 0.7),
        ({"denoising_end": 0.7}, 0.7),
        ({"refiner_checkpoint": "sd_xl_refiner_1.0", "refiner_switch_at": 0.7}, 0.7),
        ({"refiner_checkpoint": "sd_xl_refiner_1.0"}, 0.8),
        ({"refiner_checkpoint": "None", "refiner_switch_at": 0.8}, None),
        ({"refiner_checkpoint": None, "refiner_switch_at": 0}, None),
        ({}, None),
    ],
)
def test_a_refiner_has_diffusers_and_a1111_s_names(
    arguments: dict[str, Any], switch: float | None
) -> None:
    request = parse_request(b"a", b"", json.dumps(arguments).encode(), REFINED)
    assert request.refiner_switch_at == switch


@pytest.mark.parametrize(
    ("arguments", "base", "text"),
    [
        ({"refiner_switch_at": 0.8}, BASE, "this endpoint's base has no refiner"),
        ({"refiner_switch_at": 0.8, "hr_scale": 2}, REFINED, "not together with hr_scale"),
        ({"refiner_switch_at": 0.8, "mask_image": "YQ=="}, REFINED, "together with mask_image"),
        ({"refiner_switch_at": 1}, REFINED, "refiner_switch_at: Input should be less than 1"),
    ],
)
def test_a_refiner_that_cannot_draw_is_refused(
    arguments: dict[str, Any], base: BaseCard, text: str
) -> None:
    with pytest.raises(PictureError, match=text):
        parse_request(b"a", b"", json.dumps(arguments).encode(), base)


def test_an_absent_argument_is_the_base_s_default() -> None:
    request = ask()
    assert (request.num_inference_steps, request.guidance_scale) == (20, 5.0)
    assert (request.width, request.height) == (512, 512)
    assert request.scheduler == "EulerDiscreteScheduler"
    assert request.negative_prompt is None


def test_zero_is_a_value_not_an_absence() -> None:
    request = ask(guidance_scale=0, seed=0, lora_scale=0)
    assert (request.guidance_scale, request.seeds, request.lora_scale) == (0, (0,), 0)


def test_several_pictures_have_following_seeds_and_wrap() -> None:
    assert ask(seed=2**32 - 2, num_images_per_prompt=3).seeds == (2**32 - 2, 2**32 - 1, 0)


def test_without_a_seed_it_is_drawn_at_random() -> None:
    assert len({ask().seeds for _ in range(8)}) > 1


@pytest.mark.parametrize(
    ("arguments", "work"),
    [
        ({"num_inference_steps": 10, "width": 1000, "height": 1000}, 10.0),
        (
            {"num_inference_steps": 10, "width": 1000, "height": 1000, "num_images_per_prompt": 4},
            40.0,
        ),
        ({"num_inference_steps": 1, "width": 64, "height": 64}, 0.004096),
    ],
)
def test_work_is_pixels_times_steps_times_pictures_in_millions(
    arguments: dict[str, Any], work: float
) -> None:
    assert ask(**arguments).work == pytest.approx(work)


def test_work_from_an_image_counts_the_steps_that_are_run() -> None:
    size = {"width": 1000, "height": 1000, "num_inference_steps": 10}
    assert ask_from(WHOLE, strength=0.5, **size).work == pytest.approx(5.0)


@pytest.mark.parametrize(
    "arguments",
    [
        b"[",
        b"null",
        b'"x"',
        b'{"stepz": 3}',
        b'{"seed": 1.5}',
        b'{"seed": -2}',
        b'{"seed": -2.0}',
        b'{"seed": "1"}',
        b'{"guidance_scale": NaN}',
        b'{"guidance_scale": 1e999}',
        b'{"width": 2048}',
        b'{"num_images_per_prompt": 5}',
        b'{"scheduler": "__import__"}',
        b'{"lora_scale": true}',
        b"\xff",
        b"{" + b" " * 5000 + b"}",
        b"[" * 4000,
        b'{"a":' * 800 + b"1" + b"}" * 800,
        b'{"adapters": ' + b"[" * 400 + b"]" * 400 + b"}",
        b'{"seed": 1, "seed": 1}',
        b'{"adapters": [{"weight": 1, "weight": 2}]}',
        b'{"seed": true}',
        b'{"seed": 9223372036854775808}',
        b'{"negative_prompt": "\\ud800"}',
        '{"seed": 1}'.encode("utf-16"),
        b'{"seed": 1}\x00',
        b'{"adapters": [1, 2, 3, 4]}',
        b'{"lora_scale": -Infinity}',
    ],
)
def test_bad_arguments_are_refused(arguments: bytes) -> None:
    with pytest.raises(PictureError, match=r"^likeness/invalid_argument: "):
        parse_request(b"a", b"", arguments, BASE)


def test_a_name_that_is_given_twice_is_refused_as_it_may_mean_either_value() -> None:
    assert why(arguments=b'{"steps": 2, "steps": 50}') == (
        "gen_args: a name is given twice; give it once"
    )


def test_the_mark_that_windows_writes_before_a_text_is_no_part_of_it() -> None:
    request = parse_request("\ufeffa photo".encode(), b"", '\ufeff{"seed": 3}'.encode(), BASE)
    assert (request.prompt, request.seeds) == ("a photo", (3,))


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\x7f", "\x85".encode().decode(), "\x9b"])
def test_a_prompt_has_no_sign_that_nobody_sees(sign: str) -> None:
    if sign.isspace():
        assert ask(f"a{sign}b").prompt == f"a{sign}b"
        return
    assert why(f"a {sign}b".encode()).startswith("prompt: it has a control character")
    hidden = json.dumps({"negative_prompt": f"a{sign}"}).encode()
    assert why(arguments=hidden).startswith("negative_prompt: it has a control character")


@pytest.mark.parametrize(
    "prompt",
    [b"", b"  ", b" \xe2\x80\x8b", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"x" * 2001],
)
def test_a_prompt_is_text_of_a_sensible_length(prompt: bytes) -> None:
    with pytest.raises(PictureError, match=r"^likeness/invalid_argument: prompt: "):
        parse_request(prompt, b"", b"", BASE)


@pytest.mark.parametrize("style", STYLES)
def test_a_style_puts_words_around_both_prompts(style: Style) -> None:
    words = STYLES[style]
    request = ask("<<TOK>> {0} smiling", "hat", style=style)
    assert "<<TOK>> {0} smiling" in request.prompt
    assert request.prompt != "<<TOK>> {0} smiling"
    assert request.negative_prompt == f"hat, {words.avoided}"
    assert ask(style=style).negative_prompt == words.avoided


def test_every_style_has_words_and_no_other_is_known() -> None:
    assert tuple(STYLES) == get_args(Style)
    with pytest.raises(PictureError, match="style: "):
        ask(style="OOM")


def file_of(image: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def ask_from(file: bytes, **arguments: Any) -> PictureRequest:
    image = base64.b64encode(file)
    return parse_request(b"a photo", b"", json.dumps(arguments).encode(), BASE, image)


def test_an_image_is_cut_to_the_picture_around_its_middle() -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (80, 0, 220, 100))
    request = ask_from(file_of(wide), width=128, height=128)
    assert request.image is not None
    assert request.image.pixels.size == (128, 128)
    assert request.image.pixels.getcolors() == [(128 * 128, (0, 0, 255))]
    assert request.image.sha256 == sha256(file_of(wide)).hexdigest()
    assert request.strength == DEFAULT_STRENGTH


def test_a_photo_taken_upright_stays_upright() -> None:
    lying = Image.new("RGB", (128, 128), "white")
    lying.paste("black", (0, 0, 128, 64))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter, as telephones write it
    request = ask_from(file_of(lying, "JPEG", exif=exif, quality=95), width=64, height=64)
    assert request.image is not None
    left, right = (request.image.pixels.getpixel((x, 32)) for x in (5, 58))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 200
    assert right[0] < 50


def test_transparent_pixels_become_white() -> None:
    request = ask_from(file_of(Image.new("RGBA", (64, 64), (0, 0, 0, 0))))
    assert request.image is not None
    assert request.image.pixels.getpixel((3, 3)) == (255, 255, 255)


WHOLE = file_of(Image.new("RGB", (64, 64), "red"))


@pytest.mark.parametrize(
    "image",
    [
        b"OOM",
        base64.b64encode(b"OOM"),
        base64.b64encode(WHOLE[:-30]),
        base64.b64encode(WHOLE)[:-5],
        base64.b64encode(file_of(Image.new("RGB", (64, 64)), "GIF")),
        base64.b64encode(file_of(Image.new("1", (8000, 6000)))),
        b"A" * (MAX_IMAGE_BYTES * 4 // 3 + 8),
        b"\xff\x00",
    ],
)
def test_a_damaged_or_unknown_image_is_refused(image: bytes) -> None:
    with pytest.raises(PictureError, match=r"^likeness/invalid_argument: image: ") as caught:
        parse_request(b"a", b"", b"", BASE, image)
    assert "OOM" not in str(caught.value)


@pytest.mark.parametrize("strength", [0, 1.01, "1", None])
def test_a_strength_is_a_share(strength: object) -> None:
    if strength is None:
        assert ask_from(WHOLE, strength=None).strength == DEFAULT_STRENGTH
        return
    with pytest.raises(PictureError, match=r"^likeness/invalid_argument: strength: "):
        ask_from(WHOLE, strength=strength)


def test_a_strength_needs_an_image_and_a_step() -> None:
    with pytest.raises(PictureError, match="strength: it needs an image"):
        ask(strength=0.5)
    with pytest.raises(PictureError, match="strength: it leaves no step"):
        ask_from(WHOLE, strength=0.3, num_inference_steps=3)
    assert ask_from(WHOLE, strength=0.34, num_inference_steps=3).strength == 0.34


def mask_of(image: Image.Image, kind: str = "PNG") -> str:
    return base64.b64encode(file_of(image, kind)).decode()


def test_a_mask_is_cut_as_its_image_is_and_has_two_values() -> None:
    grey = Image.new("L", (300, 100), 0)
    grey.paste(200, (150, 0, 300, 100))
    photo = file_of(Image.new("RGB", (300, 100), "red"))
    request = ask_from(photo, width=128, height=128, mask_image=mask_of(grey))
    assert request.image is not None
    assert request.image.mask is not None
    assert request.image.mask.size == (128, 128)
    assert [request.image.mask.getpixel((x, 64)) for x in (5, 122)] == [0, 255]
    assert set(request.image.mask.tobytes()) == {0, 255}
    assert request.image.mask_sha256 == sha256(file_of(grey)).hexdigest()
    renamed = ask_from(photo, width=128, height=128, mask=mask_of(grey))
    assert renamed.image is not None
    assert renamed.image.mask_sha256 == request.image.mask_sha256


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (Image.new("L", (64, 63), 255), "its size is not the image's"),
        (Image.new("L", (64, 64), 127), "nothing in it is white"),
        (Image.new("RGBA", (64, 64), (255, 255, 255, 254)), "it is transparent"),
        (Image.new("1", (8000, 6000)), "at most 25 million pixels"),
    ],
)
def test_a_mask_that_masks_nothing_sensible_is_refused(mask: Image.Image, why: str) -> None:
    with pytest.raises(PictureError, match=f"invalid_argument: mask_image: {why}"):
        ask_from(WHOLE, mask_image=mask_of(mask))


def test_a_mask_needs_an_image_and_is_a_picture_of_a_sensible_size() -> None:
    white = mask_of(Image.new("L", (64, 64), 255))
    with pytest.raises(PictureError, match="mask_image: it needs an image"):
        ask(mask_image=white)
    with pytest.raises(PictureError, match="mask_image: not the base64"):
        ask_from(WHOLE, mask_image="OOM!")
    with pytest.raises(PictureError, match="mask_image: String should have at most"):
        ask_from(WHOLE, mask_image="A" * (MAX_MASK_CHARACTERS + 1))


def test_base64_with_line_breaks_is_read() -> None:
    broken = base64.encodebytes(WHOLE)
    assert broken.count(b"\n") > 1
    request = parse_request(b"a", b"", b"", BASE, broken.replace(b"\n", b"\r\n"))
    assert request.image is not None
    assert request.image.sha256 == sha256(WHOLE).hexdigest()


@pytest.mark.parametrize(
    "prefix",
    [
        "data:image/png;base64,",
        "DATA:image/PNG;charset=utf-8;base64, ",
        "data:application/octet-stream;base64,",
        "data:;base64,",
        " \t",
    ],
)
def test_base64_is_read_as_browsers_and_other_tools_write_it(prefix: str) -> None:
    white = mask_of(Image.new("L", (64, 64), 255))
    sent = f"{prefix}{base64.b64encode(WHOLE).decode()} ".encode()
    arguments = json.dumps({"mask_image": f"{prefix}{white}"}).encode()
    image = parse_request(b"a", b"", arguments, BASE, sent).image
    assert image is not None
    assert (image.sha256, image.mask is not None) == (sha256(WHOLE).hexdigest(), True)


@pytest.mark.parametrize("prefix", ["data:text/html;base64,", "data:image/png,", "http://a/b.png"])
def test_another_address_is_no_picture(prefix: str) -> None:
    sent = prefix.encode() + base64.b64encode(WHOLE)
    assert why(image=sent) == "image: not the base64 of a complete PNG or JPEG file"


@pytest.mark.parametrize("tag", [0x0100, 0x011B, 0x0154])
def test_a_photo_with_a_broken_exif_tag_is_turned_as_another_one_says(tag: int) -> None:
    """Pillow's exif_transpose raises struct.error or TypeError for a number that is a text."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "make"
    lying = Image.new("RGB", (128, 64), "white")
    lying.paste("black", (0, 0, 64, 64))
    whole = file_of(lying, "JPEG", exif=exif, quality=95)
    made = b"\x01\x0f\x00\x02"
    assert whole.count(made) == 1
    broken = whole.replace(made, tag.to_bytes(2, "big") + b"\x00\x02")
    image = ask_from(broken, width=64, height=128).image
    assert image is not None
    top, bottom = (image.pixels.getpixel((32, y)) for y in (5, 122))
    assert (top, bottom) == ((0, 0, 0), (255, 255, 255))


def test_an_error_never_repeats_the_user() -> None:
    with pytest.raises(PictureError) as caught:
        ask(**{"CUDA out of memory": "OOM"})
    assert "OOM" not in str(caught.value)
    assert "memory" not in str(caught.value)


def test_the_folder_of_the_base_is_checked_against_its_card(tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text(BASE.model_dump_json())
    with pytest.raises(BaseFolderError, match="contradicts itself"):
        resolve_base(str(tmp_path), tmp_path)


# --- in these words -------------------------------------------------------------------------


def why(
    prompt: bytes = b"a", negative: bytes = b"", arguments: bytes = b"", image: bytes = b""
) -> str:
    with pytest.raises(PictureError) as caught:
        parse_request(prompt, negative, arguments, BASE, image)
    return str(caught.value).removeprefix("likeness/invalid_argument: ")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"prompt": b""}, "prompt: 1 to 2000 characters"),
        ({"prompt": b"x" * 2001}, "prompt: 1 to 2000 characters"),
        ({"prompt": b"\xff"}, "prompt: the text is not UTF-8"),
        ({"negative": b"x" * 2001}, "negative_prompt: 0 to 2000 characters"),
        ({"negative": b"\xff"}, "negative_prompt: the text is not UTF-8"),
        ({"arguments": b"{" + b" " * 4096}, "gen_args: at most 4096 bytes"),
        ({"arguments": b"null"}, "gen_args: not a JSON object"),
        ({"arguments": b"["}, "gen_args: not a JSON object"),
        (
            {"arguments": b'{"adapters": [{"modell": 1}]}'},
            "adapters: Extra inputs are not permitted",
        ),
        ({"arguments": b'{"seed": -2}'}, "seed: Input should be greater than or equal to 0"),
        ({"image": b"A" * (MAX_IMAGE_BYTES * 4 // 3 + 5)}, "image: at most 6 MB"),
        ({"image": b"A"}, "image: not the base64 of a complete PNG or JPEG file"),
        (
            {"image": base64.b64encode(file_of(Image.new("1", (8000, 6000))))},
            "image: at most 25 million pixels",
        ),
        (
            {"arguments": b'{"strength": 0.5}'},
            "strength: it needs an image, and the request has none",
        ),
        (
            {
                "arguments": b'{"strength": 0.01, "num_inference_steps": 9}',
                "image": base64.b64encode(WHOLE),
            },
            "strength: it leaves no step; ask for more steps",
        ),
    ],
)
def test_a_bad_request_is_told_in_these_words(given: dict[str, bytes], text: str) -> None:
    assert why(**given) == text


def test_an_unknown_name_is_answered_with_those_that_are_known() -> None:
    assert why(arguments=b'{"stepz": 3}').startswith(
        "gen_args: unknown name; known are num_inference_steps, guidance_scale, seed, "
    )


def test_as_much_as_is_allowed_is_allowed() -> None:
    full = parse_request(b"x" * 2000, b"y" * 2000, b"{}" + b" " * 4094, BASE)
    assert (full.prompt, full.negative_prompt) == ("x" * 2000, "y" * 2000)
    assert parse_request(b"  a  ", b"  ", b"", BASE).prompt == "a"
    one_step = ask_from(WHOLE, strength=0.5, num_inference_steps=2)
    assert one_step.strength == 0.5
    large = file_of(Image.new("1", (5000, 5000)))
    assert ask_from(large, width=64, height=64).image is not None


def test_every_argument_that_is_given_stands() -> None:
    given = {
        "num_inference_steps": 7,
        "guidance_scale": 2.5,
        "seed": 2**32 - 1,
        "num_images_per_prompt": 2,
        "height": 256,
        "width": 320,
        "lora_scale": 0.5,
        "scheduler": "DDIMScheduler",
    }
    request = ask("a photo", "blurred", **given)
    assert (request.prompt, request.negative_prompt) == ("a photo", "blurred")
    assert (request.num_inference_steps, request.guidance_scale) == (7, 2.5)
    assert request.seeds == (2**32 - 1, 0)
    assert (request.height, request.width, request.lora_scale) == (256, 320, 0.5)
    assert (request.scheduler, request.image, request.strength) == ("DDIMScheduler", None, None)
    assert request.arguments.seed == 2**32 - 1
    assert request.sampling == Sampling(7, 256, 320, "DDIMScheduler", None)


def test_a_base_whose_scheduler_is_not_served_draws_with_a_chosen_one_only() -> None:
    odd = BASE.inference.model_copy(update={"scheduler": "EDMEulerScheduler"})
    base = BASE.model_copy(update={"inference": odd})
    with pytest.raises(PictureError) as caught:
        parse_request(b"a", b"", b"", base)
    assert str(caught.value) == (
        "likeness/generation_failed: "
        "the base card names a scheduler that this server does not support"
    )
    chosen = parse_request(b"a", b"", b'{"scheduler": "DDIMScheduler"}', base)
    assert chosen.scheduler == "DDIMScheduler"


# --- names of other tools -------------------------------------------------------------------


def test_another_tool_s_names_of_the_arguments_are_ours() -> None:
    theirs = ask(steps=7, cfg_scale=3.5, sampler_name="DPM++ 2M Karras", seed=4, batch_size=2)
    ours = ask(
        num_inference_steps=7,
        guidance_scale=3.5,
        scheduler="DPM++ 2M Karras",
        seed=4,
        num_images_per_prompt=2,
    )
    assert theirs == ours
    assert theirs.num_inference_steps == 7


def test_every_other_name_is_of_an_argument_and_is_none_of_ours() -> None:
    assert set(ALIASES.values()) <= set(PictureArguments.model_fields)
    assert not set(ALIASES) & set(PictureArguments.model_fields)


def test_a_seed_of_minus_one_is_a_new_one_each_time() -> None:
    requests = [ask(seed=-1) for _ in range(8)]
    assert len({request.seeds for request in requests}) > 1
    assert all(0 <= seed < 2**32 for request in requests for seed in request.seeds)
    assert requests[0].arguments.seed is None


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"steps": 3, "num_inference_steps": 4},
            "gen_args: steps and num_inference_steps are the same argument; give one of them",
        ),
        (
            {"sampler_name": "Euler", "scheduler": "DDIMScheduler"},
            "gen_args: sampler_name and scheduler are the same argument; give one of them",
        ),
        (
            {"scheduler": "LCM", "steps": 51},
            "num_inference_steps: at most 50 with this scheduler",
        ),
    ],
)
def test_arguments_that_contradict_are_named(given: dict[str, Any], text: str) -> None:
    assert why(arguments=json.dumps(given).encode()) == text


@pytest.mark.parametrize(
    ("given", "sampler"),
    [
        ({"scheduler": "Euler a"}, "Euler a"),
        ({"scheduler": " dpm++  2m KARRAS "}, "DPM++ 2M Karras"),
        ({"sampler": "DPM2"}, "DPM2"),
        ({"sampler_index": "DPM2 a Karras"}, "DPM2 a Karras"),
        ({"sampler_name": "dpmpp_2m", "scheduler": "karras"}, "DPM++ 2M Karras"),
        ({"sampler_name": "euler_ancestral", "scheduler": "normal"}, "Euler a"),
        ({"sampler_name": "DPM++ 2M SDE", "scheduler": "Exponential"}, "DPM++ 2M SDE Exponential"),
        ({"sampler_name": "dpmpp_sde_karras"}, "DPM++ SDE Karras"),
        ({"scheduler": "DDIMScheduler"}, "DDIMScheduler"),
        ({"sampler_name": "LMS", "scheduler": "Karras"}, "LMS Karras"),
        ({"sampler": "dpmpp_2m", "scheduler": "karras"}, "DPM++ 2M Karras"),
        ({"sampler_index": "Euler", "scheduler": "SGM Uniform"}, "Euler Simple"),
        ({"sampler_name": "euler_ancestral", "scheduler": "sgm_uniform"}, "Euler a Simple"),
        ({"sampler_name": "heun", "scheduler": "beta"}, "Heun Beta"),
        ({"sampler_name": "ddim", "scheduler": "ddim_uniform"}, "DDIM"),
        ({"sampler_name": "DPM++ 2M Karras", "scheduler": "Karras"}, "DPM++ 2M Karras"),
        ({"sampler_name": "DPM++ 2M Karras", "scheduler": "Automatic"}, "DPM++ 2M Karras"),
        ({"scheduler": "Automatic"}, "EulerDiscreteScheduler"),
    ],
)
def test_a_sampler_is_found_by_the_names_of_other_tools(
    given: dict[str, str], sampler: str
) -> None:
    assert ask(**given).scheduler == sampler
    assert ask(**given).arguments.scheduler in {sampler, None}


@pytest.mark.parametrize("given", [{"scheduler": "OOM"}, {"sampler": ""}, {"sampler_name": "Å"}])
def test_an_unknown_sampler_is_answered_with_those_that_are_known(given: dict[str, str]) -> None:
    text = why(arguments=json.dumps(given).encode())
    assert text.startswith("scheduler: unknown; known are DDIM, DDPM, Euler a, LCM, PLMS, TCD; al")
    assert "DPM++ 2M" in text
    assert "OOM" not in text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"sampler_name": "Euler a", "scheduler": "karras"},
            "not drawn here; the nearest one is E",
        ),
        (
            {"sampler_name": "dpmpp_2s_ancestral", "scheduler": "karras"},
            "scheduler: this sampler is not drawn here; the nearest one is DPM++ SDE Karras",
        ),
        (
            {"sampler_name": "Euler", "scheduler": "Align Your Steps"},
            "gen_args: scheduler: this spacing is not drawn here; the nearest one is Karras",
        ),
        (
            {"sampler_name": "DPM++ 2M Karras", "scheduler": "exponential"},
            "gen_args: scheduler: sampler_name ends with another spacing; give one of them",
        ),
        ({"scheduler": "karras"}, "scheduler: it is a spacing of noise levels; name a sampler as"),
    ],
)
def test_a_sampler_that_is_not_here_is_answered_with_the_nearest(
    given: dict[str, str], text: str
) -> None:
    assert text in why(arguments=json.dumps(given).encode())


def test_what_a_user_hears_fits_through_a_user_s_model() -> None:
    model = (ROOT / "functions/contracts/model_package/1/model.py").read_text()
    assert "{0,300}$" in model
    for arguments in (b'{"scheduler": "x"}', b'{"stepz": 3}'):
        assert len(why(arguments=arguments)) <= 300


def test_a_negative_prompt_may_be_an_argument() -> None:
    assert ask(negative_prompt=" hat ").negative_prompt == "hat"
    assert ask(negative="hat", negative_prompt="").negative_prompt == "hat"
    text = "negative_prompt: given as an input and in gen_args; give one of them"
    assert why(negative=b"hat", arguments=b'{"negative_prompt": "hat"}') == text


class DecodedError(Exception):
    """Pixels were decoded."""


@pytest.mark.parametrize(
    ("side", "arguments", "prompt"),
    [
        (6300, b"", b"a"),
        (64, b'{"strength": 0.01, "num_inference_steps": 9}', b"a"),
        (64, b'{"scheduler": "LCM", "num_inference_steps": 60}', b"a"),
        (64, b"", b""),
    ],
)
def test_a_start_image_of_a_refused_request_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch, side: int, arguments: bytes, prompt: bytes
) -> None:
    image = base64.b64encode(file_of(Image.new("RGB", (side, side))))

    def load(_image: Image.Image) -> None:
        raise DecodedError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(PictureError, match="likeness/invalid_argument: "):
        parse_request(prompt, b"", arguments, BASE, image)
    with pytest.raises(DecodedError):
        parse_request(b"a", b"", b"", BASE, base64.b64encode(WHOLE))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16", "LA"])
def test_an_opaque_image_has_the_pixels_that_it_has_on_white(mode: str) -> None:
    image = Image.effect_noise((32, 32), 90).convert(mode)
    white = Image.new("RGBA", image.size, "white")
    laid = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    assert put_on_white(image).tobytes() == laid.tobytes()


WEBUI: dict[str, Any] = {
    "negative_prompt": "hat",
    "styles": None,
    "seed": -1,
    "subseed": -1,
    "subseed_strength": 0,
    "seed_resize_from_h": -1,
    "seed_resize_from_w": -1,
    "sampler_name": "DPM++ 2M",
    "scheduler": "Automatic",
    "batch_size": 2,
    "n_iter": 2,
    "steps": 20,
    "cfg_scale": 7,
    "width": 512,
    "height": 768,
    "restore_faces": None,
    "tiling": False,
    "eta": None,
    "denoising_strength": None,
    "s_noise": None,
    "override_settings": {},
    "override_settings_restore_afterwards": True,
    "refiner_checkpoint": None,
    "refiner_switch_at": None,
    "disable_extra_networks": False,
    "enable_hr": False,
    "firstphase_width": 0,
    "hr_scale": 2,
    "hr_upscaler": None,
    "hr_second_pass_steps": 0,
    "hr_resize_x": 0,
    "hr_prompt": "",
    "sampler_index": "Euler",
    "script_name": None,
    "script_args": [],
    "send_images": True,
    "save_images": False,
    "alwayson_scripts": {},
}
"""The fields that the web UI's own clients send, at their defaults."""


def test_a_whole_request_of_the_web_ui_is_drawn() -> None:
    request = ask(**WEBUI)
    assert (request.scheduler, request.negative_prompt) == ("DPM++ 2M Karras", "hat")
    assert (len(request.seeds), request.size) == (4, (768, 512))
    assert (request.second_pass, request.refiner_switch_at) == (None, None)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"tiling": True}, "gen_args: tiling: it has no effect here; leave it out"),
        ({"override_settings": {"CLIP_stop_at_last_layers": 2}}, "override_settings: it has no"),
        ({"n_iter": 3}, "num_images_per_prompt: Input should be less than or equal to 4"),
        ({"n_iter": 0}, "n_iter: a whole number, at least 1"),
        ({"resize_mode": True}, "resize_mode: it has no effect here"),
        ({"tiling": 0}, "tiling: it has no effect here"),
        ({"refiner_checkpoint": 5}, "refiner_checkpoint: the name of a file"),
        ({"scheduler": "OOM"}, "scheduler: beside sampler_name it is a spacing; known are"),
        ({"init_images": ["a"]}, "init_images: no part of gen_args; send it as the input image"),
    ],
)
def test_what_the_web_ui_does_and_this_server_does_not_is_refused(
    changed: dict[str, Any], text: str
) -> None:
    assert text in why(arguments=json.dumps({**WEBUI, **changed}).encode())


SWITCHED_OFF: list[dict[str, Any]] = [
    {**WEBUI, "denoising_strength": 0.7, "seed_enable_extras": True, "infotext": ""},
    {**WEBUI, "subseed": 5, "s_tmin": 1, "s_tmax": 9, "script_args": [1]},
    {**WEBUI, "mask_blur": 4, "inpainting_fill": 0, "inpaint_full_res": True, "resize_mode": 0},
    {"mask_blur_x": 4, "inpaint_full_res_padding": 32, "denoising_strength": 0},
    {"sampler_name": "euler", "scheduler": "normal", "cfg": 7, "denoise": 1.0},
    {"prompt_strength": 0.8, "refine": "no_refiner", "high_noise_frac": 0.9, "refine_steps": 9},
]
"""Forms in which another field, or the want of an image, turns off what would change a picture."""


@pytest.mark.parametrize("form", SWITCHED_OFF)
def test_what_another_field_of_a_form_turns_off_changes_nothing(form: dict[str, Any]) -> None:
    request = ask(**form)
    assert (request.strength, request.second_pass, request.image) == (None, None, None)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"denoise": 0.5}, "strength: it needs an image"),
        ({"denoise": True}, "strength: Input should be a valid number"),
        ({"denoising_strength": 0.5}, "strength: it needs an image"),
        ({"subseed": 5, "subseed_strength": 0.1}, "subseed: it has no effect here"),
        ({"s_tmax": 9, "s_churn": 4}, "s_tmax: it has no effect here"),
        ({"script_name": "X/Y/Z plot", "script_args": [1]}, "script_name: it has no effect here"),
        ({"refine": "expert_ensemble_refiner", "high_noise_frac": 0.9}, "refine: it has no effect"),
        ({"enable_hr": True, "hr_sampler_name": "Euler a"}, "hr_sampler_name: it has no effect"),
    ],
)
def test_what_no_other_field_turns_off_is_refused(form: dict[str, Any], text: str) -> None:
    assert text in why(arguments=json.dumps(form).encode())


def test_with_an_image_or_a_mask_the_same_fields_count() -> None:
    for name in ("denoising_strength", "prompt_strength", "denoise"):
        assert ask_from(WHOLE, **{name: 0.5, "enable_hr": False}).strength == 0.5
    second = ask(enable_hr=True, denoising_strength=0.4, hr_sampler_name="Use same sampler")
    assert second.second_pass is not None
    assert second.second_pass.strength == 0.4
    white, image = mask_of(Image.new("L", (64, 64), 255)), base64.b64encode(WHOLE)
    blurred = json.dumps({"mask": white, "mask_blur": 4}).encode()
    assert "mask_blur: it has no effect here" in why(arguments=blurred, image=image)
    assert "resize_mode: it has no" in why(arguments=b'{"resize_mode": 0}', image=image)


@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("dpm++2m karras", "DPM++ 2M Karras"),
        (" DPM++_2M ", "DPM++ 2M"),
        ("DPM++ 2M SDE-Exponential", "DPM++ 2M SDE Exponential"),
        ("k_euler_a", "Euler a"),
        ("EULER", "Euler"),
        ("dpm_2_ancestral_karras", "DPM2 a Karras"),
        ("kdpm2 discrete scheduler", "KDPM2DiscreteScheduler"),
    ],
)
def test_a_sampler_is_known_however_tools_write_it(name: str, sampler: str) -> None:
    assert ask(sampler_name=name).scheduler == sampler


REPLICATE: dict[str, Any] = {
    "negative_prompt": "hat",
    "width": 512,
    "height": 512,
    "num_outputs": 1,
    "scheduler": "K_EULER",
    "num_inference_steps": 25,
    "guidance_scale": 7.5,
    "prompt_strength": 0.8,
    "refine": "no_refiner",
    "high_noise_frac": 0.8,
    "refine_steps": None,
    "apply_watermark": True,
    "lora_scale": 0.6,
    "replicate_weights": "",
    "disable_safety_checker": False,
    "output_format": "JPG",
    "output_quality": 80,
}
FAL: dict[str, Any] = {
    "image_size": "landscape_4_3",
    "num_inference_steps": 25,
    "guidance_scale": 7.5,
    "num_images": 1,
    "loras": [],
    "embeddings": [],
    "enable_safety_checker": True,
    "expand_prompt": False,
    "sync_mode": False,
    "format": "jpeg",
}


def test_the_forms_of_hosted_services_are_read() -> None:
    replicate, fal = ask(**REPLICATE), ask(**FAL)
    assert (replicate.scheduler, replicate.lora_scale, replicate.size) == ("Euler", 0.6, (512, 512))
    assert (replicate.arguments.output_format, replicate.arguments.quality) == ("jpeg", 80)
    assert (fal.size, fal.guidance_scale, fal.arguments.output_format) == ((768, 1024), 7.5, "jpeg")
    openai = ask(size="512x768", n=2, cross_attention_kwargs={"scale": 0.5})
    assert (openai.size, len(openai.seeds), openai.lora_scale) == ((768, 512), 2, 0.5)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"refine": "base_image_refiner"}, "refine: it has no effect here"),
        ({"disable_safety_checker": True}, "disable_safety_checker: it has no effect here"),
        ({"loras": [{"path": "OOM"}]}, "loras: it has no effect here"),
        ({"image_size": "OOM"}, "image_size: no size; give width and height"),
        ({"image_size": {"width": 512}}, "image_size: no size"),
        ({"image_size": "512x512", "width": 512}, "width and image_size are the same argument"),
        ({"image_size": {"width": "OOM", "height": 64}}, "width: Input should be a valid integer"),
        ({"size": "512x512", "image_size": "square"}, "width and size are the same argument"),
        ({"cross_attention_kwargs": {"gligen": 1}}, "cross_attention_kwargs: only its scale"),
        ({"cross_attention_kwargs": {"scale": 9}}, "lora_scale: Input should be less than"),
        ({"format": "gif"}, "output_format: Input should be"),
        ({"format": 5}, "output_format: Input should be"),
    ],
)
def test_what_a_hosted_service_does_and_this_server_does_not_is_refused(
    changed: dict[str, Any], text: str
) -> None:
    asked = {name: value for name, value in FAL.items() if name not in ("image_size", "format")}
    found = why(arguments=json.dumps({**asked, **changed}).encode())
    assert text in found
    assert "OOM" not in found


def test_a_whole_number_may_be_written_with_a_fraction_of_0() -> None:
    written = b'{"steps": 20.0, "seed": 7.0, "width": 64.0, "guidance_scale": 7.0}'
    request = parse_request(b"a", b"", written, BASE)
    assert (request.num_inference_steps, request.seeds, request.width) == (20, (7,), 64)
    assert (
        why(arguments=b'{"steps": 20.5}') == "num_inference_steps: Input should be a valid integer"
    )


def test_batches_are_counted_by_any_name_of_their_size() -> None:
    for name in ("batch_size", "num_images", "num_outputs", "num_images_per_prompt"):
        arguments = json.dumps({"n_iter": 2, name: 2}).encode()
        assert len(parse_request(b"a", b"", arguments, BASE).seeds) == 4


def encode_deep(maximum: int) -> bytes:
    """Return a PNG with grey values of 16 bits, dark on the left and bright on the right."""
    deep = Image.new("I;16", (64, 64), 0)
    deep.paste(Image.new("I;16", (32, 64), maximum), (32, 0))
    file = io.BytesIO()
    deep.save(file, "PNG")
    return base64.b64encode(file.getvalue())


def test_16_bits_of_grey_are_scaled_in_an_image_and_in_a_mask() -> None:
    asked = {"width": 64, "height": 64, "mask_image": encode_deep(65535).decode()}
    image = parse_request(b"a", b"", json.dumps(asked).encode(), BASE, encode_deep(32896)).image
    assert image is not None
    assert image.mask is not None
    assert [image.pixels.getpixel((x, 9)) for x in (0, 63)] == [(0, 0, 0), (128, 128, 128)]
    assert [image.mask.getpixel((x, 9)) for x in (0, 63)] == [0, 255]


def test_the_grey_of_16_bits_that_a_file_calls_transparent_becomes_white() -> None:
    file = io.BytesIO()
    Image.new("I;16", (64, 64), 700).save(file, "PNG", transparency=700)
    request = ask_from(file.getvalue(), width=64, height=64)
    assert request.image is not None
    assert request.image.pixels.getpixel((9, 9)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_image_has_the_colours_that_its_profile_says(kind: str) -> None:
    file, colour = io.BytesIO(), (220, 180, 150)
    image = Image.new("RGB", (64, 64), in_space(colour, SPACES[0]))
    image.save(file, kind, icc_profile=profile(SPACES[0]), quality=97)
    request = ask_from(file.getvalue(), width=64, height=64)
    assert request.image is not None
    assert difference(request.image.pixels.getpixel((9, 9)), colour) <= 2  # type: ignore[arg-type]


def test_a_mask_with_a_channel_that_hides_nothing_is_a_mask() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (64, 64), "white").save(file, "PNG")
    mask = base64.b64encode(file.getvalue()).decode()
    asked = json.dumps({"width": 64, "height": 64, "mask_image": mask}).encode()
    image = parse_request(b"a", b"", asked, BASE, encode_deep(9)).image
    assert image is not None
    assert image.mask is not None
    assert image.mask.getextrema() == (255, 255)


Z_IMAGE = BASE.model_copy(
    update={
        "family": "zimage",
        "prediction_type": "flow_prediction",
        "inference": InferenceDefaults(
            num_inference_steps=8, guidance_scale=0.0, scheduler="FlowMatchEulerDiscreteScheduler"
        ),
    }
)


def ask_z_image(**arguments: Any) -> PictureRequest:
    return parse_request(b"a photo", b"", json.dumps(arguments).encode(), Z_IMAGE)


@pytest.mark.parametrize(
    "arguments", [{"clip_skip": 1}, {"mask_image": "AAAA"}, {"refiner_switch_at": 0.8}]
)
def test_what_a_family_does_not_have_is_refused_with_what_it_takes(
    arguments: dict[str, Any],
) -> None:
    with pytest.raises(PictureError) as caught:
        ask_z_image(**arguments)
    (name,) = arguments
    assert f"invalid_argument: {name}: not with this endpoint's base; it takes " in str(
        caught.value
    )
    takes = str(caught.value).split("it takes ")[1]
    assert "guidance_scale" in takes
    assert name not in takes
    assert len(str(caught.value)) <= 300


def test_a_value_that_changes_nothing_is_no_refused_argument() -> None:
    nothing = {"clip_skip": None, "refiner_checkpoint": "None", "prompt_weights": False}
    assert ask_z_image(**nothing).syntax == "literal"
    assert (ask_z_image().syntax, ask().syntax) == ("tags", "weights")


@pytest.mark.parametrize(
    "sampler", ["DPM++ 2M Karras", "EulerDiscreteScheduler", "Euler a", "UniPC", "lcm"]
)
def test_a_sampler_of_another_family_is_refused_with_those_of_this_one(sampler: str) -> None:
    with pytest.raises(PictureError, match=r"it takes FlowMatchEuler.*, Euler, Euler Karras") as it:
        ask_z_image(scheduler=sampler)
    assert "invalid_argument: scheduler: not with this endpoint's base" in str(it.value)


def test_a_sampler_of_flow_matching_is_none_of_a_unet_s() -> None:
    text = why(arguments=json.dumps({"scheduler": "FlowMatchEulerDiscreteScheduler"}).encode())
    assert text.startswith("scheduler: not with this endpoint's base; it takes DDIM, DDPM")
    assert len(text) <= 300


@pytest.mark.parametrize(
    ("given", "sampler"),
    [
        ({}, "FlowMatchEulerDiscreteScheduler"),
        ({"scheduler": "flow_match_euler_discrete_scheduler"}, "FlowMatchEulerDiscreteScheduler"),
        ({"sampler_name": "euler", "scheduler": "simple"}, "Euler Simple"),
        ({"sampler_name": "Euler", "scheduler": "Karras"}, "Euler Karras"),
        ({"sampler_name": "euler", "scheduler": "beta"}, "Euler Beta"),
        ({"sampler": "euler"}, "Euler"),
    ],
)
def test_the_samplers_of_z_image_have_the_names_of_other_tools(
    given: dict[str, str], sampler: str
) -> None:
    assert ask_z_image(**given).scheduler == sampler


def test_a_side_is_a_multiple_of_what_the_family_needs() -> None:
    assert ask(width=72).width == 72
    with pytest.raises(PictureError, match="height, width: multiples of 16 with this endpoint"):
        ask_z_image(width=72)
    assert ask_z_image(hr_scale=1.3, width=96, height=64).size == (80, 112)


def test_a_part_of_a_step_is_a_whole_one_to_z_image() -> None:
    asked = json.dumps({"strength": 0.1, "num_inference_steps": 2}).encode()
    assert parse_request(b"a", b"", asked, Z_IMAGE, base64.b64encode(WHOLE)).strength == 0.1
    with pytest.raises(PictureError, match="strength: it leaves no step"):
        ask_from(WHOLE, strength=0.1, num_inference_steps=2)
