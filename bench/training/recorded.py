"""Runs a training program in its own process and writes down what it cost; both sides run in this.

    python bench/training/recorded.py REPORT PROGRAM [ARGUMENT ...]

The report has the program's exit code, its seconds by the clock and of processor time (start-up
included), the same at the end of each optimiser step, and its peaks of memory. diffusers' scripts
import torchvision, of which no build goes with a CPU's torch: where it is missing, the few
transforms that they use come from ``training_transforms``. ``$BENCH_GATE_PICTURES`` makes the
trainer's gate draw so many pictures of each kind.
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
HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the program; its exit code is ours."""
    report, program = Path(sys.argv[1]), Path(sys.argv[2])
    from torch.optim.optimizer import register_optimizer_step_post_hook  # noqa: PLC0415 (seconds)

    steps: list[tuple[float, float]] = []
    register_optimizer_step_post_hook(lambda *_: steps.append(now()))
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(program.parent))
    if program.name == "train.py":
        fewer_pictures(program)
    elif importlib.util.find_spec("torchvision") is None:
        stand_in()
    code = run(program)
    about = {"code": code, "end": now(), "steps": steps, "peak_bytes": peak(), "cuda": cuda_peak()}
    report.write_text(json.dumps(about))
    return code


def run(program: Path) -> int:
    """Run it as if from the command line; return its exit code."""
    try:
        runpy.run_path(str(program), run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 (whatever it is, it goes into the report)
        traceback.print_exc()
        return 1
    return 0


def now() -> tuple[float, float]:
    """Return seconds since this process began: by the clock, and of processor time."""
    return time.monotonic() - STARTED, time.process_time()


def peak() -> int:
    """Return this process's peak of resident memory, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def cuda_peak() -> int:
    """Return the most bytes that were in use on the GPU."""
    import torch  # noqa: PLC0415 (as above)

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


def stand_in() -> None:
    """Let ``import torchvision`` find the stand-in, once the libraries know it to be absent."""
    import diffusers  # noqa: F401, PLC0415
    import transformers.utils  # noqa: PLC0415

    transformers.utils.is_torchvision_available()
    sys.path.append(str(HERE.parent))
    from bench.training import transforms  # noqa: PLC0415

    transforms.install()


def fewer_pictures(program: Path) -> None:
    """Take from the gate what the script has not got at all: most of its pictures."""
    wanted = os.environ.get("BENCH_GATE_PICTURES")
    if wanted is not None:
        sys.path[:0] = [str(program.parent), str(HERE.parent / "functions")]
        from trainer.evaluation import gate  # noqa: PLC0415

        gate.PICTURES = int(wanted)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
