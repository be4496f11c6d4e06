"""Pictures that start from an image, and packages of older formats, on tritonserver.

Runs in the serving environment.
"""

import base64
import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import numpy as np
import torch
from diffusers import AutoPipelineForImage2Image, DPMSolverMultistepScheduler
from PIL import Image

from contracts.documents.package import RELEASED_TEXTS
from tests.smoke import serving_kit as kit

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

PROMPT = "a photo of sks person"
RELEASED = Path(__file__).with_name("released")
"""The text of users' models by package format; published packages keep the text they had."""

STEPS: dict[str, Any] = {**kit.SMALL, "num_inference_steps": 4}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    kit.make_base(root / "base", "sdxl")
    for number in (1, 2):
        kit.make_adapter(root / f"adapter{number}", root / "base", rank=4 * number, seed=number)
    return root


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for every file that the server writes."""
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def server(work: Path, models: Path) -> Iterator[kit.Server]:
    with kit.serving(str(models / "base"), work, TMPDIR=str(work)) as running:
        yield running


@pytest.fixture(scope="module")
def users(server: kit.Server, models: Path) -> list[kit.User]:
    packed = [kit.pack_user(models, n, models / f"adapter{n}") for n in (1, 2)]
    assert [server.load(user).status for user in packed] == [200, 200]
    return packed


def make_image(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((64, 64))


def encoded(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def change(server: kit.Server, user: kit.User, image: Image.Image, **arguments: Any) -> kit.Reply:
    gen_args = {**STEPS, **arguments}
    payload = kit.payload(prompt=PROMPT, gen_args=gen_args, image=encoded(image))
    return server.invoke(user, payload)


def difference(one: kit.Picture, other: kit.Picture) -> int:
    return int(np.abs(one - other).max())


def test_a_picture_from_an_image_is_the_one_that_plain_diffusers_makes(
    server: kit.Server, users: list[kit.User], models: Path
) -> None:
    pipeline = AutoPipelineForImage2Image.from_pretrained(models / "base")
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.load_lora_weights(models / "adapter1")
    expected = pipeline(
        PROMPT,
        image=make_image(1),
        strength=0.5,
        num_inference_steps=4,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(5),
    ).images[0]
    answer = change(server, users[0], make_image(1), strength=0.5)
    assert difference(answer.picture, np.array(expected, dtype=np.int16)) <= 1
    assert answer.info.strength == 0.5
    file = base64.b64decode(encoded(make_image(1)))
    assert answer.info.image_sha256 == hashlib.sha256(file).hexdigest()
    assert b"compositeWithTrainedAlgorithmicMedia" in answer.files[0]


def test_neither_the_image_nor_the_picture_is_written_to_a_file(
    server: kit.Server, users: list[kit.User], work: Path
) -> None:
    """The cached answer stays in the base's memory as well."""
    image = make_image(9)
    answers = [change(server, users[0], image, strength=0.25, seed=3) for _ in range(2)]
    assert [answer.info.cached for answer in answers] == [False, True]
    sent = encoded(image)
    parts = {
        "the image's file": base64.b64decode(sent)[:256],
        "the request": sent[:256].encode(),
        "pixels": image.tobytes()[:192],
        "the picture's file": answers[0].files[0][:256],
        "the answer": base64.b64encode(answers[0].files[0])[:256],
        "any PNG": b"\x89PNG\r\n\x1a\n",
    }
    files = [path for path in work.rglob("*") if path.is_file()]
    assert {"serve.log", "base.pid"} <= {path.name for path in files}
    found = {
        path.name: [k for k, part in parts.items() if part in path.read_bytes()] for path in files
    }
    assert {name: words for name, words in found.items() if words} == {}


def test_less_strength_keeps_more_of_the_image(server: kit.Server, users: list[kit.User]) -> None:
    image = np.array(make_image(2), dtype=np.int16)
    sweep = [change(server, users[0], make_image(2), strength=s) for s in (0.25, 1.0)]
    near, far = (float(np.abs(answer.picture - image).mean()) for answer in sweep)
    assert near != far
    assert difference(sweep[0].picture, sweep[1].picture) > 5


def test_mixed_batches_equal_single_pictures(server: kit.Server, users: list[kit.User]) -> None:
    """Requests with and without images, of equal and of different strength, run at once."""
    jobs = [
        (user, number, {"seed": number, "strength": 0.5 if number < 3 else 0.75})
        for user in users
        for number in (1, 2, 3)
    ]

    def draw(job: tuple[kit.User, int, dict[str, Any]]) -> kit.Picture:
        user, number, arguments = job
        return change(server, user, make_image(number), use_cache=False, **arguments).picture

    def draw_from_nothing(user: kit.User) -> kit.Picture:
        return server.draw(user, use_cache=False).picture

    alone = [*map(draw, jobs), *map(draw_from_nothing, users)]
    with ThreadPoolExecutor(8) as pool:
        first, second = pool.map(draw, jobs), pool.map(draw_from_nothing, users)
        together = [*first, *second]
    assert max(map(difference, alone, together)) <= 1


def test_another_image_is_another_request(server: kit.Server, users: list[kit.User]) -> None:
    change(server, users[0], make_image(4), seed=90)
    again, other, nothing = (
        change(server, users[0], make_image(4), seed=90),
        change(server, users[0], make_image(5), seed=90),
        server.draw(users[0], PROMPT, **{**STEPS, "seed": 90}),
    )
    assert [answer.info.cached for answer in (again, other, nothing)] == [True, False, False]


def test_a_bad_image_is_a_400_that_repeats_no_user_text(
    server: kit.Server, users: list[kit.User]
) -> None:
    for image in ("OOM", base64.b64encode(b"No space left on device").decode()):
        answer = server.invoke(users[0], kit.payload(prompt="a", image=image))
        assert (answer.status, answer.error) == (
            400,
            "likeness/invalid_argument: image: not the base64 of a complete PNG or JPEG file",
        )
    answer = server.draw(users[0], strength=0.5)
    assert answer.error == (
        "likeness/invalid_argument: strength: it needs an image, and the request has none"
    )


def test_a_large_photo_is_taken(server: kit.Server, users: list[kit.User]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1150, 1150, 3), dtype=np.uint8)
    answer = change(
        server, users[0], Image.fromarray(noise)
    )  # four million bytes, and a third more in base64
    assert answer.picture.shape == (64, 64, 3)


@pytest.mark.parametrize("package_format", sorted(path.name for path in RELEASED.iterdir()))
def test_a_package_of_an_older_format_still_draws(
    server: kit.Server, users: list[kit.User], models: Path, tmp_path: Path, package_format: str
) -> None:
    user = kit.pack_user(tmp_path, 9, models / "adapter1")
    texts = {
        "model.py.txt": user.adapter.with_name("model.py"),
        "config.pbtxt": user.adapter.parents[1] / "config.pbtxt",
    }
    for name, path in texts.items():
        path.write_bytes((RELEASED / package_format / name).read_bytes())
        assert hashlib.sha256(path.read_bytes()).hexdigest() in RELEASED_TEXTS
    if package_format == "format_1":
        user.adapter.with_name("package.json").unlink()
    assert server.load(user).status == 200
    assert server.draw(user).files == server.draw(users[0]).files
    # Image input exists since package format 3.
    expected = 400 if package_format < "format_3" else 200
    assert change(server, user, make_image(1)).status == expected
    server.unload(user)
