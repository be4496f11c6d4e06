"""What a job leaves when its disk or its GPU memory is full."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from safetensors import SafetensorError  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from contracts.documents.training import TrainingResult, TrainingTask  # noqa: E402
from tests.smoke.job_dir import PROGRAM, JobDir  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from trainer import job  # noqa: E402
from trainer.process.memory import release_pages  # noqa: E402
from trainer.process.results import describe_failure, write_atomically  # noqa: E402
from trainer.tasks import running  # noqa: E402
from trainer.tasks.shared import Job  # noqa: E402
from trainer.tasks.training import make_adapter  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

SMALL_DISK = """
mkdir -p "$2" && mount -t tmpfs -o size="$1" none "$2" || exit 99
"$3" "$4" train; code=$?
cp -a "$5" "$6" && exit $code
"""


@pytest.fixture
def job_dir(tmp_path: Path) -> JobDir:
    make_base(tmp_path / "base", "sd1")
    return JobDir(tmp_path / "job", tmp_path / "base")


@pytest.mark.parametrize(
    "where",
    ["", *(pytest.param(folder, marks=pytest.mark.thorough) for folder in ("state", "adapter"))],
)
def test_a_full_disk_has_its_code_and_leaves_nothing_half_written(
    job_dir: JobDir, tmp_path: Path, where: str
) -> None:
    name = job_dir.add_task(with_prior_preservation=False)
    other = job_dir.add_task(with_prior_preservation=False)
    job_dir.write_plan()
    disk, saved = job_dir.folder(name) / where, tmp_path / "saved"
    paths = [
        str(disk),
        sys.executable,
        str(PROGRAM),
        str(job_dir.root / "checkpoints"),
        str(saved),
    ]
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh", "16k", *paths],
        env=job_dir.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode in {1, 99} and not saved.exists():
        pytest.skip(f"this machine cannot mount a small disk: {done.stderr[-200:]}")
    assert done.returncode == 0, "the other user's adapter is trained"
    one, two = (
        TrainingResult.model_validate_json((saved / job_id / "result.json").read_bytes())
        for job_id in (name, other)
    )
    assert one.failure is not None
    assert one.failure.code == "disk_full"
    assert two.status == "succeeded"
    files = [path for path in (saved / name).rglob("*") if path.is_file()]
    assert not [path for path in files if path.name.startswith(".")]
    for path in files:
        if path.suffix == ".safetensors":
            assert load_file(path), "every file that exists is whole"
    assert "manifest.json" not in [path.name for path in files]
    assert not (job_dir.root / "output" / "failure").exists()


def test_a_full_disk_has_one_code_for_every_librarys_error() -> None:
    reported = SafetensorError("I/O error: No space left on device (os error 28)")
    for error in (reported, OSError(errno.ENOSPC, "No space left on device")):
        assert describe_failure(error).code == "disk_full"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_atomically(path, b"whole")
    (tmp_path / ".result.json.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"another")
    assert path.read_bytes() == b"whole"
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_a_full_gpu_fails_one_task_with_its_code_and_not_the_next_task(
    job_dir: JobDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (job_dir.add_task(with_prior_preservation=False) for _ in range(2))
    job_dir.write_plan()
    train = make_adapter

    def fail_the_first_task(one: Job, task: TrainingTask) -> TrainingResult:
        if task.job_id == first:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return train(one, task)

    monkeypatch.setattr(running, "make_adapter", fail_the_first_task)
    assert job.run_job(job_dir.root) == job.DONE
    assert (job_dir.code(first), job_dir.code(second)) == ("out_of_memory", None)

    shutil.rmtree(job_dir.root / "checkpoints")
    monkeypatch.setattr(job, "load_base", fail_to_load_the_base)
    assert job.run_job(job_dir.root) == job.FAILED
    assert (job_dir.code(first), job_dir.code(second)) == ("out_of_memory", "out_of_memory")
    assert job_dir.failure().startswith("out_of_memory: ")


def fail_to_load_the_base(*_: object) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_results_that_cannot_be_written_still_leave_the_jobs_failure(job_dir: JobDir) -> None:
    name = job_dir.add_task(with_prior_preservation=False)
    job_dir.write_plan()
    job_dir.folder(name).parent.mkdir()
    job_dir.folder(name).write_text("a file where a folder belongs")
    assert job.run_job(job_dir.root) == job.FAILED
    assert job_dir.failure().startswith("training_failed: ")


def test_tensors_with_released_pages_keep_their_values(job_dir: JobDir) -> None:
    file = job_dir.data / "base" / "unet" / "diffusion_pytorch_model.safetensors"
    mapped, own = load_file(file), torch.randn(100_000)
    before = {name: tensor.clone() for name, tensor in mapped.items()}
    copy = own.clone()
    release_pages([*mapped.values(), own, own[1:50], torch.empty(0)])
    assert torch.equal(own, copy)
    assert all(torch.equal(mapped[name], before[name]) for name in before)
