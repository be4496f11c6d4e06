"""On what a report was measured: GPU, driver, libraries, commit and day."""

import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parents[2]


def hardware(*, tiny: bool) -> dict[str, str] | None:
    """Return the facts by name; None without a GPU, unless the run is ``tiny``."""
    if not tiny and not torch.cuda.is_available():
        return None
    gpus = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    named = [f"{gpu.name}, {gpu.total_memory / 2**30:.1f} GiB" for gpu in gpus]
    return {
        "GPU": "; ".join(named) or "none: tiny networks on the CPU, which mean nothing",
        "driver": output_of("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        "CPU": platform.processor() or platform.machine(),
        "torch": f"{torch.__version__}, CUDA {torch.version.cuda}",
        "commit": output_of("git", "-C", str(HERE), "rev-parse", "HEAD"),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def output_of(*command: str) -> str:
    """Return a program's first line; ``unknown`` if it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0]
