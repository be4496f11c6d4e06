"""The engine on a small base: whatever joins or leaves, every picture is the one drawn alone.

Runs in the serving environment.
"""

import random
from itertools import groupby
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import numpy as np
import torch
from PIL import Image

from contracts.shared.pictures.samplers import CLASSES, SAMPLERS
from serving.adapters.reader import Adapter, AdapterReader
from serving.engine.engine import Engine
from serving.engine.failures import is_shortage
from serving.engine.jobs import Bucket, Job
from serving.engine.memory import MemoryPlan, peak_bytes, trace_needs, trace_unet
from serving.engine.shortages import DECODING, RECOVERY_PASSES, Shortages
from serving.engine.speed import Speed
from serving.engine.warm_up import make_plan, try_plan
from serving.generator import Generator, to_image
from serving.picture_request import Sampling
from serving.rows import Row
from tests.smoke import serving_kit as kit

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

GIGABYTE = 1 << 30
ADMITTED_SIDE = 1536
A10G_BYTES = 24 * GIGABYTE
"""Memory of an A10G (ml.g5)."""


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    folder = tmp_path_factory.mktemp("engine") / "base"
    kit.make_base(folder, "sdxl")
    return Generator(folder, torch.device("cpu"))


@pytest.fixture(scope="module")
def adapters(generator: Generator, tmp_path_factory: pytest.TempPathFactory) -> list[Adapter]:
    root = tmp_path_factory.mktemp("adapters")
    reader = AdapterReader(
        generator.card.sha256, generator.layers, generator.device, generator.dtype
    )
    for number in range(3):
        kit.make_adapter(root / str(number), generator.folder, rank=2 + number, seed=number)
    return [reader.read(root / str(number)) for number in range(3)]


def any_row(chance: random.Random, adapters: list[Adapter]) -> Row:
    """Return a row with everything chosen at random."""
    image, strength = None, None
    if chance.random() < 0.25:
        noise = np.random.default_rng(chance.randrange(99)).integers(0, 255, (4, 4, 3), np.uint8)
        image, strength = Image.fromarray(noise).resize((64, 64)), chance.choice([0.5, 0.9])
    sampling = Sampling(chance.randint(2, 7), 64, 64, chance.choice([*SAMPLERS]), strength)
    mixes: list[Any] = [(), *(((one, chance.choice([0.5, 1.0])),) for one in adapters)]
    return Row(
        prompt=chance.choice(["a photo", "sks in a hat", "a " * 80]),
        negative_prompt=chance.choice([None, "hat"]),
        seed=chance.randrange(2**32),
        guidance_scale=chance.choice([1.0, 2.5, 7.0]),
        sampling=sampling,
        mix=chance.choice([*mixes, tuple((one, 0.7) for one in adapters[:2])]),
        image=image,
    )


def test_rows_that_join_and_leave_at_random_are_the_pictures_drawn_alone(
    generator: Generator, adapters: list[Adapter]
) -> None:
    chance = random.Random(1)  # noqa: S311 (a test)
    rows = [any_row(chance, adapters) for _ in range(12)]
    engine = Engine(generator, kit.PLENTY, Speed(1e6, 1e-3, 1e-3), 4)
    jobs: dict[int, Job] = {}
    left = {3, 9}
    for number, row in enumerate(rows):
        jobs[number] = kit.submit(engine, generator, number, row)
        for _ in range(chance.randint(0, 3)):
            engine.tick()
        if number in left:
            engine.drop(f"request{number}")
    while engine.tick():
        pass
    assert engine.counts.passes < engine.counts.steps, "rows shared passes"
    for number, row in enumerate(rows):
        job = jobs[number]
        if job.error is not None:
            assert (number in left, job.error.code) == (True, "cancelled")
            continue
        together = np.array(to_image(job.pictures[0]), np.int16)
        alone = kit.draw_all(generator, [row])[0]
        assert np.abs(together - alone).max() <= 1, (number, row.sampling)


def test_every_scheduler_shares_a_pass_with_every_other(generator: Generator) -> None:
    rows = [
        Row("a photo", None, n, 4.0, Sampling(2 + n % 4, 64, 64, name))
        for n, name in enumerate(CLASSES)
    ]
    engine = Engine(generator, kit.PLENTY, Speed(1e6, 1e-3, 1e-3), 16)
    jobs = [kit.submit(engine, generator, n, row) for n, row in enumerate(rows)]
    engine.tick()
    assert (engine.counts.passes, engine.counts.steps) == (1, len(rows))
    while engine.tick():
        pass
    for row, job in zip(rows, jobs, strict=True):
        together = np.array(to_image(job.pictures[0]), np.int16)
        assert np.abs(together - kit.draw_all(generator, [row])[0]).max() <= 1, row.sampling


def test_tiles_show_the_same_picture(generator: Generator) -> None:
    drawing = generator.begin(Row("a photo", None, 1, 4.0, Sampling(2, 128, 128, "DDIMScheduler")))
    while drawing.remaining:
        generator.step([drawing])
    whole, tiled = generator.decode(drawing), generator.decode(drawing, tiled=True)
    assert whole.shape == tiled.shape == (128, 128, 3)
    assert np.abs(whole - tiled).mean() < 0.1
    assert np.array_equal(generator.decode(drawing), whole), "tiling is off again"


def test_the_warm_up_measures_what_a_pass_costs_and_holds(generator: Generator) -> None:
    plan, speed = try_plan(generator, make_plan(generator, GIGABYTE), 4)
    assert plan.entries(64 * 64) >= 8
    assert make_plan(generator, 0, share=2).device_bytes == plan.device_bytes // 2
    assert speed.pass_seconds(2, 64 * 64) > 0
    assert speed.decode_seconds(64 * 64) > 0
    assert not generator.hooks.handles


def test_a_device_that_holds_fewer_rows_than_planned_gets_a_smaller_plan(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = generator.step

    def step(drawings: Any) -> None:
        if len(drawings) > 2:
            raise torch.OutOfMemoryError
        whole(drawings)

    monkeypatch.setattr(generator, "step", step)
    plan, _ = try_plan(generator, make_plan(generator, 0), 8)
    assert plan.entries(64 * 64) == 4
    assert plan.entries(128 * 128) == 1


# --- the memory of real SDXL, on the meta device ------------------------------------------------


@pytest.fixture(scope="module")
def sdxl() -> MemoryPlan:
    """The plan of SDXL in float16 on 24 GB; nothing is allocated."""
    from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: PLC0415

    from bench.training.base import vae_config  # noqa: PLC0415

    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(5, 10, 20),
            use_linear_projection=True,
            cross_attention_dim=2048,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        ).half()
        vae = AutoencoderKL(**vae_config(128))
    weights = int(6.9e9)  # UNet 5.13 GB, two text encoders 1.64 GB, decoder 0.17 GB
    needs = trace_needs([unet], vae, trace_unet, side=512, weights=weights, upcast_decoder=True)
    return MemoryPlan(needs, A10G_BYTES, adapter_bytes=GIGABYTE)


@pytest.mark.parametrize("side", [1024, ADMITTED_SIDE])
def test_every_planned_pass_of_sdxl_fits_24_gb(sdxl: MemoryPlan, side: int) -> None:
    pixels = side * side
    entries = min(16, sdxl.entries(pixels))
    assert entries >= 8, "four rows with guidance at least"
    assert sdxl.fits(entries, pixels)
    assert not sdxl.tiled(pixels), "a tiled picture would differ a little"
    assert sdxl.fits(2, pixels, wide=True), "a row that overflows is drawn in float32"


def test_a_decoder_that_does_not_fit_works_in_tiles(sdxl: MemoryPlan) -> None:
    small = MemoryPlan(sdxl.needs, 14 * GIGABYTE, GIGABYTE)
    assert small.tiled(ADMITTED_SIDE**2)
    assert not small.tiled(1024**2)


def test_the_trace_knows_what_lives_at_once() -> None:
    def run() -> None:
        first = torch.empty(1000)
        second = first + 1
        del first
        (second + 1).sum()

    assert 8000 <= peak_bytes(run) <= 8100


def test_the_trace_of_sdxl_is_the_one_that_was_measured(sdxl: MemoryPlan) -> None:
    """0.154 GiB an entry and 3.0 GiB a decoded picture at 1024 px (2026-11-28, whole trace)."""
    pixels = 1024 * 1024
    assert sdxl.needs.entry_bytes_per_pixel * pixels / GIGABYTE == pytest.approx(0.154, rel=0.05)
    assert sdxl.needs.decode_bytes_per_pixel * pixels / GIGABYTE == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("could not create a primitive", True),
        ("could not create a primitive descriptor for a convolution", False),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_a_shortage_of_memory_is_known_by_its_text(text: str, short: bool) -> None:
    assert is_shortage(RuntimeError(text)) is short


SMALL = Bucket(512, 512, 1, torch.float32)


def test_a_pass_that_ran_out_of_memory_is_halved_and_after_a_while_doubled() -> None:
    shortages = Shortages()
    assert shortages.max_entries(SMALL, 8, passes=0) == 8
    shortages.record(SMALL, 2, passes=0)
    sizes = [shortages.max_entries(SMALL, 8, passes) for passes in range(2 * RECOVERY_PASSES + 2)]
    assert [size for size, _ in groupby(sizes)] == [2, 4, 8]
    assert sizes.index(4) == RECOVERY_PASSES + 1


def test_a_shortage_is_recent_for_a_while_and_in_its_own_bucket_only() -> None:
    shortages = Shortages()
    shortages.record(SMALL, 2, passes=7)
    recent = [shortages.is_recent(SMALL, 7 + passes) for passes in (0, RECOVERY_PASSES - 1)]
    assert recent == [True, True]
    assert not shortages.is_recent(SMALL, 7 + RECOVERY_PASSES)
    assert not shortages.is_recent(SMALL._replace(chunks=DECODING), 7)
    shortages.forget(SMALL)
    assert not shortages.is_recent(SMALL, 7)
