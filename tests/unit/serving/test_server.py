"""Parts of ``serve`` that need no tritonserver."""

import hashlib
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from serving import base_folder, server, supervision
from serving.names import BASE_PID_FILE
from serving.preload import LOOPBACK, REPOSITORY_LOCK
from tests.unit.serving.test_tensors import BASE


def write_base(folder: Path, content: bytes = b"weights") -> None:
    folder.mkdir(exist_ok=True)
    (folder / "weights").write_bytes(content)
    (folder / "model_index.json").write_text("{}")
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("model_index.json", "weights")
    }
    lines = "".join(f"{digest}  {name}\n" for name, digest in files.items())
    total = hashlib.sha256(lines.encode()).hexdigest()
    card = BASE.model_copy(update={"files": files, "sha256": total})
    (folder / "base.json").write_text(card.model_dump_json())


class MemoryBucket:
    """Downloads objects of one bucket as boto3's client does, and records their keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: list[str] = []

    def download_file(self, bucket: str, key: str, target: str) -> None:
        assert bucket == "bucket"
        self.fetched.append(key)
        Path(target).write_bytes((self.folder / key).read_bytes())


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryBucket:
    write_base(tmp_path / "b")
    made = MemoryBucket(tmp_path)
    monkeypatch.setattr("boto3.client", lambda _service: made)
    return made


def test_a_base_from_s3_is_fetched_once(bucket: MemoryBucket, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = base_folder.resolve_base("s3://bucket/b/", cache)
    assert (first / "weights").read_bytes() == b"weights"
    assert base_folder.resolve_base("s3://bucket/b", cache) == first
    assert bucket.fetched == [
        *("b/base.json", "b/model_index.json", "b/weights"),
        "b/base.json",
    ]
    assert list(cache.iterdir()) == [first]


def test_a_changed_object_is_refused(bucket: MemoryBucket, tmp_path: Path) -> None:
    (bucket.folder / "b/weights").write_bytes(b"others")
    with pytest.raises(base_folder.BaseFolderError, match="weights of the base"):
        base_folder.resolve_base("s3://bucket/b/", tmp_path / "cache")


def test_the_base_is_gone_only_while_its_process_is(tmp_path: Path) -> None:
    watch = server.BaseWatch(tmp_path)
    assert watch.gone_seconds() < 1  # it has not started yet
    base = subprocess.Popen(["sleep", "60"])
    (tmp_path / BASE_PID_FILE).write_text(str(base.pid))
    assert watch.gone_seconds() < 1
    base.kill()
    base.wait()
    time.sleep(0.05)
    assert watch.gone_seconds() >= 0.05


class MemoryEngine(supervision.Process):
    """An engine without a process; ``reasons`` are what ``look`` says in turn."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = list(reasons)
        self.stopped = False

    def look(self) -> str | None:
        return self.reasons.pop(0) if self.reasons else None

    def stop(self) -> None:
        self.stopped = True


def test_a_server_whose_forwarding_model_stays_dead_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "DEAD_BASE_SECONDS", 0.1)
    monkeypatch.setattr("signal.signal", lambda _number, _handler: None)
    (tmp_path / BASE_PID_FILE).write_text("none")
    environment = os.environ | {"LIKENESS_RUN_DIR": str(tmp_path)}
    engine = MemoryEngine()
    assert server.run(["sleep", "60"], environment, [engine]) != 0
    assert "the base's model has died" in capsys.readouterr().err
    assert engine.stopped


def test_a_server_without_an_engine_is_ended_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signal.signal", lambda _number, _handler: None)
    environment = os.environ | {"LIKENESS_RUN_DIR": str(tmp_path)}
    assert server.run(["sleep", "600"], environment, [MemoryEngine("it is gone")]) == 2
    assert "serve: it is gone; stopping" in capsys.readouterr().err


def engine_of(script: str, tmp_path: Path) -> supervision.Process:
    return supervision.Process(
        "the engine", ["sh", "-c", script], dict(os.environ), tmp_path / "socket", lambda: None
    )


def test_an_engine_that_was_ready_is_started_again(tmp_path: Path) -> None:
    engine = engine_of("exec sleep 600", tmp_path)
    try:
        for _ in range(2 * supervision.MAX_FAILED_STARTS):
            engine.ready.touch()
            assert engine.look() is None
            engine.process.kill()
            engine.process.wait()
            assert engine.look() is None
            assert engine.process.poll() is None, "it runs again"
            assert not engine.ready.exists(), "nobody connects to the dead one"
    finally:
        engine.stop()
    assert engine.process.poll() is not None


def test_an_engine_that_never_gets_ready_ends_the_container(tmp_path: Path) -> None:
    engine = engine_of("exit 1", tmp_path)
    for _ in range(supervision.MAX_FAILED_STARTS - 1):
        engine.process.wait()
        assert engine.look() is None
    engine.process.wait()
    assert engine.look() == "the engine did not start 3 times in a row"


def test_an_engine_that_names_its_fault_is_not_started_again(tmp_path: Path) -> None:
    engine = engine_of("exit 2", tmp_path)
    engine.process.wait()
    assert str(engine.look()).startswith("the engine cannot start")


def test_the_engine_s_environment_has_the_base_and_no_library_of_triton(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    (tmp_path / "link").symlink_to(tmp_path)
    found = supervision.engine_environment(
        tmp_path / "link", tmp_path, supervision.Found(tmp_path / "link")
    )
    assert found["LIKENESS_BASE_DIR"] == found["LIKENESS_SAFETY_DIR"] == str(tmp_path.resolve())
    image, functions = found["PYTHONPATH"].split(":")
    assert Path(image, "serving/engine_process.py").is_file()
    assert Path(functions, "contracts").is_dir()
    assert "LD_PRELOAD" not in found


def test_only_regions_of_dead_servers_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SHARED_MEMORY", tmp_path)
    alive, dead = tmp_path / "likeness_1_a", tmp_path / "likeness_999999999_a"
    other = tmp_path / "others"
    for region in (alive, dead, other):
        region.touch()
    server.sweep_regions()
    assert [region.exists() for region in (alive, dead, other)] == [True, False, True]


def test_a_missing_server_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IMAGE_TRITON", tmp_path)
    with pytest.raises(server.NoTritonError, match="nvidia-pytriton"):
        server.find_triton(tmp_path)


def test_the_image_s_server_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tritonserver").touch()
    monkeypatch.setattr(server, "IMAGE_TRITON", tmp_path)
    triton = server.find_triton(tmp_path)
    assert (triton.program, triton.libraries) == (tmp_path / "bin/tritonserver", ())
    command = server.make_command(triton, tmp_path / "repository", tmp_path, 8080)
    assert "--allow-http=false" in command
    assert "--load-model=likeness_base" in command
    assert "--model-namespacing=false" in command
    assert [library.stem for library in triton.preloads] == [REPOSITORY_LOCK, LOOPBACK]
    monkeypatch.setenv("LIKENESS_FRONT", "off")
    (alone,) = server.find_triton(tmp_path).preloads
    assert alone.stem == REPOSITORY_LOCK, "then SageMaker reaches Triton itself"


def test_an_operator_s_own_library_stays_preloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libjemalloc.so")
    triton = server.Triton(tmp_path, tmp_path, (), (tmp_path / "lock.so",))
    environment = server.make_environment(triton, tmp_path)
    assert environment["LD_PRELOAD"] == f"{tmp_path}/lock.so:/usr/lib/libjemalloc.so"


def test_triton_takes_a_port_of_sagemaker_s_range_behind_the_front(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", "9000")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setenv("SAGEMAKER_SAFE_PORT_RANGE", f"{port}-{port}")
        with pytest.raises(server.NoPortError, match=f"{port}-{port}"):
            server.choose_ports()
        monkeypatch.setenv("SAGEMAKER_SAFE_PORT_RANGE", f"{port}-{port + 15}")
        assert port < server.choose_ports().triton <= port + 15
    monkeypatch.setenv("LIKENESS_FRONT", "off")
    assert server.choose_ports() == (9000, 9000)
    monkeypatch.delenv("SAGEMAKER_SAFE_PORT_RANGE")
    monkeypatch.delenv("LIKENESS_FRONT")
    sagemaker, triton = server.choose_ports()
    assert sagemaker == 9000
    assert triton not in {0, 9000}


def test_a_front_that_sees_no_way_out_ends_the_container(tmp_path: Path) -> None:
    front = supervision.Process(
        "the front", ["sh", "-c", "exit 3"], dict(os.environ), tmp_path / "ready", lambda: None
    )
    front.process.wait()
    assert front.look() == "a model's process died with requests, so Triton can never unload it"


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ({"LIKENESS_REGION": "eu-south-1", "AWS_REGION": "us-east-1"}, "eu-south-1"),
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"LIKENESS_REGION": "eu-south-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({}, None),
    ],
)
def test_boto3_learns_the_region_in_a_container_that_has_no_variable_for_it(
    given: dict[str, str], region: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIKENESS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    server.use_region()
    assert os.environ.get("AWS_DEFAULT_REGION") == region
