"""SDXL's refiner: each picture is that of diffusers' two pipelines, one after the other.

Runs in the serving environment; needs no tritonserver.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import diffusers
import numpy as np
import torch
from diffusers import (
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from PIL import Image

from likeness_client.__main__ import main
from serving.adapters.reader import Adapter, AdapterReader
from serving.base_folder import BaseFolderError, resolve_base
from serving.engine.engine import Engine
from serving.engine.jobs import Job
from serving.engine.memory import weight_bytes
from serving.engine.speed import Speed
from serving.engine.warm_up import make_plan
from serving.generator import Generator, to_image
from serving.picture_error import PictureError
from serving.picture_request import Sampling
from serving.rows import Row
from tests.smoke import serving_kit as kit
from tests.smoke import tiny_pipelines

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

STEPS, SWITCH = 5, 0.6


class BothSides:
    """A base with a refiner, loaded by the server's code and by diffusers."""

    def __init__(self, folder: Path) -> None:
        self.source, self.folder = folder / "refiner", folder / "base"
        torch.manual_seed(1)
        base = tiny_pipelines.make_sdxl()
        base.save_pretrained(self.folder)
        tiny_pipelines.make_refiner(base).save_pretrained(self.source)
        tiny_pipelines.write_card(self.folder, "sdxl", "epsilon")
        command = ["base", "add", str(self.folder), "--refiner", str(self.source)]
        assert main([*command, "--prediction-type", "epsilon"]) == 0
        self.generator = Generator(resolve_base(str(self.folder), folder), torch.device("cpu"))
        self.base = StableDiffusionXLPipeline.from_pretrained(self.folder, add_watermarker=False)
        self.from_image = StableDiffusionXLImg2ImgPipeline(
            **self.base.components, add_watermarker=False
        )
        self.refiner = StableDiffusionXLImg2ImgPipeline.from_pretrained(
            self.source, add_watermarker=False
        )
        for pipeline in (self.base, self.from_image, self.refiner):
            pipeline.set_progress_bar_config(disable=True)
        # SDXL's own configuration says so, and the tiny base's does not.
        self.config = {**self.base.scheduler.config, "clip_sample": False}
        self.adapter = self.read_adapter(folder / "adapter")

    def read_adapter(self, folder: Path) -> Adapter:
        kit.make_adapter(folder, self.folder, text_encoders=True)
        generator = self.generator
        reader = AdapterReader(
            generator.card.sha256, generator.layers, torch.device("cpu"), torch.float32
        )
        return reader.read(folder)

    def draw(self, *rows: Row) -> list[kit.Picture]:
        return kit.draw_all(self.generator, list(rows))

    def draw_plainly(self, row: Row) -> kit.Picture:
        """Return what diffusers' pipelines draw; one source of noise serves both."""
        noise, sampling = torch.Generator().manual_seed(row.seed), row.sampling
        asked: dict[str, Any] = {
            "prompt": row.prompt,
            "negative_prompt": row.negative_prompt,
            "guidance_scale": row.guidance_scale,
            "num_inference_steps": sampling.num_inference_steps,
            "generator": noise,
        }
        first, start = self.base, dict[str, Any](height=64, width=64)
        if row.image is not None:
            first, start = self.from_image, {"image": row.image, "strength": sampling.strength}
        first.scheduler = self.scheduler(sampling.scheduler)
        switch = row.refiner_switch_at
        latents = first(**asked, **start, denoising_end=switch, output_type="latent").images
        self.refiner.scheduler = self.scheduler(sampling.scheduler)
        answer = self.refiner(**asked, image=latents, denoising_start=switch)
        picture: kit.Picture = np.array(answer.images[0], np.int16)
        return picture

    def scheduler(self, name: str) -> Any:
        more = {"skip_prk_steps": True} if name == "PNDMScheduler" else {}
        return getattr(diffusers, name).from_config(self.config, **more)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> BothSides:
    return BothSides(tmp_path_factory.mktemp("refiner"))


def make_row(scheduler: str = "EulerDiscreteScheduler", seed: int = 3, **changes: Any) -> Row:
    sampling = Sampling(STEPS, 64, 64, scheduler)
    row = Row("a photo", "hat", seed, 4.0, sampling, refiner_switch_at=SWITCH)
    return replace(row, **changes)


def difference(one: kit.Picture, other: kit.Picture) -> int:
    return int(np.abs(one - other).max())


DRAWN = (
    *("DDIMScheduler", "DPMSolverMultistepScheduler", "EulerAncestralDiscreteScheduler"),
    *("HeunDiscreteScheduler", "LCMScheduler", "LMSDiscreteScheduler", "PNDMScheduler"),
    "UniPCMultistepScheduler",
)
"""One of each kind: with history, noise at each step, two passes a step, other first steps."""


@pytest.mark.parametrize("scheduler", DRAWN)
def test_a_refined_picture_is_that_of_diffusers_two_pipelines(
    sides: BothSides, scheduler: str
) -> None:
    row = make_row(scheduler)
    drawn = sides.draw(row)[0]
    assert difference(drawn, sides.draw_plainly(row)) <= 1
    assert difference(drawn, sides.draw(replace(row, refiner_switch_at=None))[0]) > 1


NOISE = np.random.default_rng(0).integers(0, 255, (4, 4, 3), dtype=np.uint8)
CHANGES: dict[str, dict[str, Any]] = {
    "no negative prompt, which the base fills with zeros": {"negative_prompt": None},
    "no guidance": {"guidance_scale": 1.0},
    "from an image": {
        "image": Image.fromarray(NOISE).resize((64, 64)),
        "sampling": Sampling(6, 64, 64, "EulerAncestralDiscreteScheduler", 0.8),
    },
    "early": {"refiner_switch_at": 0.3},
}


@pytest.mark.parametrize("change", CHANGES)
def test_so_is_every_other_kind_of_row(sides: BothSides, change: str) -> None:
    row = make_row(**CHANGES[change])
    assert difference(sides.draw(row)[0], sides.draw_plainly(row)) <= 1


def test_rows_of_both_networks_are_drawn_apart_and_equal_those_drawn_alone(
    sides: BothSides,
) -> None:
    """Rows of the refiner share passes, whatever their step and their adapters."""
    own = ((sides.adapter, 1.0),)
    rows = [
        make_row(seed=1, mix=own),
        make_row("HeunDiscreteScheduler", seed=2),
        make_row("DPMSolverMultistepScheduler", seed=4, refiner_switch_at=None, mix=own),
        make_row(seed=5, refiner_switch_at=0.8),
        make_row(seed=6, prompt="a (photo:1.4) " + "of words " * 80, syntax="weights"),
    ]
    engine = Engine(sides.generator, kit.PLENTY, Speed(1e6, 1e-3, 1e-3), 8)
    jobs = []
    for number, row in enumerate(rows):
        chunks = sides.generator.count_chunks(row)
        jobs.append(Job([row], chunks, str(number), lambda _: None, float("inf"), 0.0))
        engine.submit(jobs[-1])
    while engine.tick():
        pass
    assert engine.counts.passes < 0.7 * engine.counts.steps
    together = [np.array(to_image(job.pictures[0]), np.int16) for job in jobs]
    alone = [sides.draw(row)[0] for row in rows]
    assert max(map(difference, together, alone)) <= 1


def test_an_adapter_changes_the_base_s_part_alone(sides: BothSides) -> None:
    """Also where the base's second text encoder, which the refiner shares, has one."""
    row = make_row(mix=((sides.adapter, 1.0),))
    generator = sides.generator
    drawing = generator.begin(row)
    while drawing.remaining:
        generator.step([drawing])
    with_adapter: Any = generator.refine(drawing).conditions
    bare: Any = generator.refine(replace(drawing, row=replace(row, mix=()))).conditions
    assert torch.equal(with_adapter.text, bare.text)
    assert torch.equal(with_adapter.pooled, bare.pooled)
    assert difference(sides.draw(row)[0], sides.draw(make_row())[0]) > 1


def test_the_refiner_s_weights_are_in_the_memory_plan(sides: BothSides) -> None:
    base = sides.base
    networks = [base.unet, base.vae, base.text_encoder, base.text_encoder_2, sides.refiner.unet]
    plan = make_plan(sides.generator, 0)
    assert plan.needs.weights == sum(map(weight_bytes, networks))


@pytest.mark.parametrize(
    ("steps", "switch", "idle"), [(3, 0.9999, "refiner"), (3, 0.01, "base"), (1, 0.8, "base")]
)
def test_a_network_without_a_step_is_refused(
    sides: BothSides, steps: int, switch: float, idle: str
) -> None:
    sampling = Sampling(steps, 64, 64, "EulerDiscreteScheduler")
    with pytest.raises(PictureError, match=f"it leaves the {idle} no step"):
        sides.generator.count_chunks(make_row(sampling=sampling, refiner_switch_at=switch))


def test_a_refiner_whose_files_changed_is_not_served(sides: BothSides, tmp_path: Path) -> None:
    shutil.copytree(sides.folder, tmp_path / "base")
    assert main(["base", "check", str(tmp_path / "base")]) == 0
    (tmp_path / "base/refiner/unet/config.json").write_text("{}")
    with pytest.raises(BaseFolderError, match=r"refiner/unet/config\.json of the base is missing"):
        resolve_base(str(tmp_path / "base"), tmp_path)
    assert main(["base", "check", str(tmp_path / "base")]) == 1


def test_a_refiner_is_no_part_of_the_base_s_hash(sides: BothSides) -> None:
    card = sides.generator.card
    assert card.refiner is not None
    assert not any(path.startswith("refiner/") for path in card.files)
    assert {*card.refiner.files} == {
        "refiner/model_index.json",
        "refiner/unet/config.json",
        "refiner/unet/diffusion_pytorch_model.safetensors",
    }


def test_what_is_no_refiner_of_the_base_is_not_added(
    sides: BothSides, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, refiner = tmp_path / "base", tmp_path / "refiner"
    shutil.copytree(sides.folder, base)
    shutil.copytree(sides.source, refiner)
    add = ["base", "add", str(base), "--no-picture", "--refiner"]
    assert main([*add, str(base)]) == 1
    assert "so it is a base" in capsys.readouterr().err
    wider = UNet2DConditionModel.from_pretrained(refiner / "unet").config
    UNet2DConditionModel.from_config(wider, cross_attention_dim=48).save_pretrained(
        refiner / "unet"
    )
    assert main([*add, str(refiner)]) == 1
    assert "takes text of the widths 48 and" in capsys.readouterr().err
    shutil.copytree(sides.source, refiner, dirs_exist_ok=True)
    (refiner / "text_encoder_2/model.safetensors").write_bytes(b"another")
    assert main([*add, str(refiner)]) == 1
    assert "is not the base's" in capsys.readouterr().err
