"""Starts and ends of ``serve``: what it refuses, when it is ready, what it leaves behind."""

import os
import re
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from contracts.shared.ports import free_port
from serving.preload import SOURCES, compile_library
from serving.server import IMAGE_TRITON, SHARED_MEMORY, find_triton
from tests.smoke import serving_kit as kit
from tests.smoke import tiny_pipelines
from tests.smoke.test_serving_base import make_safety_folder

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]


def serve(base_uri: str | None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) | {"SAGEMAKER_BIND_TO_PORT": str(free_port())}
    if base_uri is not None:
        environment["LIKENESS_BASE_URI"] = base_uri
    return subprocess.run(
        [sys.executable, kit.ROOT / "serving_image/serve"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=kit.PATIENCE_SECONDS,
        check=False,
    )


@pytest.fixture
def base(tmp_path: Path) -> Path:
    kit.make_base(tmp_path / "base", "sd1")
    return tmp_path / "base"


def test_without_a_base_uri_the_error_names_the_variable() -> None:
    answer = serve(None)
    assert answer.returncode == 2
    assert "set LIKENESS_BASE_URI" in answer.stderr


def test_a_folder_without_a_card_is_refused(tmp_path: Path) -> None:
    answer = serve(str(tmp_path))
    assert answer.returncode == 2
    assert "has no valid base.json" in answer.stderr


def test_a_changed_base_is_refused(base: Path) -> None:
    (base / "model_index.json").write_text("{}")
    answer = serve(str(base))
    assert answer.returncode == 2
    assert "model_index.json" in answer.stderr


def test_a_base_that_cannot_be_loaded_ends_the_server(base: Path) -> None:
    (base / "unet/config.json").write_text("{")
    tiny_pipelines.write_card(base, "sd1", "epsilon", resolution=64)
    answer = serve(str(base))
    assert answer.returncode == 2
    assert "engine: the base cannot be loaded" in answer.stderr


def listening_addresses(port: int) -> set[str]:
    """Return addresses as /proc writes them: 0100007F is 127.0.0.1, 00000000 is every address."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [line[1] for line in lines if line[3] == "0A"]
    return {entry.split(":")[0] for entry in listening if int(entry.split(":")[1], 16) == port}


def reached_from() -> str:
    """Return where the server listens: a container is called from outside, a laptop is not."""
    return "00000000" if (IMAGE_TRITON / "bin/tritonserver").is_file() else "0100007F"


def test_ping_waits_for_the_base_and_nothing_is_left_behind(base: Path, tmp_path: Path) -> None:
    with kit.serving(str(base), tmp_path) as server:
        log = server.log.read_text(errors="replace")
        assert log.index("likeness_base") < log.index("Started Sagemaker HTTPService")
        stubs = list(server.stubs().values())
        assert len(stubs) == 1
        regions = list(SHARED_MEMORY.glob(f"likeness_{server.process.pid}_*"))
        assert regions
        assert listening_addresses(server.port) == {reached_from()}
    assert not any(region.exists() for region in regions)
    wait_until_gone(stubs)


@pytest.mark.thorough
def test_an_sd1_base_serves_too(base: Path, tmp_path: Path) -> None:
    kit.make_adapter(tmp_path / "adapter", base)
    user = kit.pack_user(tmp_path, 1, tmp_path / "adapter")
    with kit.serving(str(base), tmp_path) as server:
        assert server.load(user).status == 200
        changed, bare = server.draw(user).picture, server.draw(user, lora_scale=0).picture
    assert abs(changed - bare).max() > 5


@pytest.mark.thorough
def test_models_come_and_go_while_others_are_awaited(base: Path, tmp_path: Path) -> None:
    """Without repository_lock.c the server crashes in one of three runs with these tunables.

    tests/unit/serving/test_preload.py notices a missing lock in every run.
    """
    slow_disk = compile_library(Path(__file__).with_name("slow_disk.c"), tmp_path)
    tunables = "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165"
    harsh = {"LD_PRELOAD": str(slow_disk), "GLIBC_TUNABLES": tunables}
    stays, *others = [kit.pack_user(tmp_path, number, None) for number in range(9)]
    with kit.serving(str(base), tmp_path, **harsh) as server:
        for user in (stays, *others[::2]):
            assert server.load(user).status == 200
        with ThreadPoolExecutor(len(others)) as pool:
            reloads = [pool.submit(come_and_go, server, user) for user in others]
            statuses = {server.draw(stays).status for _ in iter(partial(all_done, reloads), True)}
        assert {status for reload in reloads for status in reload.result()} == {200}
        assert statuses == {200}


def test_tritonserver_imports_the_functions_that_the_lock_guards(tmp_path: Path) -> None:
    """A server that links these functions statically, or renames them, would bypass the lock."""
    program = find_triton(tmp_path).program.read_bytes()
    lock = (SOURCES / "repository_lock.c").read_text()
    guarded = re.findall(r"Error \*(TRITONSERVER_\w+)\(", lock)
    assert len(guarded) == 3
    assert all(f"\0{name}\0".encode() in program for name in guarded)


def come_and_go(server: kit.Server, user: kit.User) -> set[int]:
    """Load and unload a model twice; half of the models start loaded, so loads meet unloads."""
    come, go = partial(server.load, user), partial(server.unload, user)
    steps = [go, come] if user.number % 2 else [come, go]
    return {step().status for step in steps * 2}


def all_done(futures: list[Future[set[int]]]) -> bool:
    return all(future.done() for future in futures)


def test_the_operator_s_safety_checker_withholds_pictures(base: Path, tmp_path: Path) -> None:
    safety = make_safety_folder(tmp_path / "safety", threshold=-2.0)
    user = kit.pack_user(tmp_path, 1, None)
    with kit.serving(str(base), tmp_path, LIKENESS_SAFETY_URI=str(safety)) as server:
        assert server.load(user).status == 200
        answer = server.draw(user)
    assert answer.status == 400
    assert answer.error == "likeness/unsafe_picture: the safety checker refused the picture"


def test_a_killed_serve_takes_everything_with_it(base: Path, tmp_path: Path) -> None:
    with kit.serving(str(base), tmp_path) as server:
        pids = list(server.stubs().values())
        server.process.kill()
        wait_until_gone(pids)


def wait_until_gone(pids: list[int]) -> None:
    """Wait until the processes are gone; on a busy machine that takes some seconds."""
    end = time.monotonic() + kit.PATIENCE_SECONDS
    while any(Path("/proc", str(pid), "exe").exists() for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.2)
