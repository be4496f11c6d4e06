"""The memory of a function is that of its process and of its descendants, shared pages once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.cloud.lambdas.memory import MIB, peak_bytes, tree_of, used_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = 100
FORKS = f"""
import os, sys
kept = bytearray(b"x") * ({KEPT} << 20)
if os.fork() == 0:
    print(os.getpid(), flush=True)
sys.stdin.read()
"""
STARTS = f"""
import subprocess, sys
work = "import sys; kept = bytearray(b'x') * ({KEPT} << 20); print(1, flush=True); sys.stdin.read()"
subprocess.run([sys.executable, "-c", work])
"""
FREES = f"""
import sys
kept = bytearray(b"x") * ({KEPT} << 20)
del kept
print(1, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[int]:
    """Run a program until it has printed a line; return its process id."""
    pipe = subprocess.PIPE
    line = [sys.executable, "-c", request.param]
    with subprocess.Popen(line, stdin=pipe, stdout=pipe) as program:
        assert program.stdout is not None
        program.stdout.readline()
        yield program.pid
        program.communicate()


@pytest.mark.parametrize("process", [FORKS], indirect=True)
def test_pages_that_a_fork_shares_count_once(process: int) -> None:
    assert len(tree_of(process)) == 2
    rough, exact = used_bytes(process, limit=1 << 40), used_bytes(process, limit=0)
    assert rough > 2 * KEPT * MIB
    assert KEPT * MIB < exact < 2 * KEPT * MIB


@pytest.mark.parametrize("process", [STARTS], indirect=True)
def test_the_memory_of_a_child_counts(process: int) -> None:
    assert used_bytes(process, limit=0) > KEPT * MIB


@pytest.mark.parametrize("process", [FREES], indirect=True)
def test_a_moment_s_peak_is_remembered(process: int) -> None:
    assert used_bytes(process, limit=0) < KEPT * MIB < peak_bytes(process)


def test_an_ended_process_uses_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert (used_bytes(ended.pid, limit=0), peak_bytes(ended.pid)) == (0, 0)
