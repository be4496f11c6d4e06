"""The whole command line and environment with which tritonserver starts, and what it reads."""

import json
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

from contracts.documents.package import RESIDENT_BASE
from serving import metrics, server
from serving.base_folder import (
    BaseFolderError,
    move_into_place,
    read_card,
    resolve_base,
    sha256_of,
    verify,
)
from serving.devices import DEVICE_NUMBER
from serving.names import BASE_PID_FILE
from tests.unit.serving.test_server import MemoryEngine, write_base

TRITON = server.Triton(Path("/t/bin/tritonserver"), Path("/t/backends"), (), ())
SAGEMAKER = (
    "SAGEMAKER_BIND_TO_PORT",
    "SAGEMAKER_SAFE_PORT_RANGE",
    "SAGEMAKER_TRITON_LOG_VERBOSE",
    "SAGEMAKER_TRITON_MODEL_LOAD_THREAD_COUNT",
    "SAGEMAKER_TRITON_SHM_DEFAULT_BYTE_SIZE",
    "SAGEMAKER_TRITON_SHM_GROWTH_BYTE_SIZE",
    "SAGEMAKER_TRITON_ADDITIONAL_ARGS",
    "LIKENESS_QUEUE_SIZE",
    "LIKENESS_ROWS_PER_PASS",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "SAGEMAKER_TRITON_PING_MODE",
    "MALLOC_ARENA_MAX",
    "OMP_NUM_THREADS",
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SAGEMAKER:
        monkeypatch.delenv(name, raising=False)


def test_the_command_line_is_this(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    assert server.make_command(TRITON, repository, tmp_path, 8080) == [
        "/t/bin/tritonserver",
        "--allow-sagemaker=true",
        "--allow-http=false",
        "--allow-grpc=false",
        "--allow-metrics=false",
        "--sagemaker-port=8080",
        "--model-control-mode=explicit",
        "--model-namespacing=false",
        f"--model-repository={tmp_path / 'no_models'}",
        f"--model-repository={repository}",
        "--load-model=likeness_base",
        "--backend-directory=/t/backends",
        "--disable-auto-complete-config",
        "--backend-config=python,thread-pool-size=8",
        f"--backend-config=python,shm-region-prefix-name=likeness_{os.getpid()}_",
        "--exit-timeout-secs=10",
    ]
    assert list((tmp_path / "no_models").iterdir()) == []


def test_sagemaker_s_variables_become_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(SAGEMAKER[:6]):
        monkeypatch.setenv(name, f"{number}")
    monkeypatch.setenv("SAGEMAKER_TRITON_ADDITIONAL_ARGS", "--one=1  --two")
    command = server.make_command(TRITON, tmp_path, tmp_path, 0)
    assert command[5] == "--sagemaker-port=0"
    assert command[16:] == [
        "--sagemaker-safe-port-range=1",
        "--log-verbose=2",
        "--model-load-thread-count=3",
        "--backend-config=python,shm-default-byte-size=4",
        "--backend-config=python,shm-growth-byte-size=5",
        "--one=1",
        "--two",
    ]


def test_the_environment_is_ours_before_the_operator_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/mine")
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("MINE", "stays")
    triton = server.Triton(Path("/t"), Path("/t"), (Path("/a"), Path("/b")), (Path("/lock.so"),))
    found = server.make_environment(triton, Path("/run/dir"))
    assert {name: found[name] for name in found if os.environ.get(name) != found[name]} == {
        "LD_LIBRARY_PATH": "/a:/b:/mine",
        "LD_PRELOAD": "/lock.so",
        "PATH": f"{Path(sys.executable).parent}:/usr/bin",
        "LIKENESS_RUN_DIR": "/run/dir",
        "SAGEMAKER_TRITON_PING_MODE": "live",
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
    }
    assert found["MINE"] == "stays"
    assert "LD_PRELOAD" not in os.environ, "the parent's own environment is left alone"


def test_what_an_operator_chooses_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {
        "SAGEMAKER_TRITON_PING_MODE": "ready",
        "MALLOC_ARENA_MAX": "7",
        "OMP_NUM_THREADS": "3",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    found = server.make_environment(TRITON, tmp_path)
    assert {name: found[name] for name in chosen} == chosen


def test_the_base_is_served_from_a_repository_of_its_own(tmp_path: Path) -> None:
    base, run_dir = tmp_path / "base_model", tmp_path / "run"
    (base / "1").mkdir(parents=True)
    (base / "1" / "model.py").write_text("model")
    (base / "config.pbtxt").write_text("a")
    run_dir.mkdir()
    repository = server.make_repository(base, run_dir)
    assert [path.name for path in repository.iterdir()] == [RESIDENT_BASE]
    served = repository / RESIDENT_BASE
    assert (served / "config.pbtxt").read_text() == "a"
    assert (served / "1" / "model.py").read_text() == "model"


def test_the_laptop_s_server_is_put_together_from_the_wheel(tmp_path: Path) -> None:
    root, run_dir = tmp_path / "tritonserver", tmp_path / "run"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = root / f"python_backend_stubs/{version}/triton_python_backend_stub"
    stub.parent.mkdir(parents=True)
    stub.write_text("stub")
    backend = root / "backends/python"
    backend.mkdir(parents=True)
    for name in ("libtriton_python.so", "triton_python_backend_utils.py"):
        (backend / name).write_text(name)
    backends = server.assemble_backends(root, run_dir)
    assert backends == run_dir / "backends"
    pieces = {path.name: path.read_text() for path in (backends / "python").iterdir()}
    assert pieces == {
        "libtriton_python.so": "libtriton_python.so",
        "triton_python_backend_utils.py": "triton_python_backend_utils.py",
        "triton_python_backend_stub": "stub",
    }
    made = backends / "python" / "triton_python_backend_stub"
    assert made.stat().st_mode & 0o777 == 0o755
    assert not made.is_symlink()


# --- running --------------------------------------------------------------------------------


def test_our_signals_reach_the_server_and_its_status_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers: dict[int, object] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(server, "SHARED_MEMORY", tmp_path)
    left = tmp_path / f"likeness_{os.getpid()}_x"
    left.touch()
    environment = os.environ | {"LIKENESS_RUN_DIR": str(tmp_path), "CODE": "3"}
    assert server.run(["sh", "-c", "exit $CODE"], environment, [MemoryEngine()]) == 3
    assert set(handlers) == {signal.SIGTERM, signal.SIGINT}
    assert not left.exists(), "what it left in shared memory is swept"


def test_a_server_is_told_to_end_by_the_signal_that_we_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SHARED_MEMORY", tmp_path)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    environment = os.environ | {"LIKENESS_RUN_DIR": str(tmp_path)}
    end_us = "trap 'exit 9' TERM; kill -TERM $PPID; while true; do sleep 0.1; done"
    try:
        assert server.run(["sh", "-c", end_us], environment, [MemoryEngine()]) == 9
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def test_a_signal_that_comes_before_the_server_has_started_reaches_it() -> None:
    forward = server.Forward()
    forward(signal.SIGTERM, None)
    process = subprocess.Popen(["sleep", "600"])
    forward.to(process)
    assert process.wait(60) == -signal.SIGTERM


def test_a_base_that_comes_back_is_not_gone(tmp_path: Path) -> None:
    watch = server.BaseWatch(tmp_path)
    watch.seen_alive = time.monotonic() - 100
    (tmp_path / BASE_PID_FILE).write_text("999999999")
    assert watch.gone_seconds() >= 100
    (tmp_path / BASE_PID_FILE).write_text(str(os.getpid()))
    assert watch.gone_seconds() < 60
    assert BASE_PID_FILE == "base.pid"


# --- metrics --------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [None, "my-stack"])
def test_a_request_is_one_line_that_cloudwatch_reads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], service: str | None
) -> None:
    monkeypatch.delenv("LIKENESS_SERVICE", raising=False)
    monkeypatch.delenv(DEVICE_NUMBER, raising=False)
    if service is not None:
        monkeypatch.setenv("LIKENESS_SERVICE", service)
    began = int(time.time() * 1000)
    metrics.emit({"Requests": 2, "RequestSeconds": 0.5})
    (line,) = capsys.readouterr().out.splitlines()
    reported = json.loads(line)
    about = reported.pop("_aws")
    assert reported == {"service": service or "likeness", "Requests": 2, "RequestSeconds": 0.5}
    assert began <= about["Timestamp"] <= int(time.time() * 1000)
    assert about["CloudWatchMetrics"] == [
        {
            "Namespace": "Likeness",
            "Dimensions": [["service"]],
            "Metrics": [
                {"Name": "Requests", "Unit": "Count"},
                {"Name": "RequestSeconds", "Unit": "Seconds"},
            ],
        }
    ]


def test_a_device_has_a_dimension_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(DEVICE_NUMBER, "1")
    metrics.emit({"Requests": 2})
    reported = json.loads(capsys.readouterr().out)
    (directive,) = reported["_aws"]["CloudWatchMetrics"]
    assert (reported["device"], directive["Dimensions"]) == (
        "1",
        [["service"], ["service", "device"]],
    )


# --- the base -------------------------------------------------------------------------------


def test_a_local_base_is_served_from_where_it_lies(tmp_path: Path) -> None:
    write_base(tmp_path / "b")
    assert resolve_base(str(tmp_path / "b"), tmp_path / "cache") == tmp_path / "b"
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("damage", ["missing", "changed", "folder"])
def test_a_file_that_is_not_the_card_s_is_named(tmp_path: Path, damage: str) -> None:
    write_base(tmp_path)
    weights = tmp_path / "weights"
    weights.unlink()
    if damage == "changed":
        weights.write_bytes(b"WEIGHTS")
    if damage == "folder":
        weights.mkdir()
    message = "weights of the base is missing, or its hash is not the one in base.json"
    with pytest.raises(BaseFolderError) as caught:
        resolve_base(str(tmp_path), tmp_path / "cache")
    assert str(caught.value) == message


def test_a_card_that_contradicts_itself_or_is_none_is_said(tmp_path: Path) -> None:
    write_base(tmp_path)
    card = read_card(tmp_path)
    with pytest.raises(BaseFolderError) as caught:
        verify(tmp_path, card.model_copy(update={"sha256": "0" * 64}))
    assert (
        str(caught.value)
        == "base.json contradicts itself: its sha256 is not the hash of its file list"
    )
    for text in ("{}", None):
        (tmp_path / "base.json").unlink()
        if text is not None:
            (tmp_path / "base.json").write_text(text)
        with pytest.raises(BaseFolderError) as unread:
            read_card(tmp_path)
        assert str(unread.value) == (
            "the base folder has no valid base.json: check LIKENESS_BASE_URI"
        )


def test_a_large_file_is_hashed_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000  # more than one piece
    (tmp_path / "f").write_bytes(content)
    assert sha256_of(tmp_path / "f") == sha256(content).hexdigest()


def test_whoever_is_faster_with_a_download_wins(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    for folder in (mine, theirs):
        folder.mkdir()
        (folder / "f").write_text(folder.name)
    move_into_place(mine, theirs)
    assert (theirs / "f").read_text() == "theirs"
    move_into_place(mine, tmp_path / "target")
    assert (tmp_path / "target" / "f").read_text() == "mine"
    with pytest.raises(OSError, match="No such file"):
        move_into_place(tmp_path / "gone", tmp_path / "nowhere")
