"""The training image's program: SageMaker runs ``train.py train``.

It reads ``input/data/{plan,photos,base}`` under /opt/ml ($SAGEMAKER_BASE_DIR names another root).
It writes ``checkpoints/<job_id>/`` for each task, and ``output/failure`` when no task succeeded. It
needs no network.

Exit codes: 0 at least one task succeeded, or the job has several hosts; 1 no task succeeded; 143
preempted: a later attempt resumes from the newest checkpoint.
"""

import os
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the job."""
    os.environ.update(
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        DIFFUSERS_VERBOSITY="error",
        TRANSFORMERS_VERBOSITY="error",
    )
    sys.path[:0] = [str(HERE), str(HERE.parent / "functions")]  # for a checkout
    warnings.filterwarnings("ignore")
    root = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    from trainer.process import launch  # noqa: PLC0415 (after the path is set)

    if launch.count_hosts(root) > 1 and not launch.is_contained():
        return launch.run_contained()
    if not launch.is_worker() and launch.read_num_processes(root) > 1:
        return launch.run_workers(root, launch.read_num_processes(root))
    from trainer.job import run_job  # noqa: PLC0415 (after the environment is set; takes seconds)

    return run_job(launch.worker_dir(root))


if __name__ == "__main__":
    sys.exit(main())
