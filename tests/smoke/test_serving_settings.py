"""Operator settings and failures: watermark, a short queue, no memory, a killed base.

Runs in the serving environment.
"""

import contextlib
import io
import itertools
import os
import resource
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import numpy as np
from PIL import Image

from serving.output.watermark import BlindWatermark, read_watermark
from serving.tensors import PictureError
from tests.smoke import serving_kit as kit
from tests.smoke import tiny_pipelines

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

WATERMARK = "likeness"
QUEUE = 2
SIZE: dict[str, Any] = {"height": 256, "width": 256, "num_inference_steps": 1}


# --- the watermark, without a server -----------------------------------------------------------


def make_picture(side: int) -> Image.Image:
    """Return a picture with soft shapes, black and white areas and noise, like a photo."""
    rng = np.random.default_rng(side)
    y, x = np.mgrid[0:side, 0:side] / side
    waves = [np.sin(7 * x + 3 * y), np.cos(5 * y - 2 * x), np.sin(9 * x * y)]
    pixels = 127 + 90 * np.stack(waves, -1) + rng.normal(0, 6, (side, side, 3))
    pixels[: side // 8] = 255
    pixels[-side // 8 :] = 0
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def saved(image: Image.Image, file_format: str, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, file_format, quality=quality)
    return Image.open(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize(("file_format", "quality"), [("PNG", 0), ("JPEG", 80), ("WEBP", 80)])
def test_the_watermark_outlives_a_file_format(side: int, file_format: str, quality: int) -> None:
    marked = BlindWatermark(WATERMARK).embed(make_picture(side))
    assert read_watermark(saved(marked, file_format, quality)) == WATERMARK
    assert read_watermark(saved(make_picture(side), file_format, quality)) != WATERMARK


def test_the_watermark_cannot_be_seen() -> None:
    picture = make_picture(512)
    marked = BlindWatermark("ab").embed(picture)
    change = np.abs(np.asarray(marked, np.int16) - np.asarray(picture, np.int16))
    assert change.mean() < 4
    assert change.max() < 40
    assert read_watermark(marked) == "ab"


def test_a_picture_too_small_for_the_watermark_is_an_error() -> None:
    BlindWatermark(WATERMARK).check(256, 256)
    with pytest.raises(PictureError, match="at least 256"):
        BlindWatermark(WATERMARK).check(512, 248)


# --- a server with everything turned on --------------------------------------------------------


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SD 2 base (which predicts v) that draws 256 x 256, and an adapter."""
    root = tmp_path_factory.mktemp("models")
    kit.make_base(root / "base", "sd2")
    tiny_pipelines.write_card(root / "base", "sd2", "v_prediction", resolution=256)
    kit.make_adapter(root / "adapter", root / "base")
    return root


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[kit.Server]:
    settings = {
        "LIKENESS_WATERMARK": WATERMARK,
        "LIKENESS_QUEUE_SIZE": str(QUEUE),
        "LIKENESS_ROWS_PER_PASS": "1",  # a request of two pictures takes two passes
    }
    with kit.serving(str(models / "base"), tmp_path_factory.mktemp("serve"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def users(server: kit.Server, models: Path) -> list[kit.User]:
    packed = [kit.pack_user(models, number, models / "adapter") for number in range(6)]
    assert {server.load(user).status for user in packed} == {200}
    return packed


@pytest.mark.parametrize("output_format", ["png", "jpeg"])
def test_a_served_picture_carries_the_watermark(
    server: kit.Server, users: list[kit.User], output_format: str
) -> None:
    answer = server.draw(users[0], **SIZE, output_format=output_format)
    assert read_watermark(Image.open(io.BytesIO(answer.files[0]))) == WATERMARK


def test_pictures_that_do_not_fit_one_pass_are_drawn_in_several(
    server: kit.Server, users: list[kit.User]
) -> None:
    answer = server.draw(users[0], **SIZE, num_images_per_prompt=2, seed=1)
    alone = [server.draw(users[0], **SIZE, seed=seed).files[0] for seed in (1, 2)]
    pixels = [np.asarray(Image.open(io.BytesIO(file))) for file in (*answer.files, *alone)]
    assert len(answer.files) == 2
    assert [np.array_equal(pixels[n], pixels[n + 2]) for n in (0, 1)] == [True, True]


def test_a_request_too_small_for_the_watermark_is_refused(
    server: kit.Server, users: list[kit.User]
) -> None:
    answer = server.draw(users[0], height=128, width=512)
    assert answer.status == 400
    assert answer.error.startswith("likeness/invalid_argument: width, height: at least 256")


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process with SIGSTOP, so that its requests stay in flight."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    user, system = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_beyond_the_queue_the_answer_is_busy(server: kit.Server, users: list[kit.User]) -> None:
    """One request is drawn, QUEUE requests wait, and the others are refused at once."""
    pid, slow = server.base_pid(), SIZE | {"num_inference_steps": 40}
    before = processor_seconds(pid)
    with ThreadPoolExecutor(len(users)) as pool:
        first = pool.submit(server.draw, users[0], **slow)
        while processor_seconds(pid) < before + 0.2:  # until the base draws
            assert not first.done(), first.result().body
            time.sleep(0.01)
        others = {pool.submit(server.draw, user, **slow) for user in users[1:]}
        first_ones = itertools.islice(
            as_completed(others, timeout=kit.PATIENCE_SECONDS), len(others) - QUEUE
        )
        refused = set(first_ones)
        assert not first.done(), "the refusals did not wait for it"
    assert {answer.result().error for answer in refused} == {
        "likeness/busy: the base has too many requests, try again"
    }
    drawn = others - refused | {first}
    assert {answer.result().status for answer in drawn} == {200}


def test_a_base_without_memory_is_a_507_until_it_has_some_again(
    server: kit.Server, users: list[kit.User]
) -> None:
    """The kernel refuses the memory, so the error is a real one."""
    pid = server.base_pid()
    pages = int(Path("/proc", str(pid), "statm").read_text().split()[0])
    unlimited = resource.prlimit(pid, resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + (64 << 20)
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, unlimited[1]))
    large: dict[str, Any] = {
        "height": 1536,
        "width": 1536,
        "num_images_per_prompt": 4,
        "num_inference_steps": 1,
    }
    refused = server.draw(users[0], **large)
    assert (refused.status, refused.error) == (507, "likeness/memory_pressure: out of memory")
    resource.prlimit(pid, resource.RLIMIT_AS, unlimited)
    assert server.draw(users[0], **SIZE).status == 200
    assert server.base_pid() == pid


def test_a_base_killed_in_flight_is_restarted_and_draws(
    server: kit.Server, users: list[kit.User]
) -> None:
    before = server.draw(users[1], **SIZE)
    pid = server.base_pid()
    with ThreadPoolExecutor(1) as pool, stopped(pid):
        in_flight = pool.submit(server.draw, users[0], **SIZE, use_cache=False)
        time.sleep(0.5)  # it is in flight by now; a later request meets the restarted base
        os.kill(pid, signal.SIGKILL)
    lost = in_flight.result()
    assert lost.status == 200, lost.error  # drawn by the restarted base
    assert server.base_pid() != pid
    after = server.draw(users[1], **SIZE)
    assert after.files == before.files
    assert server.call("GET", "/ping").status == 200
