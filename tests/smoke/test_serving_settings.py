"""Operator settings and failures: marks, a short queue, no memory, a killed base.

Runs in the serving environment.
"""

import contextlib
import io
import itertools
import json
import os
import resource
import shutil
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

from contracts.marks import verifying
from contracts.shared.pictures.mark_keys import MarkSecret, mark_id
from tests.smoke import serving_kit as kit
from tests.smoke import tiny_pipelines

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

SECRET = MarkSecret(seed="a seed of the tests, 40 letters or more")
LABEL = "made by AI"
OTHER = "5" * 32
"""Id of the last user's model."""

QUEUE = 2
SIZE: dict[str, Any] = {"height": 256, "width": 256, "num_inference_steps": 1}


# --- a server with everything turned on --------------------------------------------------------


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SD 2 base (which predicts v) that draws 256 x 256, and an adapter of two models."""
    root = tmp_path_factory.mktemp("models")
    kit.make_base(root / "base", "sd2")
    tiny_pipelines.write_card(root / "base", "sd2", "v_prediction", resolution=256)
    kit.make_adapter(root / "adapter", root / "base")
    shutil.copytree(root / "adapter", root / "other")
    kit.write_manifest(root / "other", root / "base", 4, job_id=OTHER)
    return root


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[kit.Server]:
    secret = tmp_path_factory.mktemp("secret") / "marks.json"
    secret.write_text(SECRET.model_dump_json())
    settings = {
        "LIKENESS_MARKS_SECRET": str(secret),
        "LIKENESS_VISIBLE_LABEL": LABEL,
        "LIKENESS_QUEUE_SIZE": str(QUEUE),
        "LIKENESS_ROWS_PER_PASS": "1",  # a request of two pictures takes two passes
    }
    with kit.serving(str(models / "base"), tmp_path_factory.mktemp("serve"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def users(server: kit.Server, models: Path) -> list[kit.User]:
    packed = [kit.pack_user(models, number, models / "adapter") for number in range(5)]
    packed.append(kit.pack_user(models, 5, models / "other"))
    assert {server.load(user).status for user in packed} == {200}
    return packed


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_a_served_picture_carries_both_layers(
    server: kit.Server, users: list[kit.User], output_format: str
) -> None:
    answer = server.draw(users[0], **SIZE, seed=3, output_format=output_format)
    verdict = verifying.verify(answer.files[0], SECRET)
    assert (verdict.credentials, verdict.model, verdict.stated) == ("ours", "0" * 32, "present")
    assert verdict.watermark is not None
    assert verdict.watermark_key is not None
    assert verdict.watermark.ident == mark_id(verdict.watermark_key, "0" * 32)
    again = server.draw(users[0], **SIZE, seed=3, output_format=output_format)
    assert again.info.cached
    assert again.files == answer.files


@pytest.mark.parametrize(
    ("own", "other", "model"),
    [(0, 1, OTHER), (0.5, 0.6, OTHER), (0.5, 0.5, "0" * 32), (0, 0, None)],
)
def test_a_mixed_picture_names_the_strongest_model(
    server: kit.Server, users: list[kit.User], own: float, other: float, model: str | None
) -> None:
    """A report of the picture finds who is on it, whatever model it was asked of."""
    mix = [{"model": users[5].target, "weight": other}]
    answer = server.draw(users[0], **SIZE, seed=6, lora_scale=own, adapters=mix)
    verdict = verifying.verify(answer.files[0], SECRET)
    named = model or answer.info.base_sha256
    assert (verdict.credentials, verdict.model) == ("ours", named)


def test_the_visible_label_is_dark_ground_in_the_corner(
    server: kit.Server, users: list[kit.User]
) -> None:
    picture = server.draw(users[0], **SIZE, seed=4).picture
    ground = np.median(picture[-10:-2, -20:], axis=(0, 1))
    assert ground.max() < 40


def test_pictures_that_do_not_fit_one_pass_are_drawn_in_several(
    server: kit.Server, users: list[kit.User]
) -> None:
    answer = server.draw(users[0], **SIZE, num_images_per_prompt=2, seed=1)
    alone = [server.draw(users[0], **SIZE, seed=seed).files[0] for seed in (1, 2)]
    pixels = [np.asarray(Image.open(io.BytesIO(file))) for file in (*answer.files, *alone)]
    assert len(answer.files) == 2
    assert [np.array_equal(pixels[n], pixels[n + 2]) for n in (0, 1)] == [True, True]


def test_a_picture_too_small_for_the_watermark_says_so_and_is_counted(
    server: kit.Server, users: list[kit.User]
) -> None:
    answer = server.draw(users[0], height=128, width=512, num_inference_steps=1, seed=5)
    assert answer.status == 200
    verdict = verifying.verify(answer.files[0], SECRET)
    assert (verdict.credentials, verdict.watermark, verdict.stated) == ("ours", None, "too-small")
    lines = [line for line in server.log.read_text().splitlines() if '"Unwatermarked"' in line]
    assert json.loads(lines[-1][lines[-1].index("{") :])["Unwatermarked"] == 1


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


@pytest.mark.thorough
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
    assert np.array_equal(after.picture, before.picture)  # a manifest has an id of its own
    assert server.call("GET", "/ping").status == 200
