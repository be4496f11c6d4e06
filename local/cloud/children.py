"""Child processes that end with this process.

Linux can kill a child when its parent dies, but "parent" means the thread that started it. Requests
run on short-lived threads, so one thread that lives as long as the process starts every child.
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
_starts: queue.SimpleQueue[tuple[Future[Any], Callable[[], Stock]]] = queue.SimpleQueue()
_children: set[subprocess.Popen[Any]] = set()
_lock = threading.Lock()
_starter: threading.Thread | None = None


def popen(
    args: list[str], *, death_signal: int = signal.SIGKILL, **options: Stock
) -> subprocess.Popen[Any]:
    """Start a process as subprocess.Popen does; it gets `death_signal` when this process dies.

    The child leads its own process group, so Ctrl-C in the terminal does not reach it directly. Its
    pipes are the caller's to close: what an ended child has written may still be unread.
    """

    def bind_to_parent() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))

    # preexec_fn is safe here: it makes one system call and takes no lock.
    bound = {"preexec_fn": bind_to_parent, "start_new_session": True, **options}
    start = lambda: subprocess.Popen(args, **bound)  # noqa: E731
    child: subprocess.Popen[Any] = _on_starter(start)
    with _lock:
        _children.difference_update([old for old in _children if old.poll() is not None])
        _children.add(child)
    return child


def stop_all(grace_seconds: float = GRACE_SECONDS) -> None:
    """Send SIGTERM to every child, then kill the ones that still run."""
    with _lock:
        children = tuple(_children)
        _children.clear()
    for child in children:
        _signal(child, signal.SIGTERM)
    for child in children:
        stop(child, grace_seconds)


def stop(child: subprocess.Popen[Any], grace_seconds: float = GRACE_SECONDS) -> None:
    """Send SIGTERM to one child's process group, then kill what still runs of it."""
    _signal(child, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(grace_seconds)
    _signal(child, signal.SIGKILL)
    child.wait()
    _close(child)


def _signal(child: subprocess.Popen[Any], number: int) -> None:
    """Send a signal to the process group of a child, if the group still exists."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _close(child: subprocess.Popen[Any]) -> None:
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with suppress(OSError):  # unwritten input of a dead child
                pipe.close()


def _on_starter(start: Callable[[], Stock]) -> Stock:
    global _starter  # noqa: PLW0603
    with _lock:
        if _starter is None or not _starter.is_alive():
            _starter = threading.Thread(target=_serve, daemon=True, name="child-starter")
            _starter.start()
    answer: Future[Any] = Future()
    _starts.put((answer, start))
    return answer.result()


def _serve() -> None:
    while True:
        answer, start = _starts.get()
        try:
            answer.set_result(start())
        except BaseException as error:  # noqa: BLE001 - the calling thread raises it
            answer.set_exception(error)
