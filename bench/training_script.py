"""diffusers' DreamBooth script, run from a checkout beside this repository and never copied."""

import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

SCRIPT = Path("examples/dreambooth/train_dreambooth_lora_sdxl.py")
PHOTOS, SIDE = 4, 128
FEW, MANY = 2, 12
"""Two runs that differ in steps only: their difference has no start-up in it."""


def time_script(checkout: Path | None, folder: Path) -> tuple[str, str]:
    """Return the seconds of a step on the base in ``folder``, and a note; or why it did not run."""
    if checkout is None:
        return "not run", "needs --official"
    photos = folder / "photos"
    photos.mkdir()
    for index in range(PHOTOS):
        Image.new("RGB", (SIDE, SIDE), (index * 20, 60, 30)).save(photos / f"{index}.png")
    seconds = []
    for steps in (FEW, MANY):
        started = time.monotonic()
        done = subprocess.run(command(checkout, folder, photos, steps), check=False)
        if done.returncode != 0:
            return "not run", f"its exit code was {done.returncode}"
        seconds.append(time.monotonic() - started)
    return f"{(seconds[1] - seconds[0]) / (MANY - FEW):.3f} s", ""


def command(checkout: Path, folder: Path, photos: Path, steps: int) -> list[str]:
    """Return the script's command line; the photos stand in for class images, so none are made."""
    return [
        *(sys.executable, str(checkout / SCRIPT)),
        f"--pretrained_model_name_or_path={folder / 'base'}",
        f"--instance_data_dir={photos}",
        f"--class_data_dir={photos}",
        "--with_prior_preservation",
        f"--num_class_images={PHOTOS}",
        "--instance_prompt=a photo of sks",
        "--class_prompt=a photo",
        f"--resolution={SIDE}",
        "--rank=16",
        f"--max_train_steps={steps}",
        f"--output_dir={folder / 'official'}",
    ]
