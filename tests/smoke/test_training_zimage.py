"""A tiny Z-Image through the trainer: flow matching, its files, and what cannot be trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from diffusers import FlowMatchEulerDiscreteScheduler  # noqa: E402
from diffusers.training_utils import compute_density_for_timestep_sampling  # noqa: E402
from peft import LoraConfig, PeftModel  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from contracts.base import BaseCard  # noqa: E402
from contracts.shared.weights.families import FAMILIES  # noqa: E402
from domain.publishing.lora_file import check_lora  # noqa: E402
from tests.smoke import trainer_kit as kit  # noqa: E402
from tests.smoke.job_dir import JobDir  # noqa: E402
from tests.smoke.trainer_kit import (  # noqa: E402
    CPU,
    PROMPT,
    TOLERANCE,
    MakeJob,
    plain_pipeline,
    train_alone,
)
from trainer.examples.batches import draw_batch  # noqa: E402
from trainer.examples.class_images import ClassImages, unpack  # noqa: E402
from trainer.model import lora  # noqa: E402
from trainer.model.objective import FlowMatching, logit_normal_sigmas, make_objective  # noqa: E402
from trainer.model.sampling import SamplingRequest, make_pictures  # noqa: E402
from trainer.model.text import EncodedPrompts  # noqa: E402
from trainer.optimisation.loop import training_mode  # noqa: E402
from trainer.optimisation.losses import example_losses, user_loss  # noqa: E402
from trainer.optimisation.multi_user import train_users  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402
from trainer.tasks.training import attach_adapters, prepare  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

ALL_LAYERS = ["to_q", "to_k", "to_v", "to_out.0", *(f"feed_forward.w{n}" for n in (1, 2, 3))]


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.tiny_base(tmp_path_factory, "zimage")


@pytest.fixture
def make_job(base_folder: Path, tmp_path: Path) -> MakeJob:
    return kit.job_maker(base_folder, tmp_path)


def picture(pipeline: Any) -> Any:
    return kit.picture(pipeline, guidance_scale=2.0)


# ---- the objective ------------------------------------------------------------------------------


def test_levels_of_noise_are_spread_as_diffusers_scripts_draw_them() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    places = compute_density_for_timestep_sampling(
        "logit_normal", 40_000, 0.0, 1.0, generator=torch.Generator().manual_seed(0)
    )
    theirs = scheduler.sigmas[(places * 1000).long()].sort().values
    ours = logit_normal_sigmas(1000, 3.0)
    wanted = theirs.view(1000, 40).mean(dim=1)
    assert float((ours - wanted).abs().max()) < 0.02
    assert bool((ours.diff() > 0).all())
    assert 0 < float(ours[0]) < float(ours[-1]) < 1


def test_noise_is_added_as_the_scheduler_adds_it() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    chosen = torch.tensor([0, 500, 999])
    objective = FlowMatching(scheduler.sigmas)
    latents, noise = torch.randn(2, 3, 4, 8, 8).unbind(0)
    added = scheduler.scale_noise(latents, scheduler.timesteps[chosen], noise)
    assert torch.allclose(objective.add_noise(latents, noise, chosen), added)
    assert torch.allclose(objective.times(chosen), scheduler.timesteps[chosen])


@pytest.mark.parametrize(
    ("family", "settings"), [("zimage", {"use_dynamic_shifting": True}), ("sdxl", {})]
)
def test_a_scheduler_that_does_not_fit_the_card_is_refused(
    base_folder: Path, family: Any, settings: Any
) -> None:
    card = BaseCard.model_validate_json((base_folder / "base.json").read_bytes())
    if family == "sdxl":
        card = card.model_copy(update={"family": family, "prediction_type": "epsilon"})
    with pytest.raises(TrainingError, match="base_mismatch"):
        make_objective(card, FlowMatchEulerDiscreteScheduler(**settings), CPU)


# ---- a step ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"gradient_checkpointing": True}])
def test_a_step_has_the_loss_and_the_gradients_of_plain_diffusers(
    make_job: MakeJob, base_folder: Path, options: Any
) -> None:
    job, task = make_job(prior_loss_weight=0.5, lora_alpha=2, target_modules=ALL_LAYERS, **options)
    run = prepare(job, task).run
    networks = attach_adapters(job.base, run.recipe)
    weights = lora.parameters(networks)
    kit.perturb(weights)
    batch = draw_batch(run.recipe, run.examples, 0, job.base.objective.timestep_count)
    texts = [run.examples.encode_frozen(job.base)]
    with training_mode(job.base, networks, run.recipe, texts) as frozen:
        losses = example_losses(job.base, run.recipe, batch, frozen[0].rows(batch.rows))
        user_loss(losses, run.recipe).backward()

    plain = plain_pipeline(base_folder)
    plain.transformer.requires_grad_(False)
    plain.transformer.add_adapter(LoraConfig(r=4, lora_alpha=2, target_modules=ALL_LAYERS))
    theirs = {f"transformer.{name}": w for name, w in plain.transformer.named_parameters()}
    for name, weight in weights.items():
        theirs[name].data.copy_(weight.data)
    prompts = [run.examples.prompts[row] for row in batch.rows.tolist()]
    embeds, _ = plain.encode_prompt(list(prompts), "cpu", do_classifier_free_guidance=False)
    sigma = logit_normal_sigmas(1000, 3.0)[batch.timesteps].view(-1, 1, 1, 1)
    noisy = (1 - sigma) * batch.latents + sigma * batch.noise
    answers = plain.transformer(
        list(noisy.unsqueeze(2).unbind()), 1 - sigma.flatten(), embeds, return_dict=False
    )[0]
    errors = (-torch.stack(answers).squeeze(2) - (batch.noise - batch.latents)).square()
    wanted = errors.mean(dim=(1, 2, 3))
    (wanted[: len(wanted) // 2].mean() + 0.5 * wanted[len(wanted) // 2 :].mean()).backward()

    assert len({len(text) for text in embeds}) > 1, "prompts of several lengths"
    assert torch.allclose(losses, wanted, rtol=1e-4)
    assert len(weights) == 2 * len(ALL_LAYERS) * 4  # the blocks of the tiny transformer
    for name, weight in weights.items():
        assert weight.grad is not None
        gap = torch.linalg.vector_norm(weight.grad - theirs[name].grad)
        assert gap <= 1e-4 * torch.linalg.vector_norm(theirs[name].grad), name


def test_photos_are_encoded_with_the_shift_and_decoded_without_it(make_job: MakeJob) -> None:
    job, task = make_job()
    vae, run = job.base.pipeline.vae, prepare(job, task).run
    sample = run.examples.photos.draw(0, torch.zeros_like(run.examples.photos.mean[0]))
    wanted = (run.examples.photos.mean[0] - vae.config.shift_factor) * vae.config.scaling_factor
    assert torch.equal(sample, wanted)
    back = job.base.latents.to_autoencoder(sample)
    assert torch.allclose(back, run.examples.photos.mean[0], atol=1e-6)


def test_pictures_of_the_gate_are_the_pipelines_own(make_job: MakeJob, base_folder: Path) -> None:
    job, _ = make_job()
    requests = [SamplingRequest("a hat", 3), SamplingRequest(PROMPT, 0)]
    ours = make_pictures(job.base, requests, 64, TimeLimit(), "pictures")
    assert np.abs(ours[1] - picture(plain_pipeline(base_folder))).max() < TOLERANCE


# ---- prompts -----------------------------------------------------------------------------------


def test_prompts_keep_their_lengths_when_they_are_joined_chosen_and_stored() -> None:
    short = EncodedPrompts(torch.ones(1, 2, 3), None, lengths=torch.tensor([2]))
    long = EncodedPrompts(torch.full((1, 4, 3), 2.0), None, lengths=torch.tensor([4]))
    both = EncodedPrompts.join([short, long])
    again = EncodedPrompts.of_tensors(both.tensors(), CPU, torch.float32)
    chosen = again.rows(torch.tensor([1, 0, 0])).unpadded()
    assert [len(text) for text in chosen] == [4, 2, 2]
    assert torch.equal(chosen[1], short.hidden[0])
    assert torch.equal(chosen[0], long.hidden[0])


def test_class_images_keep_the_prompts_of_the_base(make_job: MakeJob) -> None:
    job, task = make_job()
    examples = prepare(job, task).run.examples
    (stored,) = (job.root / "checkpoints" / "priors").rglob("*.safetensors")
    assert examples.generated is not None
    found: ClassImages = unpack(stored.read_bytes(), examples.generated.prompts, job.base)
    fresh = job.base.encode(found.prompts)
    for own, other in zip(found.text.unpadded(), fresh.unpadded(), strict=True):
        assert torch.allclose(own, other, atol=1e-6)


# ---- whole trainings ---------------------------------------------------------------------------


def test_a_training_gives_files_that_diffusers_loads_whole(
    base_folder: Path, tmp_path: Path
) -> None:
    job_dir = JobDir(tmp_path / "job", base_folder)
    name = job_dir.add_task(
        learning_rate=0.05, lora_alpha=8, rank=4, validation_steps=1, sample_prompts=[PROMPT]
    )
    with_lengths = job_dir.add_task(learning_rate=0.05, use_dora=True, target_modules=ALL_LAYERS)
    job_dir.write_plan()
    done = job_dir.run()
    assert done.returncode == 0, done.stderr
    plain = picture(plain_pipeline(base_folder))
    for task in (name, with_lengths):
        result, adapter = job_dir.result(task), job_dir.folder(task) / "adapter"
        assert (result.status, result.failure) == ("succeeded", None)
        assert result.adapter is not None
        assert (result.adapter.family, result.adapter.prediction_type) == (
            "zimage",
            "flow_prediction",
        )
        file = adapter / "pytorch_lora_weights.safetensors"
        check_lora(file.read_bytes(), 4, None, FAMILIES["zimage"])
        pipeline = plain_pipeline(base_folder)
        pipeline.load_lora_weights(adapter, weight_name=file.name)
        assert adapter_tensors(pipeline) == len(load_file(file))
        first = picture(pipeline)
        assert np.abs(first - plain).max() > 2 * TOLERANCE
        pipeline = plain_pipeline(base_folder)
        folder = adapter / "peft" / "transformer"
        wrapped = PeftModel.from_pretrained(pipeline.transformer, folder)
        pipeline.transformer = wrapped.base_model.model
        assert np.abs(picture(pipeline) - first).max() < TOLERANCE
    assert sorted(path.name for path in (adapter / "peft").iterdir()) == ["transformer"]
    assert list((job_dir.folder(name) / "adapter" / "samples").iterdir())
    assert "flow_prediction" in (adapter / "README.md").read_text()


def adapter_tensors(pipeline: Any) -> int:
    return sum("lora_" in name for name, _ in pipeline.transformer.named_parameters())


def test_comfyuis_file_has_the_names_that_comfyui_and_diffusers_read(
    base_folder: Path, tmp_path: Path
) -> None:
    job_dir = JobDir(tmp_path / "job", base_folder)
    name = job_dir.add_task(learning_rate=0.05, lora_alpha=8, rank=4)
    job_dir.write_plan()
    assert job_dir.run().returncode == 0
    adapter = job_dir.folder(name) / "adapter"
    (file,) = (adapter / "webui").iterdir()
    assert "_zimage_" in file.name
    layer = "diffusion_model.layers.0.attention.to_q"
    tensors = load_file(file)
    assert {f"{layer}.lora_down.weight", f"{layer}.lora_up.weight", f"{layer}.alpha"} <= {*tensors}
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    assert metadata["modelspec.architecture"] == "z-image/lora"
    assert metadata["ss_base_model_version"] == "zimage"
    assert not {"modelspec.prediction_type", "likeness_layers_per_block"} & {*metadata}
    pictures = []
    for weights in (file, adapter / "pytorch_lora_weights.safetensors"):
        pipeline = plain_pipeline(base_folder)
        pipeline.load_lora_weights(weights.parent, weight_name=weights.name)
        assert adapter_tensors(pipeline) * 3 == len(tensors) * 2
        pictures.append(picture(pipeline))
    assert np.abs(pictures[0] - pictures[1]).max() < TOLERANCE
    card = (adapter / "README.md").read_text()
    assert f"- ComfyUI: `webui/{file.name}`" in card


OPTION_SETS: list[dict[str, Any]] = [
    {"lora_dropout": 0.3, "gradient_accumulation_steps": 2, "caption_dropout_rate": 0.5},
    {"enable_bucket": True, "resolutions": [64, 96], "gradient_checkpointing": True},
    {"use_dora": True, "use_rslora": True, "loraplus_lr_ratio": 4, "use_ema": True},
    {"adapter_type": "lokr", "decompose_factor": 4, "rank": 1, "target_modules": ALL_LAYERS},
]


@pytest.mark.parametrize("options", OPTION_SETS, ids=["dropout", "buckets", "dora", "lokr"])
def test_a_resumed_run_is_bit_exact(make_job: MakeJob, options: dict[str, Any]) -> None:
    kit.check_resumes_exactly(*make_job(**options))


def test_users_of_one_step_get_the_weights_of_single_trainings(make_job: MakeJob) -> None:
    (job, one), (_, other) = make_job(), make_job(seed=7, instance_prompt="sks with a long prompt")
    runs = [
        replace(run, folder=run.folder / str(number))
        for number, run in enumerate(prepare(job, task).run for task in (one, other))
    ]
    alone = [train_alone(job, replace(r, folder=r.folder / "alone"), TimeLimit()) for r in runs]
    for mine, found in zip(alone, train_users(job.base, runs, TimeLimit()), strict=True):
        assert not isinstance(found, TrainingError)
        _, weights = found
        assert weights.keys() == mine.keys() - {"losses"}
        assert all(torch.allclose(weights[name], mine[name], atol=1e-5) for name in weights)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("snr_gamma", 5),
        ("noise_offset", 0.1),
        ("train_text_encoder", True),
        ("target_modules", ["ff.net.2"]),
        ("resolution", 72),
        ("mixed_precision", "fp16"),
    ],
)
def test_an_option_that_means_nothing_here_ends_with_its_code(
    make_job: MakeJob, option: str, value: Any
) -> None:
    job, task = make_job(**{option: value})
    with pytest.raises(TrainingError, match=f"option_not_for_base: {option}: "):
        prepare(job, task)


def test_where_nothing_is_asked_for_no_step_is_weighted_by_noise(make_job: MakeJob) -> None:
    job, task = make_job(snr_gamma=0)
    assert prepare(job, task).run.recipe.snr_gamma == 0
    job, task = make_job()
    assert prepare(job, task).run.recipe.snr_gamma == 0
