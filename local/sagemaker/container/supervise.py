"""Runs a program and kills all its descendants at its end, as a container runtime does.

    python -I -S supervise.py [--isolated] PROGRAM [ARGUMENT...]

With `--isolated` the program has no network but its own loopback, where the kernel lets this user
make a namespace; elsewhere the program's output says that nothing isolates it.

It uses the standard library only. Commands come as single bytes on standard input: T sends SIGTERM
to the program, K kills it and all its descendants. When the input closes, the server is gone, and
everything is killed too. The exit status is the program's.
"""

import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
ISOLATED = "--isolated"
NOT_ISOLATED = (
    "This system lets no user make a network namespace, so nothing isolates this program from the"
    " network.\n"
)
CANNOT_START = 127  # a shell's exit status

libc = ctypes.CDLL(None)


def main(argv: list[str]) -> int:
    """Run the program to its end and return its exit status, 128 + n for signal n."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if argv[0] == ISOLATED:
        argv = argv[1:]
        if not isolate():
            sys.stderr.write(NOT_ISOLATED)
            sys.stderr.flush()
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


def isolate() -> bool:
    """Leave the network; keep a loopback of our own. Return False where this is not allowed."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET) != 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            return False
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    return True


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, even by SIGKILL."""
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def obey_until_end(program: subprocess.Popen[bytes]) -> None:
    """Obey commands; return when the program has ended or must be killed."""
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
    """Kill all descendants; orphans are our children, because this process is the subreaper."""
    while children := descendants(os.getpid()):
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        reap(children)


def descendants(ancestor: int) -> list[int]:
    """Return the descendants of a process, without zombies."""
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
    """Wait for our own children without reaping them; Popen reaps the program."""
    for pid in children:
        try:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
