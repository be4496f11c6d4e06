"""The requirement files with hashes: `uv pip compile` writes them from those that people edit.

The images install them with ``pip install --require-hashes --no-deps``. So nothing is downloaded
that is not named here with its hash. The training base's PyTorch stays, because no file names it.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from images.recipes import ROOT, ImageError

PYTHON = "3.11"
"""The oldest Python of the images; markers in the files choose for newer ones."""

ENVIRONMENTS = ("sys_platform == 'linux' and python_version < '3.13'",)
"""Where the images run: numpy 1 has no wheel for a newer Python."""

FROM_THE_BASE = ("torch", "torchvision")
"""Packages of the base image, left out with everything that only they need."""

PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[\w,-]+\])?==([^\s;\\]+)", re.MULTILINE)
HEAD = "# {about}, with hashes: `python3 -m images lock` writes it.\n# {stamp}\n"


@dataclass(frozen=True)
class Lock:
    """One file with hashes."""

    file: str
    about: str
    sources: tuple[str, ...]
    constraint: str = ""
    """A lock whose versions this one follows."""

    deps: bool = True
    """False for requirements that are installed without what they ask for."""

    from_the_base: tuple[str, ...] = FROM_THE_BASE
    """Packages that are left out."""


LOCKS = (
    Lock(
        "training_image/locked.txt",
        "What the trainer needs beside PyTorch",
        ("training_image/requirements.txt",),
    ),
    Lock(
        "training_image/locked-optional.txt",
        "What only some trainings import",
        ("training_image/requirements-optional.txt",),
        deps=False,
    ),
    Lock(
        "training_image/locked-faces.txt",
        "RetinaFace's network",
        ("training_image/requirements-faces.txt",),
        deps=False,
    ),
    Lock(
        "training_image/locked-tests.txt",
        "What the training image's stage `test` needs",
        ("local/requirements-pytest.txt", "local/requirements-training-tests.txt"),
        "training_image/locked.txt",
    ),
    Lock(
        "serving_image/locked.txt",
        "What the server needs beside PyTorch",
        ("serving_image/requirements.txt",),
        "training_image/locked.txt",
    ),
    Lock(
        "serving_image/locked-torch.txt",
        "PyTorch as PyPI has it, for CUDA 13, for a serving base without PyTorch",
        ("local/requirements-torch.txt",),
        "serving_image/locked.txt",
        from_the_base=("torchvision",),
    ),
    Lock(
        "serving_image/locked-tests.txt",
        "What the serving image's stage `test` needs",
        ("local/requirements-pytest.txt",),
        "training_image/locked-tests.txt",
    ),
    Lock(
        "images/locked.txt",
        "What writes the bill of materials while an image is built",
        ("images/requirements.txt",),
    ),
)


def write(root: Path = ROOT) -> None:
    """Write every file anew; versions that still fit stay.

    Raises:
        ImageError: uv is missing, or found no versions that fit together.
    """
    for lock in LOCKS:
        target = root / lock.file
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder, "locked.txt")
            if target.exists():  # uv keeps the versions that it finds in its output file
                shutil.copy(target, draft)
            _compile(lock, draft, Path(folder), root)
            head = HEAD.format(about=lock.about, stamp=stamp(lock, root))
            target.write_text(head + draft.read_text())


def _compile(lock: Lock, draft: Path, folder: Path, root: Path) -> None:
    dropped = folder / "from-the-base.txt"
    dropped.write_text("".join(f"{name}; sys_platform == 'never'\n" for name in lock.from_the_base))
    project = "[project]\nname = 'images'\nversion = '0'\nrequires-python = '>=3.11,<3.13'\n"
    settings = f"[tool.uv]\nenvironments = {json.dumps(ENVIRONMENTS)}\n"
    (folder / "pyproject.toml").write_text(project + settings)
    command = [
        "uv", "pip", "compile", "--quiet", "--universal", f"--python-version={PYTHON}",
        "--generate-hashes", "--no-header", "--no-annotate",
        f"--override={dropped}", f"--output-file={draft}",
        *([] if lock.deps else ["--no-deps"]),
        *([f"--constraint={root / lock.constraint}"] if lock.constraint else []),
        *[str(root / source) for source in lock.sources],
    ]  # fmt: skip
    try:
        subprocess.run(command, cwd=folder, check=True)
    except FileNotFoundError:
        raise ImageError("uv is missing: pip install -r local/requirements-uv.txt") from None
    except subprocess.CalledProcessError:
        raise ImageError(f"uv found no versions for {lock.file}: see the lines above.") from None


def problems(root: Path = ROOT) -> list[str]:
    """Return what is wrong with the files, without asking an index; empty: nothing."""
    return [problem for lock in LOCKS if (problem := problem_of(lock, root))]


def problem_of(lock: Lock, root: Path = ROOT) -> str:
    """Return why a file must be written anew; empty if it need not."""
    target = root / lock.file
    if not target.exists():
        return f"{lock.file} is missing. Run `make lock`."
    if stamp(lock, root) not in target.read_text():
        return f"{lock.file} is older than {' and '.join(lock.sources)}. Run `make lock`."
    return ""


def stamp(lock: Lock, root: Path = ROOT) -> str:
    """Return a line that changes when a source's requirements change; comments do not count."""
    digest = hashlib.sha256()
    for source in lock.sources:
        lines = (line.partition("#")[0].strip() for line in (root / source).read_text().split("\n"))
        digest.update("\n".join(line for line in lines if line).encode())
    return f"From {' and '.join(lock.sources)}: sha256 {digest.hexdigest()}"


def pins(text: str) -> dict[str, str]:
    r"""Return a requirements file's versions by name.

    >>> pins("a_b==1.0 \\\n    --hash=sha256:00\nc==2 ; python_version < '3'\n")
    {'a-b': '1.0', 'c': '2'}
    """
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in PIN.findall(text)}
