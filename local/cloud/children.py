"""Processes that must not outlive this one.

Linux can kill a child when its parent dies, but "parent" means the thread that started it.
Requests come and go on short-lived threads, so one thread that lives as long as we do starts
every child.
"""

import ctypes
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from local.cloud.typing_aliases import Stock

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 5.0

_libc = ctypes.CDLL(None, use_errno=True)
_wanted: queue.SimpleQueue[tuple[Future[Any], Callable[[], Stock]]] = queue.SimpleQueue()
_children: set[subprocess.Popen[Any]] = set()
_lock = threading.Lock()
_starter: threading.Thread | None = None


def popen(
    args: list[str], *, death_signal: int = signal.SIGKILL, **options: Stock
) -> subprocess.Popen[Any]:
    """Start a process as subprocess.Popen does; it gets `death_signal` when this process dies.

    It leads a group of its own: Ctrl-C in the terminal reaches only us, and we stop the group.
    """

    def bind_to_parent() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))

    # preexec_fn: one system call through a library that is loaded already, so no lock is taken.
    bound = {"preexec_fn": bind_to_parent, "start_new_session": True, **options}
    start = lambda: subprocess.Popen(args, **bound)  # noqa: E731
    child: subprocess.Popen[Any] = _on_starter(start)
    with _lock:
        ended = [old for old in _children if old.poll() is not None]
        _children.difference_update(ended)
        _children.add(child)
    for old in ended:
        _close(old)
    return child


def stop_all(grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask every child to end, then kill what is left."""
    with _lock:
        children = tuple(_children)
        _children.clear()
    for child in children:
        _signal(child, signal.SIGTERM)
    for child in children:
        stop(child, grace_seconds)


def stop(child: subprocess.Popen[Any], grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask one child and its own children to end, then kill what is left of them."""
    _signal(child, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(grace_seconds)
    _signal(child, signal.SIGKILL)
    child.wait()
    _close(child)


def _signal(child: subprocess.Popen[Any], number: int) -> None:
    """Signal the group that a child leads; it may be gone already."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _close(child: subprocess.Popen[Any]) -> None:
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with suppress(OSError):  # what was to be written to a dead child
                pipe.close()


def _on_starter(start: Callable[[], Stock]) -> Stock:
    global _starter  # noqa: PLW0603
    with _lock:
        if _starter is None or not _starter.is_alive():
            _starter = threading.Thread(target=_serve, daemon=True, name="child-starter")
            _starter.start()
    answer: Future[Any] = Future()
    _wanted.put((answer, start))
    return answer.result()


def _serve() -> None:
    while True:
        answer, start = _wanted.get()
        try:
            answer.set_result(start())
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that asked
            answer.set_exception(error)
