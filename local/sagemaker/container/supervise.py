"""What a container's runtime does for a program: one that dies takes everything with it.

    python -I -S supervise.py PROGRAM [ARGUMENT...]

Runs alone, so standard library only. Commands come as single bytes on standard input:
T sends SIGTERM to the program, K kills it and all its descendants. When the input closes, the
server is gone, and everything is killed too. Ends with the program's exit status.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CANNOT_START = 127  # as a shell says it

libc = ctypes.CDLL(None)


def main(argv: list[str]) -> int:
    """Run the program to its end and return its exit status, 128 + n for signal n."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        # preexec_fn is safe here: this process has one thread.
        program = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509
        )
    except OSError as error:
        sys.stderr.write(f"cannot start {argv[0]}: {error.strerror}\n")
        return CANNOT_START
    try:
        obey_until_end(program)
    finally:
        kill_descendants()
    status = program.wait()
    return status if status >= 0 else 128 - status


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, should even that be killed."""
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def obey_until_end(program: subprocess.Popen[bytes]) -> None:
    """Return when the program has ended or must."""
    ended = os.pidfd_open(program.pid)
    while True:
        ready, _, _ = select.select([0, ended], [], [])
        if ended in ready:
            return
        command = os.read(0, 1)
        if command != b"T":
            return
        program.terminate()


def kill_descendants() -> None:
    """Kill all of them; those whose parent has died are our children, for we are the subreaper."""
    while children := descendants(os.getpid()):
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        reap(children)


def descendants(ancestor: int) -> list[int]:
    """Return the living processes below one, zombies excluded."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(stat.parent.name)] = int(parent)
    found = [ancestor]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def reap(children: list[int]) -> None:
    """Wait for those that are our own; the program itself is left to its Popen."""
    for pid in children:
        try:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
