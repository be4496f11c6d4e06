"""The client's wheel: built from the checkout, installed where nothing else of ours is.

LIKENESS_PYTHONS="python3.11 python3.12 python3.13" also installs it with all it depends on, from
the package index, for each of these Pythons.
"""

import email.message
import email.parser
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from likeness_client import __version__
from tests.contract.files import ROOT
from tests.fakes.pictures import encoded, picture

SOURCES = ("setup.py", "pyproject.toml", "LICENSE", "functions", "likeness_client")
PYTHONS = os.environ.get("LIKENESS_PYTHONS", "").split()


def run(*command: str | Path, cwd: Path, rc: int = 0) -> str:
    """Run a command with nothing of this process's environment; return what it printed."""
    bare = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "HOME"))}
    env = {**bare, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == rc, done.stdout + done.stderr
    return done.stdout + done.stderr


def build(source: Path, out: Path) -> Path:
    """Build a wheel with this environment's own setuptools: nothing is downloaded."""
    flags = ["--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(out)]
    run(sys.executable, "-m", "pip", "wheel", *flags, str(source), cwd=source)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built in a copy of the sources in which an older build left other packages."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        path = ROOT / name
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, source / name, ignore=ignored)
        else:
            shutil.copy(path, source / name)
    stale = source / "build" / "lib" / "contracts"
    stale.mkdir(parents=True)
    (stale / "__init__.py").write_text("")
    return build(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.parser.Parser().parsestr(archive.read(name).decode())


def test_it_owns_one_top_level_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"likeness_client"}
    assert "likeness_client/py.typed" in names
    assert {f"likeness_client/api/_{kind}/client.py" for kind in ("sync", "async")} <= set(names)


def test_its_metadata_is_complete(metadata: email.message.Message) -> None:
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).startswith("# likeness\n")
    minors = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)}
    assert minors <= set(metadata.get_all("Classifier", []))


@pytest.mark.parametrize(
    ("python", "fits"), [("3.10", False), ("3.11", True), ("3.12", True), ("3.13", True)]
)
def test_pip_takes_it_for_these_pythons(
    metadata: email.message.Message, python: str, fits: bool
) -> None:
    assert SpecifierSet(metadata["Requires-Python"]).contains(python) is fits


def test_it_works_where_nothing_else_of_ours_is(wheel: Path, tmp_path: Path) -> None:
    """Its dependencies are those of this environment; the repository is not on the path."""
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    install = ["install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    run(sys.executable, "-m", "pip", "--python", python, *install, cwd=tmp_path)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path)
    # Named by a .pth file, a folder's own .pth files are not read: the repository stays outside.
    ours = [entry for entry in sys.path if entry.endswith("site-packages")]
    Path(site.strip(), "dependencies.pth").write_text("\n".join(ours) + "\n")
    assert "ModuleNotFoundError" in run(python, "-c", "import contracts", cwd=tmp_path, rc=1)
    use(home, tmp_path)


@pytest.mark.skipif(not PYTHONS, reason="LIKENESS_PYTHONS names no Python")
@pytest.mark.parametrize("python", PYTHONS or ["none"])
def test_it_installs_alone(python: str, wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "env"
    interpreter = shutil.which(python)
    assert interpreter, f"there is no {python}"
    run(interpreter, "-m", "venv", home, cwd=tmp_path)
    run(home / "bin" / "pip", "install", "--quiet", f"{wheel}[aws,check]", cwd=tmp_path)
    assert "No broken requirements" in run(home / "bin" / "pip", "check", cwd=tmp_path)
    use(home, tmp_path)


def use(home: Path, folder: Path) -> None:
    """Ask for the version, judge photos (which starts the decoder's process), import its types."""
    likeness = home / "bin" / "likeness"
    assert run(likeness, "--version", cwd=folder) == f"likeness {__version__}\n"
    assert "likeness" in run(home / "bin" / "python", "-m", "likeness_client", "-h", cwd=folder)
    photos = folder / "photos"
    photos.mkdir()
    for number in range(5):
        (photos / f"{number}.jpg").write_bytes(encoded(picture(number)))
    (photos / "5.jpg").write_bytes(b"no picture")
    for trap in ("json.py", "likeness_client.py"):  # the current folder is nobody's library
        (folder / trap).write_text("raise SystemExit(9)")
    output = run(likeness, "check", photos, cwd=folder)
    assert "Photos that can be used: 5 of 6" in output
    assert "refused   5.jpg" in output
    (folder / "likeness_client.py").unlink()
    (folder / "json.py").unlink()
    template = "from likeness_client.doctor.template import shipped; print(shipped().resources)"
    assert "UploadsBucket" in run(home / "bin" / "python", "-c", template, cwd=folder)
    assert "checks are parameters" in run(likeness, "doctor", "--skip", "x", cwd=folder, rc=2)
    assert "LIKENESS_API_KEY" in run(
        likeness, "files", "x", "--api", "https://x.org", cwd=folder, rc=2
    )
    names = "from likeness_client import *; from likeness_client.jobs import Jobs; print(Likeness)"
    assert "likeness_client.client" in run(home / "bin" / "python", "-c", names, cwd=folder)


def test_an_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in SOURCES:
        path = ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, source / name)
    make = "from setuptools import build_meta; build_meta.build_sdist('.')"
    run(sys.executable, "-c", make, cwd=source)
    (sdist,) = source.glob("*.tar.gz")
    shutil.unpack_archive(sdist, tmp_path, filter="data")
    again = build(tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())
