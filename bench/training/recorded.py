"""Runs a training program and records its cost; both sides run in it.

    python bench/training/recorded.py REPORT PROGRAM [ARGUMENT ...]

The report has the program's exit code, its wall and processor seconds (with start-up), the same at
the end of each optimiser step, and its peak memory. diffusers' scripts import torchvision, which
cannot be installed beside a CPU build of torch; without it, ``bench.training.transforms`` replaces
the transforms that they use. Where the library datasets is not installed, ``image_folder`` reads
captioned photos in its place. ``$BENCH_GATE_PICTURES`` sets the number of pictures of the trainer's
gate.
"""

import importlib.util
import json
import os
import runpy
import sys
import time
import traceback
from pathlib import Path

STARTED = time.monotonic()
HERE = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run the program; return its exit code."""
    report, program = Path(sys.argv[1]), Path(sys.argv[2])
    from torch.optim.optimizer import register_optimizer_step_post_hook  # noqa: PLC0415 (seconds)

    steps: list[tuple[float, float]] = []
    register_optimizer_step_post_hook(lambda *_: steps.append(now()))
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(program.parent))
    if program.name == "train.py":
        fewer_pictures(program)
    else:
        replace_what_lacks()
    code = run(program)
    about = {"code": code, "end": now(), "steps": steps, "peak_bytes": peak(), "cuda": cuda_peak()}
    report.write_text(json.dumps(about))
    return code


def run(program: Path) -> int:
    """Run the program as from the command line; return its exit code."""
    try:
        runpy.run_path(str(program), run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 (any error ends the program with code 1)
        traceback.print_exc()
        return 1
    return 0


def now() -> tuple[float, float]:
    """Return the wall seconds and the processor seconds of this process."""
    return time.monotonic() - STARTED, time.process_time()


def peak() -> int:
    """Return this process's peak resident memory in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def cuda_peak() -> int:
    """Return the peak memory on the GPU in bytes."""
    import torch  # noqa: PLC0415 (as above)

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


def replace_what_lacks() -> None:
    """Install replacements for torchvision and datasets where they are not installed."""
    sys.path.append(str(HERE.parent))
    if importlib.util.find_spec("torchvision") is None:
        replace_torchvision()
    if importlib.util.find_spec("datasets") is None:
        from bench.training import image_folder  # noqa: PLC0415

        image_folder.install()


def replace_torchvision() -> None:
    """Install the replacement for torchvision, after the libraries have noted its absence."""
    import diffusers  # noqa: F401, PLC0415
    import transformers.utils  # noqa: PLC0415

    transformers.utils.is_torchvision_available()
    from bench.training import transforms  # noqa: PLC0415

    transforms.install()


def fewer_pictures(program: Path) -> None:
    """Reduce the gate's pictures, as the script draws none."""
    wanted = os.environ.get("BENCH_GATE_PICTURES")
    if wanted is not None:
        sys.path[:0] = [str(program.parent), str(HERE.parent / "functions")]
        from trainer.evaluation import gate  # noqa: PLC0415

        gate.PICTURES = int(wanted)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
