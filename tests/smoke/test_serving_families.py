"""For every family of base the server draws the same pictures as plain diffusers.

Runs in the serving environment; needs no tritonserver.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import diffusers
import numpy as np
import torch
from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, DiffusionPipeline
from PIL import Image

from contracts.shared.pictures.samplers import CLASSES, SAMPLERS, SPACINGS
from contracts.shared.words.clip_encoding import encode_prompts, weigh
from contracts.shared.words.prompt_weights import literal, read_weights
from serving.adapters.hooks import Mix
from serving.adapters.reader import Adapter, AdapterReader
from serving.generator import Generator, to_image
from serving.picture_error import PictureError
from serving.picture_request import Sampling, SecondPass
from serving.rows import Row
from tests.smoke import serving_kit as kit
from tests.smoke.tiny_pipelines import Family

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

DEVICE = torch.device("cpu")
SCHEDULERS = [*CLASSES]


def make_row(  # noqa: PLR0913, PLR0917 (a row has so many)
    prompt: str,
    negative_prompt: str | None,
    seed: int,
    guidance_scale: float,
    mix: Mix = (),
    image: Image.Image | None = None,
) -> Row:
    """Return a row whose sampling is set later."""
    sampling = Sampling(3, 64, 64, "DDIMScheduler")
    return Row(prompt, negative_prompt, seed, guidance_scale, sampling, mix, image)


def sampled(row: Row, sampling: Sampling, negative: bool) -> Row:
    avoided = (row.negative_prompt or "") if negative else None
    return replace(row, sampling=sampling, negative_prompt=avoided)


class BothSides:
    """One base and two adapters, loaded by the server's code and by diffusers."""

    def __init__(self, folder: Path, family: Family) -> None:
        kit.make_base(folder / "base", family)
        self.generator = Generator(folder / "base", DEVICE)
        self.plain = DiffusionPipeline.from_pretrained(folder / "base")
        self.plain.set_progress_bar_config(disable=True)
        # SDXL's own configuration says so, and the tiny base's does not.
        self.config = {**self.plain.scheduler.config, "clip_sample": False}
        self.adapters = [self.add(folder, number, family) for number in (1, 2)]

    def add(self, folder: Path, number: int, family: Family) -> Adapter:
        adapter, rank = folder / f"adapter{number}", 4 * number
        components = ("unet", "text_encoder") if family == "sd1" else ("unet",)
        kit.write_adapter(adapter, self.plain, components, rank, number)
        if number > 1:
            kit.add_convolutions(adapter, self.plain, rank)
        kit.write_manifest(adapter, folder / "base", rank)
        card = self.generator.card
        reader = AdapterReader(card.sha256, self.generator.layers, DEVICE, torch.float32)
        return reader.read(adapter)

    def draw(
        self,
        rows: list[Row],
        scheduler: str,
        *,
        negative: bool = False,
        strength: float | None = None,
    ) -> list[kit.Picture]:
        sampling = Sampling(3, 64, 64, scheduler, strength)
        return kit.draw_all(self.generator, [sampled(row, sampling, negative) for row in rows])

    def draw_plainly(
        self, row: Row, scheduler: str, strength: float | None = None, *, steps: int = 3
    ) -> kit.Picture:
        kind, options, _ = SAMPLERS[scheduler]
        more = {"skip_prk_steps": True} if kind == "PNDMScheduler" else {}
        plain = self.plain
        start: dict[str, Any] = {"height": 64, "width": 64}
        if strength is not None:
            plain = AutoPipelineForImage2Image.from_pipe(self.plain)
            plain.set_progress_bar_config(disable=True)
            start = {"image": row.image, "strength": strength}
        if row.mask is not None:
            plain = AutoPipelineForInpainting.from_pipe(self.plain)
            plain.set_progress_bar_config(disable=True)
            start |= {"mask_image": row.mask, "height": 64, "width": 64}
        plain.scheduler = getattr(diffusers, kind).from_config(self.config, **more, **options)
        answer = plain(
            row.prompt,
            negative_prompt=row.negative_prompt,
            num_inference_steps=steps,
            guidance_scale=row.guidance_scale,
            **start,
            generator=torch.Generator().manual_seed(row.seed),
        )
        picture: kit.Picture = np.array(answer.images[0], np.int16)
        return picture


@pytest.fixture(scope="module", params=["sd1", "sd2", "sdxl"])
def sides(request: Any, tmp_path_factory: pytest.TempPathFactory) -> BothSides:
    return BothSides(tmp_path_factory.mktemp(request.param), request.param)


def difference(one: kit.Picture, other: kit.Picture) -> int:
    return int(np.abs(one - other).max())


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_base_draws_with_every_scheduler_as_diffusers_does(
    sides: BothSides, scheduler: str
) -> None:
    row = make_row("a photo", "hat", 3, 4.0)
    drawn = sides.draw([row], scheduler, negative=True)[0]
    assert difference(drawn, sides.draw_plainly(row, scheduler)) <= 1


NAMED = ["DPM++ 2M Karras", "DPM++ 2M SDE Exponential", "DPM++ SDE Karras", "DPM2 a Karras"]


@pytest.mark.parametrize("sampler", NAMED)
def test_a_sampler_of_other_tools_is_diffusers_scheduler_with_these_options(
    sides: BothSides, sampler: str
) -> None:
    row = make_row("a photo", "hat", 3, 4.0)
    drawn = sides.draw([row], sampler, negative=True)[0]
    assert difference(drawn, sides.draw_plainly(row, sampler)) <= 1


def test_a_sampler_s_options_end_with_its_picture(sides: BothSides) -> None:
    row = make_row("a photo", "hat", 3, 4.0)
    for sampler in ("DPM++ 2M SDE Karras", "DPM++ 2M SDE Exponential"):
        sides.draw([row], sampler, negative=True)
    after = sides.draw([row], "DPMSolverMultistepScheduler", negative=True)[0]
    assert difference(after, sides.draw_plainly(row, "DPMSolverMultistepScheduler")) <= 1


def spacing_of(sampler: str) -> str:
    return next((end for end in SPACINGS if end and sampler.endswith(end)), "")


@pytest.mark.parametrize(
    "sides",
    ["sdxl", *(pytest.param(other, marks=pytest.mark.thorough) for other in ("sd1", "sd2"))],
    indirect=True,
    scope="module",
)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_sampler_draws_in_one_pass_with_others_as_diffusers_does(
    sides: BothSides, spacing: str
) -> None:
    names = [name for name in SAMPLERS if spacing_of(name) == spacing and name not in CLASSES]
    rows = [make_row("a photo", None, seed, 4.0) for seed in range(len(names))]
    samplings = [Sampling(3, 64, 64, name) for name in names]
    drawn = kit.draw_all(
        sides.generator,
        [replace(row, sampling=one) for row, one in zip(rows, samplings, strict=True)],
    )
    apart = {
        name: difference(one, sides.draw_plainly(row, name))
        for name, row, one in zip(names, rows, drawn, strict=True)
    }
    assert {name: most for name, most in apart.items() if most > 1} == {}


@pytest.mark.parametrize("sampler", ["LMS", "LMS Karras"])
def test_rows_that_join_later_keep_the_derivatives_of_their_own_steps(
    sides: BothSides, sampler: str
) -> None:
    """LMS draws a step from the last four: each of these rows is at another one."""
    rows = [make_row("a photo", None, seed, 4.0) for seed in range(3)]
    steps = (8, 5, 6)
    drawings = []
    for row, count in zip(rows, steps, strict=True):
        drawings.append(
            sides.generator.begin(replace(row, sampling=Sampling(count, 64, 64, sampler)))
        )
        sides.generator.step([one for one in drawings if one.remaining])
    while left := [one for one in drawings if one.remaining]:
        sides.generator.step(left)
    for row, count, drawing in zip(rows, steps, drawings, strict=True):
        drawn = np.array(to_image(sides.generator.decode(drawing)), np.int16)
        assert difference(drawn, sides.draw_plainly(row, sampler, steps=count)) <= 1


FULL = " ".join("a" * 40 + "b" * 35)
"""75 words of one token each."""


def draw_long(sides: BothSides, *rows: Row, negative: bool = False) -> list[kit.Picture]:
    sampling = Sampling(3, 64, 64, "DDIMScheduler")
    return kit.draw_all(sides.generator, [sampled(row, sampling, negative) for row in rows])


def test_what_follows_token_75_changes_the_picture(sides: BothSides) -> None:
    texts = (f"{FULL} c", f"{FULL} d", f"{FULL} " * 7 + "c", f"{FULL} " * 7 + "d")
    rows = [make_row(text, None, 3, 4.0) for text in texts]
    assert [sides.generator.count_chunks(row) for row in rows] == [2, 2, 8, 8]
    pictures = [draw_long(sides, row)[0] for row in rows]
    assert difference(pictures[0], pictures[1]) > 0
    assert difference(pictures[2], pictures[3]) > 0
    avoided = [make_row("a", text, 3, 4.0) for text in texts[:2]]
    assert difference(*(draw_long(sides, row, negative=True)[0] for row in avoided)) > 0


def test_long_rows_of_one_pass_equal_the_pictures_drawn_alone(sides: BothSides) -> None:
    one, two = sides.adapters
    rows = [
        make_row(f"{FULL} sks", None, 1, 4.0, ((one, 1.0),)),
        make_row(f"{FULL} house", None, 2, 2.5, ((two, 0.6),)),
    ]
    together = draw_long(sides, *rows)
    alone = [draw_long(sides, row)[0] for row in rows]
    assert max(map(difference, together, alone)) <= 1


@pytest.mark.parametrize("text", ["", "a photo of sks", FULL])
def test_one_chunk_is_encoded_as_the_pipeline_encodes_a_prompt(sides: BothSides, text: str) -> None:
    pipeline = sides.generator.pipeline
    assert sides.generator.count_chunks(make_row(text, None, 0, 4.0)) == 1
    with torch.inference_mode():
        theirs = pipeline.encode_prompt(
            prompt=[text],
            device=DEVICE,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        ours = encode_prompts(torch, pipeline, [literal(text)], 1)
    assert torch.equal(ours["prompt_embeds"], theirs[0])
    if "pooled_prompt_embeds" in ours:
        assert torch.equal(ours["pooled_prompt_embeds"], theirs[2])


def test_chunks_are_encoded_each_as_a_prompt_and_the_first_is_pooled(sides: BothSides) -> None:
    pipeline = sides.generator.pipeline
    with torch.inference_mode():
        whole = encode_prompts(torch, pipeline, [literal(f"{FULL} c d"), literal("e")], 2)
        parts = [
            encode_prompts(torch, pipeline, [*map(literal, texts)], 1)
            for texts in ([FULL, "e"], ["c d", ""])
        ]
    joined = torch.cat([part["prompt_embeds"] for part in parts], dim=1)
    assert torch.equal(whole["prompt_embeds"], joined)
    if "pooled_prompt_embeds" in whole:
        assert torch.equal(whole["pooled_prompt_embeds"], parts[0]["pooled_prompt_embeds"])


@contextmanager
def trained_norms(pipeline: Any) -> Iterator[None]:
    """Give the embeddings a mean while the block runs, as those of trained encoders have."""
    biases = [getattr(one, "text_model", one).final_layer_norm.bias for one in encoders(pipeline)]
    before = [bias.detach().clone() for bias in biases]
    for bias in biases:
        bias.data += 0.4
    yield
    for bias, own in zip(biases, before, strict=True):
        bias.data.copy_(own)


def test_weights_multiply_their_words_and_keep_the_mean(sides: BothSides) -> None:
    pipeline = sides.generator.pipeline
    with torch.inference_mode(), trained_norms(pipeline):
        plain = encode_prompts(torch, pipeline, [literal("a b c")], 1)
        weighed = encode_prompts(torch, pipeline, [read_weights("a (b:1.5) c")], 1)
    a, b = plain["prompt_embeds"].double(), weighed["prompt_embeds"].double()
    widths = [one.config.hidden_size for one in encoders(pipeline)]
    for before, after in zip(a.split(widths, -1), b.split(widths, -1), strict=True):
        scale = after[0, 0] / before[0, 0]
        assert torch.allclose(scale, scale[0].expand_as(scale), atol=1e-4)
        assert torch.allclose(after[0, 2], 1.5 * scale[0] * before[0, 2], atol=1e-4)  # b
        assert after.mean() == pytest.approx(before.mean().item(), abs=1e-5)
    if "pooled_prompt_embeds" in plain:
        assert torch.equal(plain["pooled_prompt_embeds"], weighed["pooled_prompt_embeds"])


def test_words_are_weighed_alone_where_the_embeddings_have_no_mean() -> None:
    states = torch.randn(2, 77, 32, generator=torch.Generator().manual_seed(1))
    states -= states.mean(dim=(1, 2), keepdim=True)
    weights = torch.ones(2, 77)
    weights[:, 3] = 1.5
    weighed = weigh(states, weights)
    assert torch.equal(weighed, states * weights[..., None])
    assert torch.equal(weigh(states + 1e-5, weights), (states + 1e-5) * weights[..., None])


def encoders(pipeline: Any) -> list[Any]:
    both = [pipeline.text_encoder, getattr(pipeline, "text_encoder_2", None)]
    return [one for one in both if one is not None]


def test_a_weighted_row_is_the_same_beside_others_and_the_plain_one_is_diffusers_own(
    sides: BothSides,
) -> None:
    plain = make_row("a photo", "hat", 3, 4.0)
    bracketed = replace(plain, syntax="weights")
    weighed = replace(bracketed, prompt="a (photo:1.8)")
    drawn = sides.draw([plain, bracketed, weighed], "DDIMScheduler", negative=True)
    assert difference(drawn[0], sides.draw_plainly(plain, "DDIMScheduler")) <= 1
    assert difference(drawn[1], drawn[0]) <= 1
    assert difference(drawn[2], drawn[0]) > 0
    alone = sides.draw([weighed], "DDIMScheduler", negative=True)[0]
    assert difference(drawn[2], alone) <= 1


def test_clip_skip_leaves_out_the_last_layers_as_diffusers_does(sides: BothSides) -> None:
    pipeline, row = sides.generator.pipeline, make_row("a photo", None, 0, 1.0)
    with torch.inference_mode():
        ours = encode_prompts(torch, pipeline, [literal("a photo")], 1, clip_skip=1)
        if "pooled_prompt_embeds" in ours:  # diffusers 0.42 has no clip_skip for SD and this CLIP
            theirs = pipeline.encode_prompt(
                prompt=["a photo"],
                device=DEVICE,
                num_images_per_prompt=1,
                do_classifier_free_guidance=False,
                clip_skip=1,
            )
            assert torch.equal(ours["prompt_embeds"], theirs[0])
    rows = [row, replace(row, clip_skip=1)]
    assert difference(*sides.draw(rows, "DDIMScheduler")) > 0
    with pytest.raises(PictureError, match="clip_skip: at most"):
        sides.generator.count_chunks(replace(row, clip_skip=11))


HALF = Image.fromarray(np.kron([[0, 255]], np.ones((64, 32))).astype(np.uint8))
"""A mask whose right half is white."""


MASKED = [("HeunDiscreteScheduler", 1.0), ("EulerAncestralDiscreteScheduler", 0.7)]
"""One that takes two passes a step, and one that takes noise at each step."""


@pytest.mark.parametrize(("scheduler", "strength"), MASKED)
def test_a_picture_inside_a_mask_is_diffusers_own(
    sides: BothSides, scheduler: str, strength: float
) -> None:
    row = make_row("a photo", "hat", 3, 4.0, image=make_image(0))
    masked = replace(row, mask=HALF)
    drawn = sides.draw([masked, row], scheduler, negative=True, strength=strength)
    assert difference(drawn[0], sides.draw_plainly(masked, scheduler, strength)) <= 1
    assert difference(drawn[0], drawn[1]) > 1


def make_image(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((64, 64))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_picture_from_an_image_is_diffusers_own(sides: BothSides, scheduler: str) -> None:
    row = make_row("a photo", "hat", 3, 4.0, image=make_image(0))
    drawn = sides.draw([row], scheduler, negative=True, strength=0.7)[0]
    assert difference(drawn, sides.draw_plainly(row, scheduler, strength=0.7)) <= 1


HIRES = [
    ("Latent", "EulerAncestralDiscreteScheduler"),
    ("Lanczos", "HeunDiscreteScheduler"),
]


@pytest.mark.parametrize(("upscaler", "scheduler"), HIRES)
def test_a_second_pass_is_diffusers_own_image_to_image_from_the_enlarged_first(
    sides: BothSides, upscaler: str, scheduler: str
) -> None:
    """A row of another user and size is drawn beside it."""
    row = make_row("a photo", "hat", 3, 4.0)
    twice = replace(row, second_pass=SecondPass(upscaler, 3, 96, 80, 0.7))
    other = make_row("a house", "hat", 4, 2.0, ((sides.adapters[0], 1.0),))
    drawn = sides.draw([twice, other], scheduler, negative=True)
    assert drawn[0].shape == (96, 80, 3)
    assert difference(drawn[0], draw_twice(sides, row, upscaler, scheduler)) <= 1
    assert difference(drawn[1], sides.draw([other], scheduler, negative=True)[0]) <= 1


def draw_twice(sides: BothSides, row: Row, upscaler: str, scheduler: str) -> kit.Picture:
    """Return what diffusers' two pipelines draw one after the other, in 80 x 96."""
    kind, options, _ = SAMPLERS[scheduler]
    sides.plain.scheduler = getattr(diffusers, kind).from_config(sides.config, **options)
    asked = {
        "prompt": row.prompt,
        "negative_prompt": row.negative_prompt,
        "guidance_scale": row.guidance_scale,
    }
    latent = upscaler.startswith("Latent")
    first = sides.plain(
        **asked,
        height=64,
        width=64,
        num_inference_steps=3,
        generator=torch.Generator().manual_seed(row.seed),
        output_type="latent" if latent else "pil",
    ).images
    second = AutoPipelineForImage2Image.from_pipe(sides.plain)
    second.set_progress_bar_config(disable=True)
    if latent:
        side = sides.plain.vae_scale_factor
        size = (96 // side, 80 // side)
        start = torch.nn.functional.interpolate(first, size=size, mode="bilinear")
    else:
        start = first[0].resize((80, 96), Image.Resampling.LANCZOS)
    answer = second(
        **asked,
        image=start,
        strength=0.7,
        num_inference_steps=3,
        generator=torch.Generator().manual_seed(row.seed),
    )
    picture: kit.Picture = np.array(answer.images[0], np.int16)
    return picture


def test_rows_from_images_equal_the_pictures_drawn_alone(sides: BothSides) -> None:
    one, two = sides.adapters
    rows = [
        make_row("a photo of sks", None, 1, 4.0, ((one, 1.0),), make_image(1)),
        make_row("a drawing of a house", None, 2, 2.5, ((two, 0.6),), make_image(2)),
        make_row("a photo", None, 3, 7.0, (), make_image(3)),
    ]
    together = sides.draw(rows, "DDIMScheduler", strength=0.7)
    alone = [sides.draw([row], "DDIMScheduler", strength=0.7)[0] for row in rows]
    assert max(map(difference, together, alone)) <= 1
    assert difference(alone[1], alone[2]) > 5


def test_rows_of_one_pass_equal_the_pictures_drawn_alone(sides: BothSides) -> None:
    one, two = sides.adapters
    rows = [
        make_row("a photo of sks", None, 1, 4.0, ((one, 1.0),)),
        make_row("a drawing of a house", None, 2, 2.5, ((two, 0.6),)),
        make_row("a photo", None, 3, 7.0),
        make_row("sks in a hat", None, 4, 4.0, ((one, 0.5), (two, 0.8))),
    ]
    together = sides.draw(rows, "DDIMScheduler")
    alone = [sides.draw([row], "DDIMScheduler")[0] for row in rows]
    assert max(map(difference, together, alone)) <= 1
    bare = sides.draw([make_row("a photo of sks", None, 1, 4.0)], "DDIMScheduler")[0]
    assert difference(together[0], bare) > 5
