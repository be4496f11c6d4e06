"""Each training option has its effect; small networks, and tiny pipelines in this process."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from diffusers import DDPMScheduler  # noqa: E402
from diffusers.optimization import get_scheduler  # noqa: E402
from diffusers.training_utils import compute_snr  # noqa: E402
from torch import nn  # noqa: E402

from contracts.documents.training import GateReport  # noqa: E402
from tests.smoke import trainer_kit as kit  # noqa: E402
from tests.smoke.trainer_kit import CPU, MakeJob, small_recipe, train_alone  # noqa: E402
from trainer.config import noise as loss  # noqa: E402
from trainer.config import sharing  # noqa: E402
from trainer.config.recipe import Recipe, RecipeSubject  # noqa: E402
from trainer.examples.batches import Batch, draw_batch, draw_noise  # noqa: E402
from trainer.examples.buckets import Bucket, Size, choose_batch, sizes_of  # noqa: E402
from trainer.model import lora  # noqa: E402
from trainer.model.architectures import ARCHITECTURES  # noqa: E402
from trainer.model.latents import LatentCodec  # noqa: E402
from trainer.model.objective import Diffusion  # noqa: E402
from trainer.model.text import EncodedPrompts  # noqa: E402
from trainer.optimisation.checkpoint import Progress, load_checkpoint, save_checkpoint  # noqa: E402
from trainer.optimisation.loop import texts_of, train, training_mode  # noqa: E402
from trainer.optimisation.losses import example_losses  # noqa: E402
from trainer.optimisation.multi_user import draw_group_batch, train_users  # noqa: E402
from trainer.optimisation.optimizers import make_schedule  # noqa: E402
from trainer.optimisation.step import OptimizerStep  # noqa: E402
from trainer.optimisation.training_run import TrainingOutcome, TrainingRun  # noqa: E402
from trainer.photos.photos import Latents, time_ids_of  # noqa: E402
from trainer.process.resources import Machine  # noqa: E402
from trainer.process.results import PreemptedError, TrainingError, describe_failure  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402
from trainer.tasks.shared import Job  # noqa: E402
from trainer.tasks.training import attach_adapters, failure_of, prepare  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

SCHEDULERS: list[dict[str, Any]] = [
    {"lr_scheduler": "constant"},
    {"lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 3},
    {"lr_scheduler": "linear", "lr_warmup_steps": 3},
    {"lr_scheduler": "cosine", "lr_warmup_steps": 0},
    {"lr_scheduler": "cosine_with_restarts", "lr_warmup_steps": 2, "lr_num_cycles": 3},
    {"lr_scheduler": "polynomial", "lr_warmup_steps": 2, "lr_power": 2.0},
]


# ---- the learning rate and the optimizer -------------------------------------------------------


@pytest.mark.parametrize("options", SCHEDULERS, ids=lambda options: options["lr_scheduler"])
def test_the_rates_are_diffusers_own(options: dict[str, Any]) -> None:
    own = small_recipe(**options)
    factor = make_schedule(own)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=own.learning_rate)
    theirs = get_scheduler(
        own.lr_scheduler,
        optimizer,
        num_warmup_steps=own.lr_warmup_steps,
        num_training_steps=own.steps,
        num_cycles=own.lr_num_cycles,
        power=own.lr_power,
    )
    for step in range(own.steps):
        wanted = optimizer.param_groups[0]["lr"]
        assert own.learning_rate * factor(step) == pytest.approx(wanted, abs=1e-9)
        optimizer.step()
        theirs.step()


def test_where_nothing_is_asked_for_the_rate_warms_up_and_falls_along_a_cosine() -> None:
    own = small_recipe(steps=100)
    factor = make_schedule(own)
    assert own.warm_up_steps == 5
    assert [round(factor(step), 4) for step in (0, 1, 4, 25, 50, 75)] == [
        *(0.2, 0.3999, 0.9961),  # 1, 2 and 5 fifths of the cosine
        *(0.8536, 0.5, 0.1464),  # half of 1 + cos 45, 90 and 135 degrees
    ]
    assert factor(99) < 0.001
    assert factor(100) == pytest.approx(0)


OPTIMIZERS: list[dict[str, Any]] = [
    {"optimizer": "adamw"},
    {"use_8bit_adam": True},
    {"optimizer": "adafactor"},
    {"optimizer": "prodigy", "learning_rate": 1.0},
]


def optional_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.sys.prefix) / "optional"  # type: ignore[attr-defined]
    if not (folder / "bitsandbytes").is_dir():
        pytest.skip("needs training_image/requirements-optional.txt in the environment's optional/")
    monkeypatch.setenv("LIKENESS_OPTIONAL", str(folder))


def make_stepper(own: Recipe, dtype: Any = torch.float32) -> OptimizerStep:
    weights = {"unet.a": nn.Parameter(torch.linspace(-1, 1, 8192).reshape(64, 128))}
    return OptimizerStep(own, weights, dtype)


def take_steps(stepper: OptimizerStep, first: int, last: int) -> None:
    for step in range(first, last):
        weight = stepper.weights["unet.a"]
        error = (weight * loss.normal(weight.shape, step)).sum() + weight.square().sum()
        stepper.scale(error).backward()
        stepper.apply(step, error.detach().reshape(1))


@pytest.mark.parametrize("options", OPTIMIZERS, ids=lambda options: "-".join(map(str, options)))
def test_every_optimizer_resumes_bit_for_bit_from_a_checkpoint(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if options.get("use_8bit_adam"):
        optional_folder(monkeypatch)
    own = small_recipe(**options)
    whole, first, second = make_stepper(own), make_stepper(own), make_stepper(own)
    take_steps(whole, 0, 6)
    take_steps(first, 0, 3)
    save_checkpoint(tmp_path, "mine", first.state_dict(Progress(3, [0.0] * 3, 1.0)))
    state = load_checkpoint(tmp_path, "mine")
    assert state is not None

    second.load_state(state)
    take_steps(second, 3, 6)

    assert torch.equal(whole.weights["unet.a"], second.weights["unet.a"])
    assert not torch.equal(first.weights["unet.a"], second.weights["unet.a"])


def test_an_option_that_the_machine_lacks_is_an_error_and_not_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(os.sys.modules, "bitsandbytes.optim", None)  # type: ignore[attr-defined]
    with pytest.raises(TrainingError, match="option_unavailable: use_8bit_adam"):
        make_stepper(small_recipe(use_8bit_adam=True))
    with pytest.raises(TrainingError, match="option_unavailable: mixed_precision"):
        Machine().dtype(CPU, "fp16")
    assert Machine(mixed_precision="bf16").dtype(CPU) == torch.bfloat16
    assert Machine(mixed_precision="bf16").dtype(CPU, "no") == torch.float32


@pytest.mark.parametrize(("native", "wanted"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_t4_and_a_v100_do_not_get_the_bf16_that_they_only_emulate(
    monkeypatch: pytest.MonkeyPatch, wanted: Any, *, native: bool
) -> None:
    def supported(*, including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    gpu = torch.device("cuda")
    assert Machine().dtype(gpu) == wanted
    assert Machine().dtype(gpu, "fp16") == torch.float16
    if not native:
        with pytest.raises(TrainingError, match="this GPU does not support bf16"):
            Machine().dtype(gpu, "bf16")


def test_float16_skips_a_step_that_overflows_and_lowers_its_scale() -> None:
    stepper = make_stepper(small_recipe(), torch.float16)
    before = stepper.weights["unet.a"].detach().clone()
    scale = float(stepper.scale(torch.ones(())))
    assert scale > 1

    stepper.weights["unet.a"].grad = torch.full((64, 128), torch.inf)
    (stats,) = stepper.apply(0, torch.ones(1))

    assert stats.is_spike
    assert not stats.diverged
    assert torch.equal(stepper.weights["unet.a"], before)
    assert float(stepper.scale(torch.ones(()))) < scale
    again = make_stepper(small_recipe(), torch.float16)
    again.load_state(stepper.state_dict(Progress.none()))
    assert float(again.scale(torch.ones(()))) == float(stepper.scale(torch.ones(())))
    (stats,) = stepper.apply(1, torch.tensor([torch.nan]))
    assert stats.diverged


def test_a_gradient_norm_spike_is_clipped_and_counted() -> None:
    stepper = make_stepper(small_recipe(max_grad_norm=0.1))
    stepper.weights["unet.a"].grad = torch.ones(64, 128)
    assert stepper.apply(0, torch.ones(1))[0].is_spike
    stepper.weights["unet.a"].grad = torch.full((64, 128), 1e-4)
    assert not stepper.apply(1, torch.ones(1))[0].is_spike


# ---- which photos a step sees ------------------------------------------------------------------


def bucket(count: int, size: Size, repeats: tuple[int, ...] = ()) -> Bucket:
    latents = torch.zeros(count, 4, size.height // 8, size.width // 8)
    return Bucket(Latents(latents, latents, LatentCodec(1.0)), range(count), size, repeats)


def count_draws(
    buckets: tuple[Bucket, ...], batches: range, size: int, seed: int
) -> dict[tuple[int, int], int]:
    """Return how often each photo, by bucket and place, is drawn in these batches."""
    seen = {(n, photo): 0 for n, own in enumerate(buckets) for photo in range(len(own.rows))}
    for batch in batches:
        number, chosen = choose_batch(buckets, batch, size, seed=seed)
        assert len(chosen) == size
        for photo in chosen:
            seen[number, photo] += 1
    return seen


def test_in_a_round_every_photo_of_every_size_comes_once_for_each_repeat() -> None:
    buckets = (bucket(4, Size(64, 64), (1, 2, 1, 2)), bucket(2, Size(64, 96)))
    for round_ in range(3):  # 6 and 2 draws a round of 4 batches of 2, in the proportion of 3 to 1
        seen = count_draws(buckets, range(4 * round_, 4 * round_ + 4), 2, seed=7)
        assert seen == {(0, 0): 1, (0, 1): 2, (0, 2): 1, (0, 3): 2, (1, 0): 1, (1, 1): 1}
    orders = {
        tuple(choose_batch(buckets, b, 2, seed=7)[0] for b in range(4 * r, 4 * r + 4))
        for r in range(8)
    }
    assert len(orders) > 1


def test_one_landscape_among_13_portraits_is_drawn_as_often_as_each_portrait() -> None:
    buckets = (bucket(13, Size(96, 64)), bucket(1, Size(64, 96)))
    seen = count_draws(buckets, range(5 * 14), 4, seed=1)
    assert set(seen.values()) == {20}
    short = [count_draws(buckets, range(7), 4, seed=seed)[1, 0] for seed in range(400)]
    assert sum(short) / len(short) == pytest.approx(2, abs=0.3), "7 batches: 28 draws of 14 photos"


@pytest.mark.parametrize("seed", range(40))
def test_any_mixture_of_sizes_draws_every_photo_as_often_as_its_repeats(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - the same every time
    buckets = tuple(
        bucket(count, Size(64, 64 + 8 * number), tuple(draw.choices([1, 1, 2, 5], k=count)))
        for number, count in enumerate(draw.choices(range(1, 16), k=draw.randint(2, 6)))
    )
    repeats = {(n, p): r for n, own in enumerate(buckets) for p, r in enumerate(own.repeats)}
    size, total = draw.randint(1, 6), sum(repeats.values())
    seen = count_draws(buckets, range(3 * total), size, seed)
    assert seen == {photo: 3 * size * often for photo, often in repeats.items()}
    # Between two rounds no size is far ahead of its share.
    some = draw.randrange(1, 3 * total)
    seen = count_draws(buckets, range(some), size, seed)
    for number, own in enumerate(buckets):
        drawn = sum(seen[number, photo] for photo in range(len(own.rows))) / size
        assert abs(drawn - some * sum(own.repeats) / total) <= len(buckets)


@pytest.mark.parametrize(("side", "step"), [(512, 64), (768, 64), (1024, 32), (64, 8)])
def test_bucket_sizes_fit_the_network_and_have_no_more_pixels_than_the_square(
    side: int, step: int
) -> None:
    sizes = sizes_of(side, step)
    assert Size(side, side) in sizes
    assert len(sizes) > 4
    for size in sizes:
        assert size.height % step == size.width % step == 0
        assert 0.7 * side**2 < size.height * size.width <= side**2
        assert Size(size.width, size.height) in sizes


def test_noise_offset_moves_whole_channels() -> None:
    shape = torch.Size((2, 4, 64, 64))
    plain, offset = (
        draw_noise(small_recipe(noise_offset=o), shape, 3, "noise") for o in (0.0, 0.5)
    )
    moved = offset - plain
    assert float(moved.std(dim=(2, 3)).max()) < 1e-6
    assert float(moved[:, :, 0, 0].std()) > 0.1


def test_users_share_a_step_only_if_their_options_agree() -> None:
    one, named = small_recipe(), (RecipeSubject("zwx", "other", ""),)
    assert sharing.can_share_step(one, small_recipe(seed=2, alpha=1.0, subjects=named))
    not_groupable: list[dict[str, Any]] = [
        {"optimizer": "prodigy"},
        {"use_8bit_adam": True},
        {"lora_dropout": 0.1},
        {"gradient_accumulation_steps": 2},
        {"enable_bucket": True},
        {"resolutions": (64, 128)},
        {"text_encoder_lr": 1e-4},
        {"mixed_precision": "fp16"},
        {"subjects": named * 2},
    ]
    assert not any(
        sharing.can_share_step(small_recipe(**own), small_recipe(**own)) for own in not_groupable
    )
    differing: list[dict[str, Any]] = [
        {"lr_scheduler": "linear"},
        {"adam_beta2": 0.99},
        {"snr_gamma": 0.0},
        {"noise_offset": 0.1},
        {"max_grad_norm": 2.0},
        {"weight_decay": 0.0},
        {"gradient_checkpointing": True},
    ]
    for own in differing:
        assert not sharing.can_share_step(one, small_recipe(**own))
        assert sharing.can_share_step(small_recipe(**own), small_recipe(**own, seed=9))


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_a_network_that_predicts_the_target_has_no_loss(family: Any, kind: Any) -> None:
    noise, latents = torch.randn(2, 3, 4, 8, 8).unbind(0)
    timesteps = torch.tensor([1, 500, 998])
    scheduler = DDPMScheduler(prediction_type=kind, beta_schedule="scaled_linear")
    velocity = scheduler.get_velocity(latents, noise, timesteps)
    answer = SimpleNamespace(sample=noise if kind == "epsilon" else velocity)
    base: Any = SimpleNamespace(
        device=CPU,
        dtype=torch.float32,
        objective=Diffusion(kind, scheduler.alphas_cumprod),
        denoiser=ARCHITECTURES[family].denoiser,
        network=lambda *_, **__: answer,
    )
    batch = Batch(latents, noise, timesteps, torch.zeros(3, dtype=torch.int64))
    text = EncodedPrompts(torch.zeros(3, 7, 5), torch.zeros(3, 5))
    for gamma in (0.0, 5.0):
        errors = example_losses(base, small_recipe(snr_gamma=gamma), batch, text)
        assert float(errors.abs().max()) < 1e-10
    answer.sample = answer.sample + 1.0
    plain = example_losses(base, small_recipe(snr_gamma=0.0), batch, text)
    assert torch.allclose(plain, torch.ones(3), atol=1e-5)
    weighted = example_losses(base, small_recipe(snr_gamma=5.0), batch, text)
    snr = compute_snr(scheduler, timesteps)
    divisor = snr if kind == "epsilon" else snr + 1
    assert torch.allclose(weighted, snr.clamp(max=5) / divisor, rtol=1e-3)


# ---- whole trainings, on tiny pipelines --------------------------------------------------------


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.tiny_base(tmp_path_factory, "sdxl")


@pytest.fixture
def make_job(base_folder: Path, tmp_path: Path) -> MakeJob:
    return kit.job_maker(base_folder, tmp_path)


OPTION_SETS: list[dict[str, Any]] = [
    {
        "lr_scheduler": "cosine",
        "lr_warmup_steps": 1,
        "gradient_accumulation_steps": 2,
        "lora_dropout": 0.3,
        "train_text_encoder": True,
        "text_encoder_rank": 2,
        "noise_offset": 0.1,
    },
    {
        "enable_bucket": True,
        "resolutions": [64, 96],
        "optimizer": "adafactor",
        "lr_scheduler": "linear",
        "gradient_checkpointing": True,
        "target_modules": ["to_q", "ff.net.2"],
    },
    {"optimizer": "prodigy", "snr_gamma": 0, "lora_dropout": 0.1, "num_train_epochs": 2},
    {"use_dora": True, "use_rslora": True, "loraplus_lr_ratio": 4, "use_ema": True},
    {
        "adapter_type": "lokr",
        "decompose_factor": 4,
        "rank": 1,
        "train_text_encoder": True,
        "gradient_checkpointing": True,
    },
]


@pytest.mark.parametrize(
    "options", OPTION_SETS, ids=["accumulation", "buckets", "prodigy", "dora", "lokr"]
)
def test_a_resumed_run_is_bit_exact_with_every_option(
    make_job: MakeJob, options: dict[str, Any]
) -> None:
    kit.check_resumes_exactly(*make_job(**options))


class Recording:
    """A reader of prompts that remembers which ones it encoded."""

    def __init__(self, text: Any) -> None:
        self._text = text
        self.prompts: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._text, name)

    def encode(self, pipeline: Any, prompts: list[str]) -> EncodedPrompts:
        self.prompts.append(list(prompts))
        encoded: EncodedPrompts = self._text.encode(pipeline, prompts)
        return encoded


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_trained_text_encoder_encodes_only_the_batchs_captions(
    make_job: MakeJob, *, checkpointing: bool
) -> None:
    job, task = make_job(train_text_encoder=True, gradient_checkpointing=checkpointing)
    run = prepare(job, task).run
    networks = attach_adapters(job.base, run.recipe)
    weights = lora.parameters(networks)
    kit.perturb(weights)
    captions = run.examples.prompts + [f"a photo of tool number {n}" for n in range(40)]
    examples = replace(run.examples, prompts=captions)
    recording: Any = Recording(job.base.architecture.text)
    base = replace(job.base, architecture=replace(job.base.architecture, text=recording))
    batch = draw_batch(run.recipe, examples, 0, base.objective.timestep_count)

    def gradients(texts: Any) -> list[Any]:
        example_losses(base, run.recipe, batch, texts).sum().backward()
        found = [weight.grad for weight in weights.values() if weight.grad is not None]
        for weight in weights.values():
            weight.grad = None
        return found

    with training_mode(base, networks, replace(run.recipe, gradient_checkpointing=False)):
        whole = gradients(base.encode(captions).rows(batch.rows))
    with training_mode(base, networks, run.recipe):
        own = gradients(texts_of(base, examples, [], batch.rows))
    lora.detach(networks)
    used = {captions[row] for row in batch.rows.tolist()}
    assert len(recording.prompts[-1]) == len(used) < len(captions)
    assert {*recording.prompts[-1]} == used
    for one, other in zip(whole, own, strict=True):
        assert torch.linalg.vector_norm(one - other) <= 1e-5 * torch.linalg.vector_norm(one)


def test_sigterm_while_validation_images_are_drawn_loses_no_step(make_job: MakeJob) -> None:
    job, task = make_job(validation_steps=1)
    run = prepare(job, task).run
    assert run.sampler is not None
    drawing = replace(run.sampler, limit=TimeLimit(preempted=True))
    with pytest.raises(PreemptedError):
        train_alone(job, replace(run, sampler=drawing), TimeLimit())
    state = run.load()
    assert state is not None, "the checkpoint is saved before the images are drawn"
    assert state.progress.step == 1


def test_options_change_rank_alpha_and_target_layers(make_job: MakeJob) -> None:
    job, task = make_job(
        rank=4, lora_alpha=2, text_encoder_rank=2, target_modules=["to_k"], lora_dropout=0.5
    )
    own = prepare(job, task).run.recipe
    networks = attach_adapters(job.base, own)
    names = lora.weights(networks)
    lora.detach(networks)
    unet = {name: tensor for name, tensor in names.items() if name.startswith("unet.")}
    encoders = {name: tensor for name, tensor in names.items() if name not in unet}
    assert all(".to_k." in name for name in unet)
    assert {min(tensor.shape) for tensor in unet.values()} == {4}
    assert {min(tensor.shape) for tensor in encoders.values()} == {2}
    assert own.alpha_of("unet") / own.rank_of("unet") == 0.5
    assert own.alpha_of("text_encoder") / own.rank_of("text_encoder") == 0.5


def test_buckets_keep_the_photos_aspect_and_tell_the_network_their_size(make_job: MakeJob) -> None:
    job, task = make_job(enable_bucket=True)  # the photos are 48 wide and 40 high
    run = prepare(job, task).run
    (only,) = run.examples.buckets(64)
    assert only.size == Size(56, 72)
    batch = draw_batch(run.recipe, run.examples, 0, 1000)
    assert batch.latents.shape[-2:] == (14, 18)
    assert batch.class_batch is not None
    assert batch.class_batch.latents.shape[-2:] == (16, 16)  # class images stay square
    photos, class_ids = time_ids_of_step(job, run, 0)
    assert photos == [diffusers_time_ids((48, 40), (72, 56))] * run.recipe.batch_size
    assert class_ids == [[64, 64, 0, 0, 64, 64]] * run.recipe.batch_size


def diffusers_time_ids(whole: tuple[int, int], shown: tuple[int, int]) -> list[int]:
    """Return the time ids as train_dreambooth_lora_sdxl.py has them, with torchvision's Resize."""
    scale = max(shown[0] / whole[0], shown[1] / whole[1])
    resized = [int(side * scale + 1e-9) for side in whole]
    x1 = max(0, round((resized[0] - shown[0]) / 2.0))
    y1 = max(0, round((resized[1] - shown[1]) / 2.0))
    return [whole[1], whole[0], y1, x1, shown[1], shown[0]]


def time_ids_of_step(job: Job, run: TrainingRun, step: int) -> list[list[list[int]]]:
    """Return the time ids that the network gets in each pass of one batch."""
    seen: list[list[list[int]]] = []
    hook = job.base.pipeline.unet.register_forward_pre_hook(
        lambda _network, _args, given: seen.append(given["added_cond_kwargs"]["time_ids"].tolist()),
        with_kwargs=True,
    )
    batch = draw_batch(run.recipe, run.examples, step, 1000)
    text = job.base.encode(run.examples.prompts).rows(batch.rows)
    with torch.no_grad():
        example_losses(job.base, run.recipe, batch, text)
    hook.remove()
    return seen


def test_a_cropped_photo_tells_the_network_its_own_size_and_its_crop(make_job: MakeJob) -> None:
    job, task = make_job()
    run = prepare(job, task).run  # squares of 64 pixels, of photos that are 48 wide and 40 high
    (ids,) = time_ids_of_step(job, run, 0)
    size = run.recipe.batch_size
    assert ids[:size] == [[40, 48, 0, 6, 64, 64]] * size
    assert ids[size:] == [[64, 64, 0, 0, 64, 64]] * size, "class images are drawn at this size"
    batch, _ = draw_group_batch(
        job.base, [run, run], [job.base.encode(run.examples.prompts)] * 2, 0
    )
    assert batch.time_ids is not None
    assert batch.time_ids.tolist() == ids + ids


@pytest.mark.parametrize("whole", [(48, 40), (900, 1600), (1600, 900), (512, 512), (4032, 3023)])
@pytest.mark.parametrize("shown", [(512, 512), (640, 384), (384, 640)])
def test_time_ids_are_those_of_diffusers_script(
    whole: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert list(time_ids_of(whole, shown)) == diffusers_time_ids(whole, shown)


def test_a_training_without_time_for_a_step_ends_with_the_deadlines_code(make_job: MakeJob) -> None:
    job, task = make_job()
    run = prepare(job, task).run
    over = TimeLimit(deadline_seconds=0)
    with pytest.raises(TrainingError) as alone:
        train_alone(job, run, over)
    lora.detach({"unet": job.base.pipeline.unet})
    (shared,) = train_users(job.base, [run], over)
    assert isinstance(shared, TrainingError)
    assert {alone.value.code, shared.code} == {"deadline_exceeded"}


@pytest.mark.parametrize(
    ("partial", "diverged_at", "code"),
    [
        (True, None, "deadline_exceeded"),
        (False, None, "gate_no_effect"),
        (True, 3, "gate_no_effect"),
    ],
)
def test_no_effect_after_the_deadline_is_the_deadlines_fault(
    partial: bool, diverged_at: int | None, code: str
) -> None:
    outcome = TrainingOutcome(Progress.none(), 0, partial=partial, diverged_at=diverged_at)
    report = GateReport(passed=False, codes=("gate_no_effect",), effect=0.0)
    assert failure_of(report, outcome).code == code


def test_a_divergence_ends_with_a_worthwhile_checkpoint_or_fails(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, task = make_job(max_train_steps=4, checkpointing_steps=1)
    run = prepare(job, task).run
    good = OptimizerStep.apply

    def diverge_after(after: int) -> Callable[..., Any]:
        def move(self: OptimizerStep, step: int, error: Any) -> Any:
            return good(self, step, error if step < after else error * torch.nan)

        return move

    monkeypatch.setattr(OptimizerStep, "apply", diverge_after(3))
    networks = attach_adapters(job.base, run.recipe)
    trained = train(job.base, run, networks, TimeLimit())
    lora.detach(networks)
    assert (trained.diverged_at, trained.partial, trained.progress.step) == (3, True, 3)

    monkeypatch.setattr(OptimizerStep, "apply", diverge_after(1))
    early = replace(run, folder=run.folder / "early")
    networks = attach_adapters(job.base, run.recipe)
    with pytest.raises(TrainingError, match="training_diverged"):
        train(job.base, early, networks, TimeLimit())
    lora.detach(networks)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory"),
        (OSError(28, "No space left on device"), "disk_full"),
        (RuntimeError("a photo of anna"), "training_failed"),
    ],
)
def test_a_failure_of_the_machine_has_a_code_and_contains_no_user_text(
    error: Exception, code: str
) -> None:
    failure = describe_failure(error)
    assert failure.code == code
    assert "anna" not in failure.message
