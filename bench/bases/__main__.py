"""A tiny single-file SDXL through `likeness base add`, one training, one picture (5 minutes).

    make base-test

All on a stack of the laptop's AWS: the file is converted, drawn with, copied to the bases bucket
and copied again, which must send nothing; then photos go in and a picture comes out. At last a file
is taken out of the bucket: `likeness base check` must name it.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Figure, finish
from contracts.shared.layout.bases import base_prefix
from local import deployment
from local.cloud.paths import LOGS, ROOT
from local.cloud.server import Cloud, serve
from local.demo.picture import generate
from local.demo.subscriber import Subscriber
from local.demo.upload import BASES_BUCKET, put_upload, sample_photos

TORCH = ROOT / ".venv" / "torch" / "bin" / "python"
BASE_ID, SIDE, LIMIT_SECONDS = "tiny-sdxl", 64, 1500
LOST = "unet/diffusion_pytorch_model.safetensors"
REQUEST = {
    "num_class_images": 2,
    "max_train_steps": 20,
    "learning_rate": 0.01,
    "train_batch_size": 2,
}
"""Enough for an untrained base to change its pictures."""


def main() -> int:
    """Run it all; return 1 when a target was missed."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as work, serve(log_file=LOGS / "cloud-bases.log") as cloud:
        python("-m", "bench.bases.make", work)
        cloud.client("s3").create_bucket(Bucket=BASES_BUCKET)
        first, again = add(cloud, Path(work)), add(cloud, Path(work))
        figures = [
            Figure("files of the checkpoint sent to the bucket", sent(first), "files", 14),
            Figure("sent again by a second copy", sent(again), "files", 0, "less"),
            *train_and_draw(cloud),
            Figure("`base check` of the whole base", check(cloud), "exit code", 0, "less"),
        ]
        cloud.client("s3").delete_object(Bucket=BASES_BUCKET, Key=base_prefix(BASE_ID) + LOST)
        figures.append(Figure("`base check` without its UNet", check(cloud), "exit code", 1))
    seconds = time.monotonic() - started
    return finish("base-test", [*figures, Figure("all of it", seconds, "s", LIMIT_SECONDS, "less")])


def add(cloud: Cloud, work: Path) -> str:
    """Add the checkpoint; return what was printed."""
    words = ["base", "add", str(work / f"{BASE_ID}.safetensors"), "--to", f"s3://{BASES_BUCKET}"]
    words += ["--tokenizer", str(work / "tokenizer"), "--prediction-type", "epsilon"]
    words += [
        "--face-detector",
        "none",
    ]  # its photos are drawn: no detector of real faces sees them
    done = python("-m", "likeness_client", *words, cloud=cloud)
    print(done.stdout, flush=True)
    return done.stdout


def sent(printed: str) -> float | None:
    """Return the number of files that a copy has sent."""
    match = re.search(r"(\d+) files sent", printed)
    return float(match[1]) if match else None


def train_and_draw(cloud: Cloud) -> list[Figure]:
    """Deploy with the base, train on drawn photos, and ask for a picture."""
    deployment.build()
    outputs = deployment.deploy(cloud, BaseId=BASE_ID)
    subscriber = Subscriber(cloud, outputs["NoticesTopicArn"])
    put_upload(cloud, outputs["UploadsBucketName"], sample_photos(), **REQUEST)
    notice = subscriber.receive(seconds=LIMIT_SECONDS)
    ready = notice["status"] == "succeeded"
    if not ready:
        print(notice)
        return [Figure("a model trained on it is ready", 0, "models", 1)]
    model = notice["model"]
    image = generate(
        cloud, model["endpoint_name"], model["target_model"], "a photo of a sks person"
    )
    return [
        Figure("a model trained on it is ready", 1, "models", 1),
        Figure("side of a picture that the endpoint draws", image.width, "pixels", SIDE),
    ]


def check(cloud: Cloud) -> int:
    """Check the base in its bucket; return the exit code."""
    words = ("base", "check", BASE_ID, "--stack", "likeness")
    done = python("-m", "likeness_client", *words, cloud=cloud, must=False)
    print(done.stdout + done.stderr, flush=True)
    return done.returncode


def python(
    *words: str, cloud: Cloud | None = None, must: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run Python in the environment that has torch, and print its errors where it must succeed."""
    own = {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}", "OMP_NUM_THREADS": "1"}
    aws = cloud.environment() if cloud is not None else {}
    done = subprocess.run(
        [TORCH, "-W", "ignore", *words],
        env=os.environ | aws | own,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if must and done.returncode:
        print(done.stdout + done.stderr, flush=True)
        done.check_returncode()
    return done


if __name__ == "__main__":
    sys.exit(main())
