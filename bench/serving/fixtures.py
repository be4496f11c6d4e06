"""Fixtures: a base of 200 M parameters, reference packages, process memory, timing."""

import io
import random
import shutil
import statistics
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from contracts.documents.package import PACKAGE_FOLDER
from tests.smoke import serving_kit as kit
from tests.smoke import tiny_pipelines as tiny

REFERENCE = Path(__file__).parent / "reference"


def make_large_base(folder: Path) -> None:
    """Write an untrained SDXL pipeline whose UNet has 201 M parameters."""
    torch.manual_seed(0)
    first, second = tiny.make_tokenizer("<|endoftext|>"), tiny.make_tokenizer("!")
    pipeline = StableDiffusionXLPipeline(
        vae=AutoencoderKL(
            block_out_channels=(64, 128),
            norm_num_groups=8,
            layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            sample_size=64,
        ),
        text_encoder=CLIPTextModel(tiny.text_config(first, "quick_gelu")),
        text_encoder_2=CLIPTextModelWithProjection(tiny.text_config(second, "gelu")),
        tokenizer=first,
        tokenizer_2=second,
        unet=make_large_unet(),
        scheduler=DPMSolverMultistepScheduler(**tiny.NOISE),
    )
    pipeline.save_pretrained(folder)
    tiny.write_card(folder, "sdxl", "epsilon", resolution=64)


def make_large_unet() -> UNet2DConditionModel:
    """Return SDXL's UNet with narrower blocks."""
    return UNet2DConditionModel(
        sample_size=32,
        layers_per_block=2,
        block_out_channels=(128, 256, 512),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 4, 10),
        attention_head_dim=(2, 4, 8),
        use_linear_projection=True,
        cross_attention_dim=2 * tiny.WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=tiny.TIME_ID_WIDTH,
        projection_class_embeddings_input_dim=tiny.WIDTH + 6 * tiny.TIME_ID_WIDTH,
    )


def pack_reference(root: Path, number: int, adapter: Path) -> kit.User:
    """Write the reference's package as SageMaker unpacks it."""
    url = root / f"hash{number}" / "model"
    shutil.copytree(REFERENCE, url / PACKAGE_FOLDER, ignore=shutil.ignore_patterns("__pycache__"))
    target = url / PACKAGE_FOLDER / "1/adapter"
    shutil.copytree(adapter, target)
    return kit.User(number, url, target)


def process_megabytes(pid: int, kind: str = "Pss") -> float:
    """Return a process's proportional set size, or another kind of memory in smaps_rollup.

    ``Anonymous`` is the memory that the process allocated, which other processes do not change.
    """
    for line in Path("/proc", str(pid), "smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def total_megabytes(server: kit.Server) -> float:
    """Return the memory of the server, of its models and of the engine, which holds adapters."""
    processes = (server_pid(server), *server.engine_pids(), *server.stubs().values())
    return sum(map(process_megabytes, processes))


def server_pid(server: kit.Server) -> int:
    """Return tritonserver's process id; ``serve`` has other children too."""
    own = kit.children(server.process.pid)
    return next(pid for pid in own if name_of(pid).startswith("tritonserver"))


def name_of(pid: int) -> str:
    """Return a process's name, of which the kernel keeps 15 characters."""
    return Path("/proc", str(pid), "comm").read_text()


def load_model(server: kit.Server, user: kit.User) -> None:
    """Load a model; raise if the server refuses it."""
    reply = server.load(user)
    if reply.status != 200:  # noqa: PLR2004 (HTTP)
        raise RuntimeError(reply.body)


def seconds(work: Callable[[], Any]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def processor_seconds(work: Callable[[], Any]) -> float:
    """Return this process's processor seconds for one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def median_seconds(work: Callable[[], Any], times: int) -> float:
    """Return the median seconds of several calls."""
    return statistics.median(seconds(work) for _ in range(times))


def deflated(files: Mapping[str, bytes]) -> bytes:
    """Pack files as the reference design does."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, body in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return packed.getvalue()


def zipf(count: int, users: int, exponent: float, seed: int = 0) -> list[int]:
    """Return the user of each request: a few users ask often, most ask rarely."""
    weights = [1 / (rank + 1) ** exponent for rank in range(users)]
    return random.Random(seed).choices(range(users), weights, k=count)  # noqa: S311 (a benchmark)
