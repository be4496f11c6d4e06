"""Writes ``base.json``: the files that a picture depends on, and the default settings."""

from hashlib import sha256
from pathlib import Path

from contracts.base import (
    Architecture,
    BaseCard,
    GateFloors,
    InferenceDefaults,
    PredictionType,
    TrainingDefaults,
    hash_of_files,
)

CARD, FACES = "base.json", "faces.safetensors"
RESOLUTION = 64
PARTS = (
    "model_index.json",
    "scheduler",
    "text_encoder",
    "text_encoder_2",
    "tokenizer",
    "tokenizer_2",
    "unet",
    "vae",
)
"""Files and folders that a picture depends on; the judge and the README are not among them."""

TRAINING = TrainingDefaults(
    learning_rate=4e-3,
    train_batch_size=4,
    rank=16,
    steps_per_photo=60,
    min_train_steps=100,
    max_train_steps=600,
    # Single runs of `reference_training` on the final base: 400 steps, all layers below and the
    # text encoders trained; identity of generated pictures, and of the photos themselves:
    #   rate 2e-3, encoders 1e-3, rank  8   album 5001: 0.75, 0.95
    #   rate 4e-3, encoders 4e-3, rank 16   album 5001: 0.90, 0.96   album 5000: 0.82, 0.92
    # With frozen encoders 500 steps reached 0.37 (album 5000): the encoders have learnt to ignore
    # words without a meaning, such as a trigger word.
    target_modules=(
        *("to_k", "to_q", "to_v", "to_out.0"),
        *("ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"),
    ),
    train_text_encoder=True,
    text_encoder_lr=8e-3,
    prior_loss_weight=2.0,
)
INFERENCE = InferenceDefaults(
    num_inference_steps=20, guidance_scale=3.0, scheduler="DPMSolverMultistepScheduler"
)


def write_card(  # noqa: PLR0913
    folder: Path,
    base_id: str,
    *,
    family: Architecture,
    revision: str,
    prediction_type: PredictionType,
    gate: GateFloors,
    judge: str | None = None,
) -> BaseCard:
    """Hash the pipeline in `folder`, and write its card into the folder.

    The card names the face detector if the folder has its weights.
    """
    files = hash_files(folder)
    card = BaseCard(
        base_id=base_id,
        family=family,
        revision=revision,
        sha256=hash_of_files(files),
        files=files,
        prediction_type=prediction_type,
        resolution=RESOLUTION,
        training=TRAINING,
        inference=INFERENCE,
        gate=gate,
        face_detector="drawn" if (folder / FACES).is_file() else "none",
        judge=judge,
    )
    (folder / CARD).write_text(card.model_dump_json(indent=2, exclude_none=True) + "\n")
    return card


def hash_files(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file that a picture depends on, by path."""
    files = [
        path
        for part in PARTS
        for path in ([folder / part] if (folder / part).is_file() else (folder / part).rglob("*"))
        if path.is_file()
    ]
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
    }
