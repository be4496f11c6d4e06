"""A program inside an image's files: chroot, with the image's environment, user and folder.

The program runs in the process that is started, so signals reach it as a container runtime sends
them. It sees /proc and /dev of this machine, what is mounted for it, and nothing else.
"""

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from images.engine import Engine

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """An image's files and what it says of its program."""

    root: Path
    config: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """Return the image's ENV."""
        return {"PATH": PATH} | dict(text.split("=", 1) for text in self.config.get("Env") or [])

    @property
    def labels(self) -> dict[str, str]:
        """Return the image's LABEL."""
        return dict(self.config.get("Labels") or {})

    @property
    def user(self) -> str:
        """Return the image's USER; root when it names none."""
        return self.config.get("User") or "root"


def read_config(engine: Engine, image: str) -> dict[str, Any]:
    """Return what an image says of its program: Env, User, Entrypoint, WorkingDir, Labels."""
    found: dict[str, Any] = json.loads(engine.run("inspect", "--type", "image", image))
    config: dict[str, Any] = found["OCIv1"]["config"]
    return config


@dataclass(frozen=True)
class Run:
    """What `docker run` would be given."""

    arguments: Sequence[str]
    mounts: Mapping[str, Path]
    """Folders of this machine, by their place in the container."""

    environment: Mapping[str, str] = field(default_factory=dict)
    network: bool = True


def start(image: Image, run: Run, log: Path) -> subprocess.Popen[bytes]:
    """Start the image's program; its output goes to a file."""
    apart = ["unshare", "--mount", "--propagation=private", *([] if run.network else ["--net"])]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*apart, "sh", "-ec", make_script(image, run)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def make_script(image: Image, run: Run) -> str:
    """Return the shell script that mounts, and then becomes the program."""
    lines = [f"mount --rbind /{name} {quoted(image.root / name)}" for name in ("proc", "dev")]
    for target, source in run.mounts.items():
        inside = quoted(image.root / target.lstrip("/"))
        lines += [f"mkdir -p {inside}", f"mount --bind {quoted(source)} {inside}"]
    values = {**image.environment, **run.environment}
    program = [*(image.config.get("Entrypoint") or []), *run.arguments]
    folder = image.config.get("WorkingDir") or "/"
    become = ["chroot", f"--userspec={image.user}", str(image.root), "env", "-i"]
    become += [f"{name}={value}" for name, value in values.items()]
    inside_shell = ["sh", "-c", 'cd "$0" && exec "$@"', folder, *program]
    return "\n".join([*lines, "exec " + shlex.join([*become, *inside_shell])])


def quoted(path: Path) -> str:
    """Return a path for the shell."""
    return shlex.quote(str(path))


def user_of(pid: int) -> int:
    """Return the user id of a running process."""
    return Path("/proc", str(pid)).stat().st_uid
