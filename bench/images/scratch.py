"""The folder with every layer, and what this machine's pip and apt are configured with.

No address of a mirror is written here: they come from `pip config` and apt's sources when the
images are built, and are mounted into the build.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from images.engine import Engine, mounted
from images.recipes import ImageError

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
APT_SETTINGS = Path("/etc/apt/apt.conf.d")
PIP_FILE, WEIGHTS = "/etc/pip.conf", "/weights"
NEEDED = {"buildah": "buildah", "debootstrap": "debootstrap", "unshare": "util-linux"}
"""Programs, and Debian's packages of them."""

UNFIT = ("constraint", "require-virtualenv", "user", "target", "prefix")
"""Settings of pip that speak of this machine's own environments."""

SETTING = re.compile(r"^(?P<section>[\w:.-]+)\.(?P<key>[\w-]+)='(?P<value>.*)'$")


class CannotRunError(Exception):
    """The images cannot be tried on this machine; the text says what to do."""


@dataclass(frozen=True)
class Scratch:
    """A folder on disk for layers, containers and logs."""

    folder: Path

    @property
    def engine(self) -> Engine:
        """Return buildah with its storage in this folder: no daemon, no cgroup, layers kept."""
        places = (f"--root={self.folder / 'storage'}", f"--runroot={self.folder / 'run'}")
        driver = storage_driver()
        kept = ("--layers",) if driver == "overlay" else ()  # vfs would copy every layer whole
        options = (*kept, *self.run_options)
        return Engine("buildah", (*places, f"--storage-driver={driver}"), options)

    @property
    def run_options(self) -> tuple[str, ...]:
        """Return how a command runs inside a container, and what it sees of this machine."""
        mounts = (f"--volume={source}:{target}:ro" for source, target in self.mounts())
        return ("--isolation=chroot", *mounts)

    def mounts(self) -> list[tuple[Path, str]]:
        """Return what a build sees of this machine: settings, certificates, weights."""
        (self.folder / "weights").mkdir(exist_ok=True)
        settings = pip_settings()
        file = self.folder / "pip.conf"
        file.write_text(pip_file(settings))
        mounted = [
            (file, PIP_FILE),
            (self.folder / "weights", WEIGHTS),
            *((path, str(path)) for path in named_paths(settings)),
        ]
        if CERTIFICATES.exists():
            mounted.append((CERTIFICATES, str(CERTIFICATES)))
        proxies = [path for path in APT_SETTINGS.glob("99*") if path.is_file()]
        return [*mounted, *((path, str(path)) for path in proxies)]


@cache
def storage_driver() -> str:
    """Return overlay where the kernel lets us mount it, else vfs, which copies every layer."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(
            "buildah",
            (f"--root={folder}/storage", f"--runroot={folder}/run", "--storage-driver=overlay"),
        )
        try:
            with mounted(engine, "scratch"):
                return "overlay"
        except ImageError:
            return "vfs"


def check(*, install: bool) -> None:
    """Install what lacks if that is wanted.

    Raises:
        CannotRunError: a program lacks, or the caller is not root.
    """
    if os.geteuid() != 0:
        raise CannotRunError("A chroot needs root. Run `sudo make images-test`, or a container.")
    missing = [package for name, package in NEEDED.items() if shutil.which(name) is None]
    if missing and install:
        subprocess.run(["apt-get", "install", "-y", "-qq", *missing], check=True)
    elif missing:
        raise CannotRunError(
            f"Missing: {', '.join(missing)}. Debian, Ubuntu: apt install {' '.join(missing)};"
            " or make images-test IMAGES_TEST=--install."
        )


def pip_settings() -> list[tuple[str, str, str]]:
    """Return pip's settings on this machine: section, key, value."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    if listed.returncode:  # the environment of the trainer has no pip of its own
        listed = subprocess.run(
            ["pip", "config", "list"], capture_output=True, text=True, check=True
        )
    return parse_settings(listed.stdout)


def parse_settings(text: str) -> list[tuple[str, str, str]]:
    r"""Return what `pip config list` prints, without what speaks of this machine's environments.

    >>> text = "global.index-url='https://a/simple'\n:env:.cert='/c'\nglobal.user='yes'\n"
    >>> parse_settings(text)
    [('global', 'index-url', 'https://a/simple'), ('global', 'cert', '/c')]
    """
    found = (SETTING.match(line) for line in text.splitlines())
    entries = [(match["section"], match["key"], match["value"]) for match in found if match]
    named = [(section.replace(":env:", "global"), key, value) for section, key, value in entries]
    return [entry for entry in dict.fromkeys(named) if entry[1] not in UNFIT]


def pip_file(settings: list[tuple[str, str, str]]) -> str:
    """Return a pip.conf with these settings; a variable of the environment wins over a file."""
    values = {(section, key): value for section, key, value in reversed(settings)}
    sections = sorted({section for section, _ in values})
    return "".join(
        f"[{section}]\n"
        + "".join(f"{key} = {value}\n" for (of, key), value in values.items() if of == section)
        for section in sections
    )


def named_paths(settings: list[tuple[str, str, str]]) -> list[Path]:
    """Return the folders and files of this machine that pip's settings name.

    A local index links to files beside it, so the folder above it is named.
    """
    words = [word for _, _, value in settings for word in value.split()]
    indexes = [Path(word.removeprefix("file://")).parent for word in words if word[:7] == "file://"]
    plain = [Path(word) for word in words if word.startswith("/")]
    found = dict.fromkeys([*indexes, *plain])
    return [path for path in found if path.exists() and path not in {CERTIFICATES, Path("/")}]


def apt_mirror() -> str:
    """Return the address from which this machine's apt takes Debian."""
    texts = [path.read_text() for path in sources() if path.suffix in {".list", ".sources"}]
    found = re.search(
        r"^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(https?://\S+/debian/?)(?:\s|$)",
        "\n".join(texts),
        re.MULTILINE,
    )
    if found is None:
        raise CannotRunError("apt's sources name no Debian mirror, and debootstrap needs one.")
    return found[1]


def sources() -> list[Path]:
    """Return apt's lists of sources."""
    folder = Path("/etc/apt/sources.list.d")
    named = [Path("/etc/apt/sources.list"), *sorted(folder.glob("*"))]
    return [path for path in named if path.is_file()]
