"""What the child does with good, odd and hostile files; in this process, without its limits."""

import io
import struct
import zlib
from collections.abc import Callable
from datetime import date

import pytest
from PIL import Image, ImageChops, ImageCms, ImageFilter, ImageStat

from bench.intake.pictures import heic, scene
from contracts.shared.rejection import PhotoRejectedError
from runtime.imaging.decode import answer
from runtime.imaging.exif import EXIF_FOLDER, TAKEN
from runtime.imaging.sandbox import format_of
from tests.fakes.pictures import encoded, picture

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture with this mark upright."""
LIMITS = {"min_side": 64, "max_side": 2048, "max_pixels": 50_000_000}


def read(body: bytes, **limits: int) -> tuple[Image.Image, list[str]]:
    facts, png = answer(body, {"kind": format_of(body), **LIMITS, **limits})
    if "refused" in facts:
        raise PhotoRejectedError(facts["refused"])
    image = Image.open(io.BytesIO(png))
    assert (image.mode, image.format) == ("RGB", "PNG")
    assert image.size == (facts["width"], facts["height"])
    assert not image.info
    return image, facts["codes"]


def refusal(body: bytes, **limits: int) -> str:
    with pytest.raises(PhotoRejectedError) as caught:
        read(body, **limits)
    return str(caught.value)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_a_plain_photo_passes_as_it_is(name: str) -> None:
    image, codes = read(encoded(picture(), name))
    assert image.size == (80, 96)
    assert codes == []


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_camera_mark_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image, codes = read(encoded(picture(), "PNG", exif=exif))
    assert codes == ["rotated"]
    assert image.size == ((96, 80) if orientation > 4 else (80, 96))
    corners = [image.getpixel(at) for at in ((2, 2), (image.width - 3, 2))]
    lower = [image.getpixel((2, image.height - 3))]
    assert ((255, 0, 0) in corners + lower) == (orientation not in {3, 7})


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_iphone_photo_is_upright_once(orientation: int) -> None:
    stored = scene(size=(120, 96))
    image, _ = read(heic(orientation, size=(120, 96)))
    wanted = stored.transpose(UPRIGHT[orientation]) if orientation > 1 else stored
    assert image.size == wanted.size
    difference = ImageStat.Stat(ImageChops.difference(image, wanted)).mean
    assert max(difference) < 12  # losses of the format at hard edges, not another picture


def test_a_heif_container_of_avif_is_read_as_avif() -> None:
    body = encoded(picture(), "AVIF").replace(b"ftypavif", b"ftypmif1", 1)
    assert format_of(body) == "AVIF"
    assert read(body)[0].size == (80, 96)


def test_a_broken_mark_is_no_mark() -> None:
    body = encoded(picture(), "JPEG", exif=b"Exif\x00\x00garbage")
    assert read(body)[1] == []


@pytest.mark.parametrize(
    ("mode", "name"),
    [("L", "PNG"), ("1", "PNG"), ("P", "PNG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("LA", "PNG")],
)
def test_every_mode_becomes_rgb(mode: str, name: str) -> None:
    source = picture().convert("L").convert(mode) if mode == "LA" else picture(mode=mode)
    assert read(encoded(source, name))[1] == ["converted"]


def test_transparency_lies_on_white() -> None:
    source = picture(mode="RGBA")
    source.paste((1, 2, 3, 0), (40, 40, 80, 96))
    image, _ = read(encoded(source, "PNG"))
    assert image.getpixel((60, 60)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    source = Image.new("I;16", (80, 80))
    source.paste(257 * 128, (0, 0, 80, 40))
    image, codes = read(encoded(source, "PNG"))
    assert codes == ["converted"]
    assert image.getpixel((5, 5)) == (128, 128, 128)


def test_a_wide_colour_profile_is_applied() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert read(encoded(picture(), "PNG", icc_profile=srgb))[1] == []
    assert read(encoded(picture(), "PNG", icc_profile=lab))[1] == []
    assert read(encoded(picture(), "PNG", icc_profile=b"broken"))[1] == []


def test_nothing_of_the_metadata_remains() -> None:
    exif = Image.Exif()
    exif[0x010E] = "<script>secret</script>"
    body = encoded(picture(), "JPEG", exif=exif, comment=b"secret")
    _, png = answer(body, {"kind": "JPEG", **LIMITS})
    assert b"secret" in body
    assert b"secret" not in png


@pytest.mark.parametrize("name", ["PNG", "WEBP", "AVIF", "JPEG"])
def test_no_profile_is_in_the_copy(name: str) -> None:
    assert read(encoded(picture(), name, icc_profile=b"no profile"))[1] == []


def test_a_very_large_photo_is_scaled_down() -> None:
    image, codes = read(encoded(picture(size=(400, 300))), max_side=200)
    assert image.size == (200, 150)
    assert codes == ["downscaled"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: b"", "not_an_image"),
        (lambda: b"<html>not found</html>", "not_an_image"),
        (lambda: encoded(picture(), "GIF"), "format_not_taken"),
        (lambda: encoded(picture(), "TIFF"), "format_not_taken"),
        (lambda: encoded(picture())[:-200], "damaged_image"),
        (lambda: encoded(picture(), "PNG")[:150], "damaged_image"),
        (lambda: b"\xff\xd8\xff\xd9", "damaged_image"),
        (lambda: b"RIFF\x04\x00\x00\x00WEBP", "damaged_image"),
        (lambda: encoded(picture(size=(63, 200))), "too_small"),
        (lambda: encoded(picture(size=(70, 290))), "too_elongated"),
        (lambda: encoded(Image.new("RGB", (80, 80), "blue")), "blank_image"),
        (lambda: encoded(Image.new("RGBA", (80, 80), (9, 9, 9, 0)), "PNG"), "blank_image"),
    ],
)
def test_what_is_no_photo_is_refused_with_its_reason(make: Callable[[], bytes], code: str) -> None:
    assert refusal(make()) == code


def test_pixels_are_counted_before_they_are_decoded() -> None:
    assert refusal(bomb(13_000, 13_000)) == "too_many_pixels"
    assert refusal(bomb(60_000, 60_000)) == "too_many_pixels"


def test_what_moves_is_refused() -> None:
    frames = [picture(n) for n in range(3)]
    for name in ("WEBP", "PNG"):
        body = encoded(frames[0], name, save_all=True, append_images=frames[1:])
        assert refusal(body) == "animated_image"


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        length, check = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
        return length + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def test_rows_that_are_missing_are_noticed() -> None:
    body = encoded(picture(size=(80, 300)), "PNG")
    chunk = body.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", body, chunk)
    pixels = zlib.decompress(body[chunk + 8 : chunk + 8 + length])
    data = zlib.compress(pixels[: len(pixels) // 5])
    check = struct.pack(">I", zlib.crc32(b"IDAT" + data))
    cut = struct.pack(">I", len(data)) + b"IDAT" + data + check
    assert refusal(body[:chunk] + cut + body[chunk + 12 + length :]) == "damaged_image"


def test_interlaced_and_narrow_rows_are_whole() -> None:
    assert read(encoded(picture(mode="P", size=(81, 97)), "PNG", bits=4))[1] == ["converted"]
    assert read(encoded(picture(mode="1", size=(83, 97)), "PNG"))[1] == ["converted"]


def test_avif_is_taken_and_a_film_is_named() -> None:
    assert read(encoded(picture(), "AVIF"))[1] == []
    assert refusal(b"\0\0\0\x18ftyphevc" + bytes(50)) == "format_not_taken"
    assert refusal(b"%PDF-1.7") == "format_not_taken"


def test_the_metrics_separate_sharp_from_blurred_and_light_from_dark() -> None:
    sharp = Image.effect_noise((300, 300), 60).convert("RGB")
    metrics = [
        answer(encoded(image, "PNG"), {"kind": "PNG", **LIMITS})[0]["metrics"]
        for image in (
            sharp,
            sharp.filter(ImageFilter.GaussianBlur(9)),
            sharp.point(lambda v: v // 20),
        )
    ]
    assert metrics[0]["sharpness"] > 5 * metrics[1]["sharpness"]
    assert metrics[0]["brightness"] > 5 * metrics[2]["brightness"]


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2019:08:21 10:00:00", date(2019, 8, 21)),
        ("2019-08-21", date(2019, 8, 21)),
        ("0000:00:00 00:00:00", None),
        ("\x00\xff", None),
        (None, None),
    ],
)
def test_the_day_of_a_photo_is_read_and_a_broken_one_is_none(
    written: str | None, day: date | None
) -> None:
    exif = Image.Exif()
    if written is not None:
        exif.get_ifd(EXIF_FOLDER)[TAKEN] = written
    body = encoded(picture(), "JPEG", exif=exif)
    facts, png = answer(body, {"kind": "JPEG", **LIMITS})
    assert facts["taken"] == (None if day is None else day.toordinal())
    assert not Image.open(io.BytesIO(png)).getexif()
