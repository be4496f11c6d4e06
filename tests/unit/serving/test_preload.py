"""The C libraries that tritonserver starts with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.preload import REPOSITORY_LOCK, NoCompilerError, compile_library, find_preload

ASK_FROM_MANY_THREADS = """
import ctypes
from concurrent.futures import ThreadPoolExecutor

own = ctypes.CDLL(None)
calls = [
    lambda: own.TRITONSERVER_ServerModelIndex(None, 0, None),
    lambda: own.TRITONSERVER_ServerRegisterModelRepository(None, None, None, 0),
    lambda: own.TRITONSERVER_ServerUnregisterModelRepository(None, None),
]
with ThreadPoolExecutor(6) as pool:
    assert not any(pool.map(lambda number: calls[number % 3](), range(60)))
print(own.calls_that_met())
"""


def calls_that_met(*libraries: Path) -> int:
    answer = subprocess.run(
        [sys.executable, "-c", ASK_FROM_MANY_THREADS],
        env=os.environ | {"LD_PRELOAD": ":".join(map(str, libraries))},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(answer.stdout)


def test_triton_s_repositories_are_read_or_changed_by_one_call_at_a_time(tmp_path: Path) -> None:
    triton = compile_library(Path(__file__).with_name("overlap.c"), tmp_path)
    assert calls_that_met(triton) > 0
    assert calls_that_met(find_preload(REPOSITORY_LOCK, tmp_path), triton) == 0


def test_a_library_built_with_the_image_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.preload.SOURCES", tmp_path)
    (tmp_path / "repository_lock.so").touch()
    assert find_preload(REPOSITORY_LOCK, tmp_path / "run") == tmp_path / "repository_lock.so"


def test_a_failed_compilation_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.c").write_text("int main(")
    with pytest.raises(NoCompilerError, match=r"broken\.c: install a C compiler"):
        compile_library(tmp_path / "broken.c", tmp_path)
