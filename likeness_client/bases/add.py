"""``likeness base add``: from a diffusers folder or a single file to a base that stacks can use."""

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from contracts.base import Architecture, BaseCard, PredictionType
from contracts.shared.layout.bases import BASE_FILE, base_prefix
from contracts.shared.weights.pipeline_files import CONFIG_SUFFIXES
from likeness_client.bases import configs as file_configs
from likeness_client.bases.card import (
    earlier_card,
    id_of,
    license_of,
    make_card,
    prediction_seen,
    write_card,
)
from likeness_client.bases.checkpoint import Checkpoint, read_checkpoint
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.bases.folder import (
    Pipeline,
    files_below,
    hash_files,
    left_out,
    read_json,
    read_pipeline,
    sha256_of,
    used_files,
)
from likeness_client.bases.mirror import Bucket, mirror
from likeness_client.bases.refiner import take_refiner
from likeness_client.bases.vocabulary import write_tokenizers
from likeness_client.bases.widths import adapter_widths
from likeness_client.exit_codes import ExitCode
from likeness_client.printing import print_now

RESOLUTIONS: dict[Architecture, int] = {"sd1": 512, "sd2": 512, "sdxl": 1024}
"""Side of the pictures, in pixels, of a base in a single file, which does not say it."""
SD2_V_RESOLUTION = 768
"""SD 2's model at 768 pixels predicts v; the one at 512 predicts the noise."""

PICTURE, REFINED_PICTURE = "first_picture.png", "first_picture_refined.png"
SOURCE_FILE = ".source.sha256"
CPU_STEPS = 8
"""Steps of the first picture without a GPU: enough to see that the parts belong together."""

JUDGE, CLIP = "judge", "clip"
CLIP_FILES = ("config.json", "tokenizer_config.json", "preprocessor_config.json")


@dataclass(frozen=True)
class Order:
    """What the command line asks for; None is left to what is found."""

    source: Path
    base_id: str | None = None
    out: Path | None = None
    config: Path | None = None
    tokenizer: Path | None = None
    variant: str | None = None
    prediction_type: PredictionType | None = None
    resolution: int | None = None
    license: str | None = None
    judge: Path | None = None
    clip: Path | None = None
    refiner: Path | None = None
    face_detector: str | None = None
    picture: bool = True


@dataclass(frozen=True)
class Found:
    """A fact about the base and how it is known."""

    prediction_type: PredictionType
    how: str


def add(order: Order, bucket: Bucket | None) -> int:
    """Describe a base, verify it, and copy it to the bucket.

    Raises:
        BaseRefusedError: it is no base, is incomplete, or cannot be drawn with.
    """
    folder = order.source
    if not folder.exists():
        raise BaseRefusedError(f"there is no {folder}")
    if folder.is_file():
        order, folder = convert_file(order)
    card = describe(order, folder)
    write_card(folder, card)
    print_now(summary(folder, card))
    if bucket is not None:
        mirror(folder, card, bucket, print_now)
        print_now(f"use it: sam deploy --parameter-overrides BaseId={card.base_id} (docs/bases.md)")
    else:
        print_now("not copied to S3: --to s3://BUCKET or --stack NAME does it")
    return ExitCode.DONE


def describe(order: Order, folder: Path) -> BaseCard:
    """Return the card of a diffusers folder, after drawing one picture with it."""
    pipeline, earlier = read_pipeline(folder), earlier_card(folder)
    paths = used_files(pipeline, order.variant)
    if unused := left_out(pipeline):
        print_now(f"left out, since neither training nor drawing uses it: {', '.join(unused)}")
    loaded = tools().load(pipeline, paths) if order.picture else None
    found = prediction(order, pipeline, loaded)
    print_now(f"prediction type {found.prediction_type}: {found.how}")
    judge = copy_judge(order.judge, folder)
    has_clip = copy_clip(order.clip, folder)
    files = hash_files(folder, [*paths, *judge], print_now)
    refiner = take_refiner(order.refiner, pipeline, order.variant, print_now)
    facts = {
        "base_id": order.base_id or (earlier.base_id if earlier else id_of(folder.name)),
        "family": pipeline.family,
        "prediction_type": found.prediction_type,
        "resolution": order.resolution or (earlier.resolution if earlier else pipeline.resolution),
        "license": order.license or license_of(folder),
        "judge": JUDGE if judge else None,
        "clip": CLIP if has_clip else None,
        "face_detector": order.face_detector,
        "refiner": refiner,
        "adapter_widths": adapter_widths(pipeline, paths, print_now),
    }
    card = make_card(facts, files, earlier, is_distilled=pipeline.is_distilled)
    if loaded is None:
        print_now("not verified by a picture, as --no-picture asks")
        return card
    steps = card.inference.num_inference_steps
    steps = steps if loaded.device == "cuda" else min(steps, CPU_STEPS)
    print_now(
        f"drawing one picture of {card.resolution} pixels in {steps} steps on {loaded.device}"
    )
    latents = tools().draw(loaded, card, folder / PICTURE, steps)
    print_now(f"look at it: {folder / PICTURE}")
    if card.refiner is not None:
        tools().draw_refined(loaded, card, folder / REFINED_PICTURE, latents)
        print_now(f"and at the same picture after the refiner: {folder / REFINED_PICTURE}")
    return card


def prediction(order: Order, pipeline: Pipeline, loaded: Any | None) -> Found:  # noqa: ANN401 - of draw
    """Return what the network predicts, and how that is known.

    Raises:
        BaseRefusedError: the scheduler's config says another thing than the flag or the UNet.
    """
    declared = pipeline.prediction_type
    where = "scheduler/scheduler_config.json"
    if order.prediction_type is not None:
        if order.prediction_type != declared:
            raise BaseRefusedError(
                f"--prediction-type says {order.prediction_type} and {where} says {declared}, which"
                " the trainer reads: correct the file"
            )
        return Found(declared, "as --prediction-type says")
    if declared == "flow_prediction":
        return Found(declared, f"{where} is for flow matching")
    if loaded is None:
        return Found(declared, f"as {where} says; not measured, since nothing is drawn")
    correlation = tools().noise_correlation(loaded, order.resolution or pipeline.resolution)
    seen = prediction_seen(correlation)
    words = f"its answer to pure noise correlates {correlation:.2f} with it (epsilon: 1, v: 0)"
    if seen is not None and seen != declared:
        raise BaseRefusedError(
            f"{where} says {declared}, but the UNet predicts {seen}: {words}. Correct the file, or"
            f" give --prediction-type {declared} if you know better, e.g. for untrained weights"
        )
    sure = "measured" if seen else f"as {where} says; the measurement is not clear"
    return Found(declared, f"{sure}: {words}")


# ---- a single file -------------------------------------------------------------------------------


def convert_file(order: Order) -> tuple[Order, Path]:
    """Convert a single file, once; return what is left to do, and the folder.

    Raises:
        BaseRefusedError: it is no checkpoint, or the folder is another base's.
    """
    checkpoint = read_checkpoint(order.source)
    base_id = order.base_id or id_of(order.source.stem)
    folder = order.out or order.source.parent / base_id
    order = replace(
        order,
        base_id=base_id,
        license=order.license or checkpoint.metadata.get("modelspec.license"),
    )
    print_now(f"{order.source.name}: {checkpoint.family}, {len(checkpoint.shapes)} tensors")
    digest = sha256_of(order.source)
    if already_converted(folder, digest):
        print_now(f"converted before: {folder}")
        return order, folder
    if folder.exists() and any(folder.iterdir()):
        raise BaseRefusedError(f"{folder} is not empty, and not made of this file: give --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as work:
        made = build(order, checkpoint, Path(work))
        (made / SOURCE_FILE).write_text(digest)
        shutil.copytree(made, folder, dirs_exist_ok=True)
    return order, folder


def already_converted(folder: Path, digest: str) -> bool:
    """Return whether the folder was made of this file."""
    mark = folder / SOURCE_FILE
    return mark.is_file() and mark.read_text() == digest


def build(order: Order, checkpoint: Checkpoint, work: Path) -> Path:
    """Write configs, convert, and correct what only the converted UNet shows; return the folder."""
    made, configs = work / "pipeline", work / "configs"
    resolution = order.resolution or checkpoint.resolution or RESOLUTIONS[checkpoint.family]
    declared = order.prediction_type or checkpoint.prediction_type
    write_configs(order, checkpoint, configs, declared or "epsilon", resolution)
    tools("convert").convert(checkpoint, configs, made)
    if declared is None and order.config is None:
        correct_prediction(order, checkpoint, made, resolution)
    return made


def write_configs(
    order: Order,
    checkpoint: Checkpoint,
    configs: Path,
    prediction_type: PredictionType,
    resolution: int,
) -> None:
    """Write diffusers' configs and the tokenizers.

    They are those of ``--config``, or are made from the tensors' shapes.
    """
    configs.mkdir()
    if order.config is not None:
        read_json(order.config / "model_index.json", "which parts the pipeline has")
        for path in files_below(order.config):
            if path.endswith(CONFIG_SUFFIXES) and path != BASE_FILE:
                (configs / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(order.config / path, configs / path)
        print_now(f"configs and tokenizers: those of {order.config}")
        return
    for name, config in file_configs.configs_of(checkpoint, prediction_type, resolution).items():
        (configs / name).parent.mkdir(parents=True, exist_ok=True)
        (configs / name).write_text(json.dumps(config, indent=2))
    where = write_tokenizers(checkpoint, configs, order.tokenizer)
    print_now(
        "configs: sizes from the tensors' shapes; heads, norms, activations, noise schedule and"
        f" latent scale as in every {checkpoint.family}. Tokenizer: {where}"
    )


def correct_prediction(order: Order, checkpoint: Checkpoint, made: Path, resolution: int) -> None:
    """Write what the UNet predicts into the scheduler's config.

    Raises:
        BaseRefusedError: it cannot be seen, and no convention says it.
    """
    pipeline = read_pipeline(made)
    loaded = tools().load(pipeline, used_files(pipeline))
    correlation = tools().noise_correlation(loaded, resolution)
    seen = prediction_seen(correlation)
    if seen is None:
        raise BaseRefusedError(
            f"{checkpoint.path.name} does not say what its UNet predicts, and its answer to pure"
            f" noise correlates {correlation:.2f} with it (epsilon: 1, v: 0): give"
            " --prediction-type epsilon or v_prediction, as the model's page says"
        )
    changes: dict[str, dict[str, Any]] = {
        "scheduler/scheduler_config.json": {"prediction_type": seen}
    }
    is_sd2_v = checkpoint.family == "sd2" and seen == "v_prediction"
    if is_sd2_v and not (order.resolution or checkpoint.resolution):
        reduction = loaded.pipeline.vae_scale_factor
        changes["unet/config.json"] = {"sample_size": SD2_V_RESOLUTION // reduction}
    for name, change in changes.items():
        config = read_json(made / name, "the model's settings")
        (made / name).write_text(json.dumps(config | change, indent=2))


# ---- pieces --------------------------------------------------------------------------------------


def copy_judge(source: Path | None, folder: Path) -> list[str]:
    """Copy a judge of likeness into the base; return its files.

    Raises:
        BaseRefusedError: it is none.
    """
    target = folder / JUDGE
    if source is not None:
        if not (source / "judge.json").is_file():
            raise BaseRefusedError(f"--judge {source}: judge.json is missing (docs/bases.md)")
        if source.resolve() != target.resolve():
            shutil.copytree(source, target, dirs_exist_ok=True)
    if not (target / "judge.json").is_file():
        return []
    return [f"{JUDGE}/{path}" for path in files_below(target)]


def copy_clip(source: Path | None, folder: Path) -> bool:
    """Copy a CLIP model beside the base; return whether there is one.

    It is no file that a picture depends on, so the base's hash and its adapters stay.

    Raises:
        BaseRefusedError: it is none.
    """
    target = folder / CLIP
    if source is None:
        return (target / CLIP_FILES[0]).is_file()
    lacks = [name for name in CLIP_FILES if not (source / name).is_file()]
    if not any(source.glob("*.safetensors")):
        lacks.append("model.safetensors")
    if lacks:
        raise BaseRefusedError(f"--clip {source}: {', '.join(lacks)} is missing (docs/bases.md)")
    kind = read_json(source / CLIP_FILES[0], "what the network is").get("model_type")
    if kind != "clip":
        raise BaseRefusedError(f"--clip {source}: its model_type is {kind!r} and must be 'clip'")
    if source.resolve() != target.resolve():
        shutil.copytree(source, target, dirs_exist_ok=True)
    return True


def tools(name: str = "draw") -> ModuleType:
    """Return a module that needs torch and diffusers.

    Raises:
        BaseRefusedError: they are not installed.
    """
    try:
        if name == "draw":
            from likeness_client.bases import draw  # noqa: PLC0415 - needs torch

            return draw
        from likeness_client.bases import convert  # noqa: PLC0415 - needs torch
    except ImportError as error:
        raise BaseRefusedError(
            f"this needs {error.name}: pip install 'likeness[bases]'. In a checkout use"
            " PYTHONPATH=functions:. .venv/torch/bin/python -m likeness_client. A folder can be"
            " added without it, and unverified, by --no-picture"
        ) from error
    return convert


def summary(folder: Path, card: BaseCard) -> str:
    """Return what was found, in lines."""
    training, inference = card.training, card.inference
    floors = card.gate.model_dump(exclude_none=True)
    rate = f"rank {training.rank}, learning rate {training.learning_rate:g}"
    drawing = f"{inference.num_inference_steps} steps, guidance {inference.guidance_scale:g}"
    lines = [
        f"{folder / BASE_FILE}",
        f"  base        {card.base_id}, {base_prefix(card.base_id)} in a bucket",
        f"  family      {card.family}, {card.prediction_type}, {card.resolution} pixels",
        f"  hash        {card.sha256} over {len(card.files)} files",
        f"  licence     {card.license or 'not known: give --license'}",
        f"  training    {rate}, {training.steps_per_photo} steps a photo",
        f"  pictures    {drawing}, {inference.scheduler}",
        f"  judge       {card.judge or of_people(card)}",
        f"  CLIP        {card.clip or 'none: prompts are scored only by a judge that reads them'}",
        f"  refiner     {'none' if card.refiner is None else card.refiner.sha256}",
        f"  gate        {', '.join(f'{name} {value:g}' for name, value in floors.items())}",
    ]
    return "\n".join(lines)


def of_people(card: BaseCard) -> str:
    """Return who judges likeness on a base that brings no judge."""
    if card.face_detector in {None, "dlib"}:
        return "dlib's for photos of people, where the training image has it (docs/faces.md)"
    return "none: likeness is not measured"
