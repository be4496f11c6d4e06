"""Z-Image: whoever shares a pass, every picture is the one that diffusers' pipeline draws alone.

Runs in the serving environment.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKL, ZImageImg2ImgPipeline, ZImagePipeline, ZImageTransformer2DModel
from PIL import Image
from safetensors.torch import save_file

from contracts.shared.pictures.samplers import FLOW_SAMPLERS
from contracts.shared.weights.families import FLOW_SCHEDULER
from serving.adapters.reader import Adapter, AdapterReader
from serving.bases.z_image import trace_transformer
from serving.engine.engine import Engine
from serving.engine.memory import MemoryPlan, trace_needs
from serving.engine.speed import Speed
from serving.engine.warm_up import make_plan, try_plan
from serving.generator import Generator, to_image
from serving.picture_error import PictureError
from serving.picture_request import Sampling, SecondPass
from serving.precision import choose_dtype
from serving.rows import Row
from tests.smoke import serving_kit as kit

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

CPU = torch.device("cpu")
GIGABYTE = 1 << 30


class BothSides:
    """One base and two adapters, loaded by the server's code and by diffusers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kit.make_base(folder / "base", "zimage")
        self.generator = Generator(folder / "base", CPU)
        self.plain = ZImagePipeline.from_pretrained(folder / "base")
        self.from_image = ZImageImg2ImgPipeline(**self.plain.components)
        for pipeline in (self.plain, self.from_image):
            pipeline.set_progress_bar_config(disable=True)
        self.config = self.plain.scheduler.config
        self.adapters = [self.add(number) for number in (1, 2)]

    def add(self, number: int) -> Adapter:
        folder = self.folder / f"adapter{number}"
        kit.make_adapter(folder, self.folder / "base", rank=2 * number, seed=number)
        self.plain.load_lora_weights(folder, adapter_name=str(number))
        return self.reader().read(folder)

    def reader(self) -> AdapterReader:
        card, layers = self.generator.card, self.generator.layers
        return AdapterReader(card.sha256, layers, CPU, torch.float32)

    def draw_plainly(self, row: Row, **more: Any) -> kit.Picture:
        """Return what diffusers' pipeline draws of a row, its adapters loaded as diffusers does."""
        kind, options, _ = FLOW_SAMPLERS[row.sampling.scheduler]
        scheduler = getattr(diffusers, kind).from_config(self.config, **options)
        pipeline: Any = self.plain
        asked: dict[str, Any] = {"height": row.sampling.height, "width": row.sampling.width}
        if row.sampling.strength is not None:
            pipeline = self.from_image
            asked |= {"image": row.image, "strength": row.sampling.strength}
        pipeline.scheduler = scheduler
        weights = {str(1 + self.adapters.index(one)): scale for one, scale in row.mix}
        if weights:
            self.plain.enable_lora()
            self.plain.set_adapters(list(weights), list(weights.values()))
        else:
            self.plain.disable_lora()
        answer = pipeline(
            row.prompt,
            negative_prompt=row.negative_prompt,
            num_inference_steps=row.sampling.num_inference_steps,
            guidance_scale=row.guidance_scale,
            generator=torch.Generator().manual_seed(row.seed),
            **(asked | more),
        )
        picture: kit.Picture = np.array(answer.images[0], np.int16)
        return picture


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> BothSides:
    return BothSides(tmp_path_factory.mktemp("zimage"))


def difference(one: kit.Picture, other: kit.Picture) -> int:
    return int(np.abs(one - other).max())


def any_image(chance: random.Random) -> Image.Image:
    noise = np.random.default_rng(chance.randrange(99)).integers(0, 255, (4, 4, 3), np.uint8)
    return Image.fromarray(noise).resize((64, 64))


def any_row(chance: random.Random, adapters: list[Adapter]) -> Row:
    """Return a row with everything chosen at random."""
    image, strength = None, None
    if chance.random() < 0.25:
        image, strength = any_image(chance), chance.choice([0.5, 0.9])
    steps, sampler = chance.randint(2, 5), chance.choice([*FLOW_SAMPLERS])
    one, two = adapters
    mixes: list[Any] = [(), ((one, 1.0),), ((two, 0.5),), ((one, 0.7), (two, 0.7))]
    return Row(
        prompt=chance.choice(["a photo", "sks in a hat", "a " * 80]),
        negative_prompt=chance.choice([None, "hat"]),
        seed=chance.randrange(2**32),
        guidance_scale=chance.choice([0.0, 1.0, 4.0]),
        sampling=Sampling(steps, 64, 64, sampler, strength),
        mix=chance.choice(mixes),
        image=image,
    )


def test_rows_that_join_and_leave_at_random_are_the_pictures_diffusers_draws_alone(
    sides: BothSides,
) -> None:
    chance = random.Random(2)  # noqa: S311 (a test)
    rows = [any_row(chance, sides.adapters) for _ in range(14)]
    engine = Engine(sides.generator, kit.PLENTY, Speed(1e6, 1e-3, 1e-3), 4)
    jobs: dict[int, Any] = {}
    for number, row in enumerate(rows):
        jobs[number] = kit.submit(engine, sides.generator, number, row)
        for _ in range(chance.randint(0, 2)):
            engine.tick()
        if number in {3, 9}:
            engine.drop(f"request{number}")
    while engine.tick():
        pass
    assert engine.counts.passes < 0.7 * engine.counts.steps, "rows shared passes"
    kinds = {(bool(row.mix), row.guidance_scale > 0, row.image is None) for row in rows}
    assert len(kinds) > 4, "rows of many kinds"
    for number, row in enumerate(rows):
        job = jobs[number]
        if job.error is not None:
            assert (number in {3, 9}, job.error.code) == (True, "cancelled")
            continue
        together = np.array(to_image(job.pictures[0]), np.int16)
        assert difference(together, sides.draw_plainly(row)) <= 1, (number, row.sampling)


def test_prompts_of_every_length_share_one_pass(sides: BothSides) -> None:
    prompts = ["a", "a photo " * 12, "sks " * 60]
    sampling = Sampling(2, 64, 64, "Euler")
    rows = [Row(prompt, None, n, 2.0 * n, sampling) for n, prompt in enumerate(prompts)]
    engine = Engine(sides.generator, kit.PLENTY, Speed(1e6, 1e-3, 1e-3), 8)
    jobs = [kit.submit(engine, sides.generator, n, row) for n, row in enumerate(rows)]
    engine.tick()
    assert (engine.counts.passes, engine.counts.steps) == (1, len(rows))
    while engine.tick():
        pass
    for row, job in zip(rows, jobs, strict=True):
        together = np.array(to_image(job.pictures[0]), np.int16)
        assert difference(together, sides.draw_plainly(row)) <= 1


def test_an_adapter_and_its_prompt_change_the_picture(sides: BothSides) -> None:
    row = Row("a photo", None, 1, 0.0, Sampling(2, 64, 64, "Euler"))
    changed = [
        replace(row, mix=((sides.adapters[0], 1.0),)),
        replace(row, prompt="a house"),
        replace(row, guidance_scale=1.0),
    ]
    plain, *others = kit.draw_all(sides.generator, [row, *changed])
    assert min(difference(plain, other) for other in others) > 2


def test_a_second_pass_is_diffusers_own_image_to_image_from_the_enlarged_first(
    sides: BothSides,
) -> None:
    row = Row("a photo", "hat", 3, 4.0, Sampling(3, 64, 64, "Euler"))
    for upscaler in ("Latent", "Lanczos"):
        twice = replace(row, second_pass=SecondPass(upscaler, 3, 96, 80, 0.7))
        drawn = kit.draw_all(sides.generator, [twice, row])
        assert drawn[0].shape == (96, 80, 3)
        assert difference(drawn[0], draw_twice(sides, row, upscaler)) <= 1


def draw_twice(sides: BothSides, row: Row, upscaler: str) -> kit.Picture:
    """Return what diffusers' two pipelines draw one after the other, in 80 x 96."""
    if upscaler == "Latent":
        asked = {"output_type": "latent", "generator": torch.Generator().manual_seed(row.seed)}
        first = sides.plain(
            row.prompt,
            negative_prompt=row.negative_prompt,
            height=64,
            width=64,
            num_inference_steps=3,
            guidance_scale=row.guidance_scale,
            **asked,
        ).images
        side = sides.plain.vae_scale_factor
        size = (96 // side, 80 // side)
        image: Any = torch.nn.functional.interpolate(first, size=size, mode="bilinear")
    else:
        drawn = sides.draw_plainly(row).astype(np.uint8)
        image = Image.fromarray(drawn).resize((80, 96), Image.Resampling.LANCZOS)
    again = replace(row, sampling=Sampling(3, 96, 80, "Euler", 0.7))
    return sides.draw_plainly(again, image=image)


def test_a_prompt_that_is_too_long_is_refused_and_never_cut(sides: BothSides) -> None:
    row = Row("a" * 600, None, 1, 0.0, Sampling(2, 64, 64, "Euler"))
    with pytest.raises(PictureError, match="at most 512 tokens"):
        sides.generator.count_chunks(row)


def test_no_adapter_changes_a_layer_that_sees_all_rows_as_one(
    sides: BothSides, tmp_path: Path
) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    key = "transformer.cap_embedder.1.lora"
    width = sides.plain.transformer.config.cap_feat_dim
    tensors = {f"{key}_A.weight": torch.ones(2, width), f"{key}_B.weight": torch.ones(48, 2)}
    save_file(tensors, folder / "pytorch_lora_weights.safetensors", metadata={"format": "pt"})
    kit.write_manifest(folder, sides.folder / "base", 2)
    with pytest.raises(PictureError, match="adapter_invalid: a tensor names a layer"):
        sides.reader().read(folder)


def test_the_warm_up_measures_what_a_pass_costs_and_holds(sides: BothSides) -> None:
    plan, speed = try_plan(sides.generator, make_plan(sides.generator, GIGABYTE), 4)
    assert plan.entries(64 * 64) >= 8
    assert plan.needs.entry_bytes > 0, "a prompt's tokens are beside the picture's"
    assert speed.pass_seconds(2, 64 * 64) > 0
    assert not sides.generator.hooks.handles


def test_a_picture_is_drawn_in_bfloat16_where_the_gpu_has_it(sides: BothSides) -> None:
    card, kind = sides.generator.card, sides.generator.kind
    assert kind.half is torch.bfloat16
    assert choose_dtype(card, CPU, None, kind.half) is torch.float32
    generator = Generator(sides.folder / "base", CPU)
    generator.load(torch.bfloat16)
    row = Row("a photo", None, 1, 2.0, Sampling(2, 64, 64, "Euler"))
    drawn = kit.draw_all(generator, [row])[0]
    plain = ZImagePipeline.from_pretrained(sides.folder / "base", torch_dtype=torch.bfloat16)
    plain.set_progress_bar_config(disable=True)
    noise = torch.Generator().manual_seed(1)
    answer = plain(
        "a photo",
        height=64,
        width=64,
        num_inference_steps=2,
        guidance_scale=2.0,
        generator=noise,
    )
    assert difference(drawn, np.array(answer.images[0], np.int16)) <= 1


def test_the_real_server_draws_for_two_users_and_refuses_what_the_base_lacks(
    sides: BothSides, tmp_path: Path
) -> None:
    kit.make_base(tmp_path / "sdxl", "sdxl")
    kit.make_adapter(tmp_path / "foreign", tmp_path / "sdxl")
    own = [kit.pack_user(tmp_path, n, sides.folder / f"adapter{n}") for n in (1, 2)]
    foreign = kit.pack_user(tmp_path, 3, tmp_path / "foreign")
    base = str(sides.folder / "base")
    with kit.serving(base, tmp_path, LIKENESS_ANSWER_MEGABYTES="0") as server:
        assert [server.load(user).status for user in (*own, foreign)] == [200, 200, 200]
        with ThreadPoolExecutor(2) as pool:
            replies = list(pool.map(lambda user: server.draw(user, "a (photo:1.2)"), own))
        refused = server.draw(own[0], clip_skip=1)
        elsewhere = server.draw(foreign)
    for adapter, reply in zip(sides.adapters, replies, strict=True):
        sampling = Sampling(2, 64, 64, FLOW_SCHEDULER)
        row = Row("a (photo:1.2)", None, 5, 4.0, sampling, ((adapter, 1.0),))
        assert difference(reply.picture, sides.draw_plainly(row)) <= 1
        assert (reply.info.scheduler, reply.info.ignored) == (FLOW_SCHEDULER, ("weights",))
    assert "likeness/invalid_argument: clip_skip: not with this endpoint's base" in refused.error
    assert "likeness/wrong_base" in elsewhere.error


# --- the memory of the released Z-Image, on the meta device --------------------------------------


@pytest.fixture(scope="module")
def released() -> MemoryPlan:
    """The plan of Z-Image in bfloat16 on 40 GB; nothing is allocated."""
    with torch.device("meta"):
        transformer = ZImageTransformer2DModel().bfloat16()
        vae = AutoencoderKL(
            latent_channels=16,
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            use_quant_conv=False,
            use_post_quant_conv=False,
        )
    weights = int(20.5e9)  # transformer 12.3 GB, text encoder 8.0 GB, decoder 0.2 GB
    needs = trace_needs(
        [transformer],
        vae,
        trace_transformer,
        side=1024,
        weights=weights,
        upcast_decoder=False,
        has_tokens=True,
    )
    return MemoryPlan(needs, 40 * GIGABYTE, adapter_bytes=GIGABYTE)


def test_every_planned_pass_of_z_image_fits_40_gb(released: MemoryPlan) -> None:
    pixels = 1024 * 1024
    entries = released.entries(pixels)
    assert entries >= 8
    assert released.fits(8, pixels)
    assert not released.tiled(pixels)
    assert not released.holds_wide, "41 GB in float32"


def test_a_small_picture_has_a_whole_prompt(released: MemoryPlan) -> None:
    """512 tokens of a prompt are as many as 362 x 362 pixels have."""
    needs = released.needs
    tokens = needs.entry_bytes / (needs.entry_bytes_per_pixel * 16 * 16)
    assert tokens == pytest.approx(512, rel=0.2)
