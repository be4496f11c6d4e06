"""Write ``base.json``: which files a picture depends on, and what a request means by default."""

from hashlib import sha256
from pathlib import Path

from contracts.base import (
    BaseCard,
    Family,
    GateFloors,
    InferenceDefaults,
    PredictionType,
    TrainingDefaults,
)

CARD = "base.json"
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
"""What a picture depends on; the judge and the model card stand beside it."""

TRAINING = TrainingDefaults(
    learning_rate=2e-3,
    train_batch_size=4,
    rank=8,
    steps_per_photo=40,
    min_train_steps=100,
    max_train_steps=600,
    # Chosen from single runs of one album (5000) while the base was being pretrained; steps and
    # base moved along with the settings, so these show a direction and not each setting's share:
    #   base step 7265, 240 steps, attention, encoders trained     identity 0.80, class drift 0.20
    #   base step 7265, 240 steps, all layers here, encoders frozen         0.40              0.22
    #   base step 9723, 320 steps, all layers here, encoders trained        0.75              0.07
    # Frozen encoders have learnt to pass over words that mean nothing, and a trigger word is one.
    target_modules=(
        *("to_k", "to_q", "to_v", "to_out.0"),
        *("ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"),
    ),
    train_text_encoder=True,
    text_encoder_lr=1e-3,
)
INFERENCE = InferenceDefaults(
    num_inference_steps=20, guidance_scale=3.0, scheduler="DPMSolverMultistepScheduler"
)


def write_card(  # noqa: PLR0913
    folder: Path,
    base_id: str,
    *,
    family: Family,
    revision: str,
    prediction_type: PredictionType,
    gate: GateFloors,
    judge: str | None = None,
) -> BaseCard:
    """Hash the pipeline in `folder`, and write its card beside it."""
    files = hash_files(folder)
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(files.items()))
    card = BaseCard(
        base_id=base_id,
        family=family,
        revision=revision,
        sha256=sha256(lines.encode()).hexdigest(),
        files=files,
        prediction_type=prediction_type,
        resolution=RESOLUTION,
        training=TRAINING,
        inference=INFERENCE,
        gate=gate,
        judge=judge,
    )
    (folder / CARD).write_text(card.model_dump_json(indent=2, exclude_none=True) + "\n")
    return card


def hash_files(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file that a picture depends on."""
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
