"""Stand-ins for AWS's images: Debian 12 with Python 3.11 and CPU PyTorch; for serving, Triton too.

They hold what the Dockerfiles ask of their bases, and nothing of AWS's or NVIDIA's images.
"""

import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from bench.images.scratch import Scratch, apt_mirror
from images.engine import Engine, mounted

SUITE = "bookworm"
"""Debian 12, whose Python is 3.11."""

NEEDS = "python=3.11 cuda=none driver=none"
"""What the stand-ins hold, as the images' label says it (image_check.py)."""

PACKAGES = (
    "ca-certificates",
    "libpython3.11",
    "python-is-python3",
    "python3",
    "python3-pip",
    "python3-venv",
)
TRAINING, SERVING = "localhost/stand-in-training:latest", "localhost/stand-in-serving:latest"
TRITON = Path("/opt/tritonserver")


def make_bases(scratch: Scratch, torch: str) -> None:
    """Make both stand-ins, unless a kept folder has them."""
    engine = scratch.engine
    if not has(engine, TRAINING):
        make_training(scratch, torch)
    if not has(engine, SERVING):
        make_serving(engine)


def has(engine: Engine, image: str) -> bool:
    """Return whether the storage holds an image."""
    asked = subprocess.run(
        engine.command("inspect", "--type", "image", image), capture_output=True, check=False
    )
    return asked.returncode == 0


def make_training(scratch: Scratch, torch: str) -> None:
    """Write Debian with PyTorch; pip takes the build that its configuration names."""
    engine = scratch.engine
    with mounted(engine, "scratch") as (container, root):
        command = [
            "unshare",
            "--mount",
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
        ]
        subprocess.run([*command, SUITE, root, apt_mirror()], check=True, stdout=subprocess.DEVNULL)
        engine.run("config", "--env=PIP_BREAK_SYSTEM_PACKAGES=1", container)
        install = ("pip", "install", "--no-cache-dir", "--quiet", f"torch=={torch}")
        engine.run("run", *scratch.run_options, container, "--", *install)
        engine.run("commit", "--quiet", container, TRAINING)


def make_serving(engine: Engine) -> None:
    """Write the training stand-in, and the wheel's tritonserver in NVIDIA's place."""
    wheel = Path(str(distribution("nvidia-pytriton").locate_file("pytriton/tritonserver")))
    with mounted(engine, TRAINING) as (container, root):
        copy_triton(wheel, root / TRITON.relative_to("/"))
        engine.run("config", f"--env=LD_LIBRARY_PATH={TRITON / 'lib'}", container)
        engine.run("commit", "--quiet", container, SERVING)


def copy_triton(wheel: Path, target: Path) -> None:
    """Copy the server, its libraries and the Python backend with the stub of this Python."""
    (target / "bin").mkdir(parents=True)
    shutil.copy2(wheel / "bin/tritonserver", target / "bin")
    shutil.copytree(wheel.parents[1] / "nvidia_pytriton.libs", target / "lib")
    python = target / "backends/python"
    python.mkdir(parents=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = wheel / f"python_backend_stubs/{version}/triton_python_backend_stub"
    for file in (wheel / "backends/python/libtriton_python.so",
                 wheel / "backends/python/triton_python_backend_utils.py", stub):  # fmt: skip
        shutil.copy2(file, python)
    (python / stub.name).chmod(0o755)
