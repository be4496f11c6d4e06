"""Every line of a training job's log names its job and contains no user text."""

import errno
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from contracts.codes import CODES
from contracts.documents.photos import PhotoVerdict
from contracts.documents.training import TrainingFailure, TrainingResult
from contracts.shared.layout.container import RESULT_FILE
from trainer.process.results import (
    NO_SPACE,
    TrainingError,
    atomic_path,
    describe_failure,
    log,
    log_context,
    read_result,
    sha256_of,
    verdicts_of,
    write_atomically,
    write_failure,
    write_result,
)

USER_TEXT = "my-aunt"


def test_lines_name_their_job_or_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    log("before the plan is read")
    with log_context(plan_id="p1"):
        log("base loaded")
        with log_context(job_id="j1"):
            log("class images: 4")
            log("step=1 job_id=j2 of a group")
        log("the end")
    assert capsys.readouterr().out.splitlines() == [
        "before the plan is read",
        "base loaded plan_id=p1",
        "class images: 4 job_id=j1",
        "step=1 job_id=j2 of a group",
        "the end plan_id=p1",
    ]


def test_a_stack_names_its_job_and_contains_no_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="aunt") as caught:
        int(USER_TEXT)
    with log_context(job_id="j1"):
        assert describe_failure(caught.value).code == "training_failed"
    lines = capsys.readouterr().err.splitlines()
    assert all(line.endswith(" job_id=j1") for line in lines)
    assert "test_results.py" in lines[0]
    assert lines[-1] == "ValueError job_id=j1"
    assert USER_TEXT not in " ".join(lines)


def test_a_log_context_ends_with_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), log_context(job_id="j1"):
        raise KeyError
    log("afterwards")
    assert capsys.readouterr().out == "afterwards\n"


# --- what a failure is called ----------------------------------------------------------------


class OutOfMemoryError(RuntimeError):
    """As torch.cuda's is called; nothing of it is imported here."""


class SafetensorError(Exception):
    """As safetensors' is called."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OutOfMemoryError("CUDA out of memory"), "out_of_memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "disk_full"),
        (SafetensorError("I/O error: broken pipe (os error 32)"), "training_failed"),
        (OSError(errno.EACCES, USER_TEXT), "training_failed"),
        (RuntimeError("os error 28"), "training_failed"),
        (ValueError(USER_TEXT), "training_failed"),
    ],
)
def test_an_error_that_nobody_foresaw_has_a_code_and_no_words_of_its_own(
    error: Exception, code: str
) -> None:
    failure = describe_failure(error)
    assert failure.code == code
    assert failure.message == f"{CODES[code].text} ({type(error).__name__})"
    assert verdicts_of(error) == ()


def test_the_disk_is_full_by_the_system_s_own_number() -> None:
    assert NO_SPACE == errno.ENOSPC


def test_an_error_of_ours_is_told_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = PhotoVerdict(index=0, verdict="refused", codes=("no_face",))
    error = TrainingError("too_few_photos", "4 usable photos, 5 needed", (verdict,))
    assert str(error) == "too_few_photos: 4 usable photos, 5 needed"
    assert describe_failure(error) == TrainingFailure(code=error.code, message=error.message)
    assert verdicts_of(error) == (verdict,)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("length", [10, 5000])
def test_sagemaker_s_reason_is_the_code_and_as_many_words_as_it_reads(
    tmp_path: Path, length: int
) -> None:
    write_failure(tmp_path, TrainingFailure(code="disk_full", message="x" * length))
    text = (tmp_path / "output" / "failure").read_text()
    assert text == ("disk_full: " + "x" * length)[:1024]
    write_failure(tmp_path, TrainingFailure(code="killed", message="again"))
    assert (tmp_path / "output" / "failure").read_text() == "killed: again"


# --- what is left behind ---------------------------------------------------------------------


def result(**changes: object) -> TrainingResult:
    files = {"adapter/weights": sha256(b"weights").hexdigest()}
    return TrainingResult.model_validate(
        {"job_id": "1" * 32, "status": "succeeded", "files": files, **changes}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A task's folder with its files."""
    path = tmp_path / "checkpoints" / "job" / "adapter"
    path.mkdir(parents=True)
    (path / "weights").write_bytes(b"weights")
    return path.parent


def test_a_success_whose_files_are_there_is_kept_and_names_its_training_job(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_result(folder) is None
    monkeypatch.setenv("TRAINING_JOB_NAME", "likeness-1-1")
    write_result(folder, result())
    assert read_result(folder) == result(training_job_name="likeness-1-1")
    assert RESULT_FILE == "result.json"
    assert (folder / RESULT_FILE).read_text().startswith('{\n  "')


@pytest.mark.parametrize("damage", ["gone", "changed", "unreadable"])
def test_a_success_whose_files_are_not_there_is_done_again(folder: Path, damage: str) -> None:
    write_result(folder, result())
    weights = folder / "adapter" / "weights"
    if damage == "changed":
        weights.write_bytes(b"WEIGHTS")
    else:
        weights.unlink()
    if damage == "unreadable":
        weights.mkdir()
    assert read_result(folder) is None


def test_a_failure_is_done_again(folder: Path) -> None:
    failure = TrainingFailure(code="killed", message="x")
    write_result(folder, result(status="failed", failure=failure))
    assert read_result(folder) is None


def write_half(path: Path) -> None:
    with atomic_path(path) as partial:
        assert (partial.parent, partial.name) == (path.parent, ".file.json.partial")
        partial.write_bytes(b"half")
        raise KeyError


def write_nothing(path: Path) -> None:
    with atomic_path(path):
        raise KeyError


@pytest.mark.parametrize("attempt", [write_half, write_nothing])
def test_no_reader_sees_half_of_a_file(tmp_path: Path, attempt: Callable[[Path], None]) -> None:
    path = tmp_path / "new" / "file.json"
    write_atomically(path, b"before")
    with pytest.raises(KeyError):
        attempt(path)
    assert sha256_of(path) == sha256(b"before").hexdigest()
    assert [left.name for left in path.parent.iterdir()] == ["file.json"]
