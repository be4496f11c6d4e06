"""A drawn picture is marked in both layers, and both are read again after edits."""

import io
import json
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from PIL import Image

from contracts.marks import certificates, credentials, verifying, watermark
from contracts.marks.marking import Marker, MarkSettings, Origin, Output
from contracts.marks.metadata import CHANGED, GENERATED, Format
from contracts.marks.settings import MarkSettingError, settings_of
from contracts.shared.pictures.mark_keys import (
    MarkKeys,
    MarkSecret,
    MarkSecretError,
    derive_keys,
    mark_id,
    marking_keys,
    task_keys,
)

SECRET, OTHER = MarkSecret(seed="s" * 32), MarkSecret(seed="t" * 32)
MODEL = "0123456789abcdef" * 2
ORIGIN = Origin(MODEL, "Likeness model 0123 seed 7")


def picture(side: int, seed: int = 0) -> Image.Image:
    """Soft shapes and grain, as a drawn portrait has them."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    smooth = np.asarray(shapes.resize((side, side), Image.Resampling.BICUBIC), np.float32)
    grainy = smooth + rng.normal(0, 4, (side, side, 1))
    return Image.fromarray(grainy.clip(0, 255).astype(np.uint8))


def marked(side: int = 320, output: Format = "png", **settings: object) -> bytes:
    marker = Marker(marking_keys(SECRET, "serving"), MarkSettings(**settings))  # type: ignore[arg-type]
    return marker.mark(picture(side), ORIGIN, Output(output, 90)).file


def jpeg(image: Image.Image, quality: int = 75) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def half(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def cropped(image: Image.Image) -> Image.Image:
    width, height = image.size
    return image.crop((width // 20, height // 25, width * 19 // 20, height * 24 // 25))


@pytest.mark.parametrize("output", ["png", "jpeg", "webp"])
def test_both_layers_say_whose_stack_made_it(output: Format) -> None:
    file = marked(output=output)
    verdict = verifying.verify(file, SECRET)
    assert (verdict.credentials, verdict.model, verdict.stated) == ("ours", MODEL, "present")
    assert verdict.watermark is not None
    assert verdict.watermark_key == derive_keys(SECRET.seed, "serving").watermark
    assert verdict.watermark.ident == mark_id(verdict.watermark_key, MODEL)
    assert verdict.made_here


def test_another_operator_sees_a_signer_who_is_not_theirs_and_no_watermark() -> None:
    verdict = verifying.verify(marked(256), OTHER)
    assert (verdict.credentials, verdict.model, verdict.watermark) == ("others", None, None)
    assert not verdict.made_here


@pytest.mark.parametrize("edit", [jpeg, half, cropped, lambda image: jpeg(half(image))])
def test_the_watermark_outlives_edits_that_lose_the_manifest(
    edit: Callable[[Image.Image], Image.Image],
) -> None:
    with Image.open(io.BytesIO(marked(512))) as image:
        edited = edit(image.convert("RGB"))
    file = io.BytesIO()
    edited.save(file, "PNG")
    verdict = verifying.verify(file.getvalue(), SECRET)
    assert verdict.credentials == "absent"
    assert verdict.watermark is not None
    assert verdict.watermark.ident == mark_id(derive_keys(SECRET.seed, "serving").watermark, MODEL)


def of_training(job_id: str, claimed: str | None = None, secret: MarkSecret = SECRET) -> bytes:
    """Return a picture that the training of a job has marked, as another job's if it is."""
    keys = task_keys(derive_keys(secret.seed, "training"), job_id)
    origin = Origin(claimed or job_id, "Likeness training")
    return Marker(keys).mark(picture(320), origin, Output()).file


def test_a_training_s_pictures_are_recognised_by_the_key_of_their_job() -> None:
    for secret in (SECRET, MarkSecret(seed="n" * 32, previous_seeds=(SECRET.seed,))):
        verdict = verifying.verify(of_training(MODEL), secret)
        assert (verdict.credentials, verdict.model) == ("ours", MODEL)
        assert verdict.watermark is not None
        assert verdict.watermark_key == derive_keys(SECRET.seed, "training").watermark
    stranger = verifying.verify(of_training(MODEL), OTHER)
    assert (stranger.credentials, stranger.watermark) == ("others", None)


def test_the_key_of_one_job_signs_for_no_other_job() -> None:
    other = "f" * 32
    verdict = verifying.verify(of_training(other, claimed=MODEL), SECRET)
    assert (verdict.credentials, verdict.model) == ("others", None)


def test_a_job_s_key_is_neither_the_stack_s_nor_another_job_s() -> None:
    own = MarkSecret(seed="s" * 32, certificates="chain", private_key="the operator's own")
    training = derive_keys(own.seed, "training")
    keys = task_keys(training, MODEL)
    assert keys.certificates is keys.private_key is None
    signing = {keys.signing, training.signing, task_keys(training, "f" * 32).signing}
    assert len(signing | {derive_keys(own.seed, "serving").signing}) == 4
    assert keys.watermark != derive_keys(own.seed, "serving").watermark


def test_a_previous_seed_still_counts() -> None:
    rotated = MarkSecret(seed="n" * 32, previous_seeds=(SECRET.seed,))
    verdict = verifying.verify(marked(256), rotated)
    assert (verdict.credentials, verdict.model) == ("ours", MODEL)
    assert verdict.watermark is not None


def test_changed_pixels_under_an_old_manifest_are_called_damaged() -> None:
    file = bytearray(marked(64, "jpeg"))
    file[-40] ^= 255
    assert verifying.verify(bytes(file), SECRET).credentials == "damaged"


def test_a_small_picture_has_no_watermark_and_its_manifest_says_so() -> None:
    marker = Marker(marking_keys(SECRET, "serving"))
    small, large = (marker.mark(picture(side), ORIGIN, Output()) for side in (255, 256))
    assert (small.has_watermark, large.has_watermark) == (False, True)
    assert verifying.verify(small.file, SECRET).stated == "too-small"
    with pytest.raises(ValueError, match="256"):
        watermark.embed(picture(255), watermark.pattern_of(b"k" * 32), 1)


def test_a_layer_that_is_off_is_left_out() -> None:
    bare = verifying.verify(marked(256, watermark=False, credentials=False), SECRET)
    assert (bare.credentials, bare.watermark) == ("absent", None)
    assert verifying.verify(marked(256, watermark=False), SECRET).stated == "off"
    assert verifying.verify(marked(256, credentials=False), SECRET).watermark is not None


def test_the_manifest_holds_no_thumbnail_no_seed_and_no_prompt() -> None:
    file = marked(256)
    found = credentials.read_manifest(file, "png", [])
    assert found is not None
    manifest = found[1]
    assert "thumbnail" not in json.dumps(manifest)
    assert len(file) - len(marked(256, credentials=False)) < 20_000
    labels = [one["label"] for one in manifest["assertions"]]
    assert labels == ["c2pa.actions.v2", "com.likeness.marks"]
    assert manifest["assertions"][1]["data"] == {"model": MODEL, "watermark": "present"}
    (action,) = manifest["assertions"][0]["data"]["actions"]
    assert action["digitalSourceType"] == GENERATED
    made = datetime.fromisoformat(action["when"])
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=5)
    assert verifying.verify(file, SECRET).made_at == action["when"]
    changed = Marker(marking_keys(SECRET, "serving")).mark(
        picture(64), Origin(MODEL, "x", changed=True), Output()
    )
    assert CHANGED.encode() in changed.file


def test_the_mark_can_hardly_be_seen() -> None:
    before = picture(512)
    after = watermark.embed(before, watermark.pattern_of(b"k" * 32), 7)
    change = np.asarray(after, np.float32) - np.asarray(before, np.float32)
    assert 0 < (change**2).mean() < 65025 / 10**3.8  # 38 dB


def test_a_picture_without_a_mark_has_none() -> None:
    patterns = [watermark.pattern_of(key * 32) for key in (b"a", b"b")]
    assert watermark.read(picture(256, 3), patterns) is None


def test_a_visible_label_is_drawn_in_the_corner_only() -> None:
    plain, labelled = (
        Marker(None, MarkSettings(label=text)).mark(picture(128), ORIGIN, Output()).file
        for text in ("", "made by AI")
    )
    before, after = (np.asarray(Image.open(io.BytesIO(file))) for file in (plain, labelled))
    assert np.array_equal(before[:100], after[:100])
    assert (after[-4:, -30:].max(axis=2) < 40).mean() > 0.3


@pytest.mark.parametrize("name", ["LIKENESS_WATERMARK", "LIKENESS_CONTENT_CREDENTIALS"])
def test_a_switch_is_on_unless_it_says_off(name: str) -> None:
    assert settings_of({}) == settings_of({name: "on"}) == MarkSettings()
    assert settings_of({name: "off"}) != MarkSettings()
    with pytest.raises(MarkSettingError, match=f"{name} must be on or off"):
        settings_of({name: "yes"})


def test_certificates_are_the_same_in_every_container() -> None:
    keys = derive_keys(SECRET.seed, "serving")
    chain = certificates.credentials_of(keys)
    assert chain == certificates.credentials_of(keys)
    leaf, root = x509.load_pem_x509_certificates(chain.certificates.encode())
    leaf.verify_directly_issued_by(root)
    assert certificates.root_pem(keys) in chain.certificates
    assert certificates.root_pem(derive_keys(OTHER.seed, "serving")) != certificates.root_pem(keys)


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    encoded: bytes = key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    )
    return encoded.decode()


def test_an_operators_own_certificate_signs_and_counts_as_theirs() -> None:
    own = certificates.credentials_of(derive_keys("x" * 32, "serving"))
    secret = MarkSecret(
        seed=SECRET.seed, certificates=own.certificates, private_key=own.private_key
    )
    file = Marker(marking_keys(secret, "serving")).mark(picture(64), ORIGIN, Output()).file
    assert verifying.verify(file, secret).credentials == "ours"
    assert verifying.verify(file, SECRET).credentials == "others"
    retired = MarkSecret(seed=SECRET.seed, previous_certificates=(own.certificates,))
    assert verifying.verify(file, retired).credentials == "ours"


def test_others_with_a_certificate_of_the_same_issuer_are_others() -> None:
    """The chain's root may belong to an authority with many customers."""
    end = "-----END CERTIFICATE-----\n"
    strangers = certificates.credentials_of(derive_keys("x" * 32, "serving"))
    root = strangers.certificates.split(end)[1] + end
    ours = certificates.credentials_of(derive_keys(SECRET.seed, "serving"))
    chain = ours.certificates.split(end)[0] + end + root
    secret = MarkSecret(seed="n" * 32, certificates=chain, private_key=ours.private_key)
    file = Marker(derive_keys("x" * 32, "serving")).mark(picture(64), ORIGIN, Output()).file
    assert verifying.verify(file, secret).credentials == "others"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("not PEM", "is not PEM"),
        (pem(rsa.generate_private_key(65537, 2048)), "not an EC key on P-256"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "does not belong"),
    ],
)
def test_credentials_that_cannot_sign_are_refused(key: str, reason: str) -> None:
    chain = certificates.credentials_of(derive_keys("x" * 32, "serving")).certificates
    with pytest.raises(MarkSecretError, match=reason):
        Marker(MarkKeys(b"w" * 32, b"s" * 32, chain, key)).prepare()


@pytest.mark.parametrize("file", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n cut off"])
def test_what_is_no_picture_is_an_error(file: bytes) -> None:
    with pytest.raises(verifying.UnreadablePictureError):
        verifying.verify(file, SECRET)


@pytest.mark.parametrize(
    ("kind", "data"), [(b"gAMA", b"\0"), (b"tRNS", b"\0"), (b"iCCP", b""), (b"cHRM", b"\0")]
)
def test_a_chunk_that_is_too_short_is_a_damaged_picture(kind: bytes, data: bytes) -> None:
    """Pillow raises struct.error and IndexError there."""
    file = io.BytesIO()
    (exif := Image.Exif())[0x0112] = 6  # else Pillow looks for it at the end, where nothing raises
    picture(16).save(file, "PNG", exif=exif)
    head, end = file.getvalue()[:-12], file.getvalue()[-12:]
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with pytest.raises(verifying.UnreadablePictureError):
        verifying.open_picture(head + chunk + end)


def test_a_telephone_s_jpeg_with_a_second_picture_in_it_is_read() -> None:
    """Pillow calls it MPO, not JPEG."""
    file = io.BytesIO()
    picture(64).save(file, "MPO", save_all=True, append_images=[picture(64, seed=1)])
    verdict = verifying.verify(file.getvalue(), SECRET)
    assert (verdict.credentials, verdict.watermark, verdict.size) == ("absent", None, (64, 64))


@pytest.mark.parametrize("side", [9_000, 30_000, 2**31 - 1])
def test_a_picture_that_is_too_large_is_told_so(side: int) -> None:
    file = b"\x89PNG\r\n\x1a\n"
    size = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    for kind, data in ((b"IHDR", size), (b"IDAT", b"")):
        file += (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )
    with pytest.raises(verifying.UnreadablePictureError, match="more than 64 million pixels"):
        verifying.verify(file, SECRET)


def test_the_code_beside_an_id_depends_on_the_key() -> None:
    codes = {
        tuple(watermark.pattern_of(bytes([number]) * 32).word(7)[: watermark.CODE_BITS])
        for number in range(4)
    }
    assert len(codes) == 4, "without the key nobody can write a mark that is believed"
