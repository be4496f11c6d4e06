"""An image whose label is not what is in it cannot be built."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from contracts.shared.instances.image_check import LABEL, Contents, find_faults, main, needs_of
from tests.contract.files import ROOT

GOOD = Contents((3, 12), (12, 9), "25.04")
NEEDS = "python=3.12 cuda=12.9 driver=525"
HERE = f"python={sys.version_info.major}.{sys.version_info.minor}"
DOCKERFILES = ("training_image/Dockerfile", "serving_image/Dockerfile")


def test_a_true_label_is_taken() -> None:
    assert list(find_faults(NEEDS, GOOD)) == []
    assert needs_of(GOOD) == NEEDS


@pytest.mark.parametrize(
    ("label", "found", "words"),
    [
        (NEEDS.replace("3.12", "3.11"), GOOD, [f'NEEDS="{NEEDS}"']),
        (NEEDS.replace("12.9", "12.6"), GOOD, [f'NEEDS="{NEEDS}"']),
        (NEEDS.replace("525", "470"), GOOD, [f'NEEDS="{NEEDS}"']),
        (NEEDS, GOOD._replace(cuda=(13, 0)), ["cuda=13.0 driver=580"]),
        (NEEDS, GOOD._replace(cuda=None), ["cuda=none driver=none"]),
        (NEEDS, GOOD._replace(triton="99.01"), ["TRITON_IMAGES"]),
        (
            NEEDS.replace("3.12", "3.10"),
            GOOD._replace(python=(3, 10), triton="24.09"),
            ["3.10 is older than 3.11", "24.09 has Python 3.10"],
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(
    label: str, found: Contents, words: list[str]
) -> None:
    faults = list(find_faults(label, found))
    assert len(faults) == len(words)
    assert all(word in fault for word, fault in zip(words, faults, strict=True))


@pytest.mark.parametrize(
    ("cuda", "options", "output"),
    [
        (None, [f"{HERE} cuda=none driver=none"], ""),
        ("12.6", [f"{HERE} cuda=12.6 driver=525"], "gpu-3-1"),
        ("12.6", [f"{HERE} cuda=12.9 driver=525", "--base-cuda", "12.9.0.036"], "gpu-3-1"),
        ("13.0", [f"{HERE} cuda=13.0 driver=580"], "InferenceAmiVersion al2023"),
        ("13.0", [f"{HERE} cuda=12.6 driver=525"], "--build-arg NEEDS="),
    ],
)
def test_the_build_asks_this_python_and_this_torch(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cuda: str | None,
    options: list[str],
    output: str,
) -> None:
    torch = SimpleNamespace(version=SimpleNamespace(cuda=cuda))
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert main(options) == int("NEEDS" in output)
    printed = capsys.readouterr()
    assert output in printed.out + printed.err


# --- as the Dockerfiles run it ----------------------------------------------------------------


def instructions(dockerfile: str) -> list[str]:
    return (ROOT / dockerfile).read_text().replace("\\\n", " ").splitlines()


def default_needs(dockerfile: str) -> str:
    """The argument's default in a Dockerfile."""
    (line,) = [line for line in instructions(dockerfile) if line.startswith("ARG NEEDS=")]
    return shlex.split(line)[1].removeprefix("NEEDS=")


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_the_label_is_what_was_checked(dockerfile: str) -> None:
    assert f'LABEL {LABEL}="${{NEEDS}}"' in instructions(dockerfile)
    assert re.fullmatch(r"python=3\.1\d cuda=\d+\.\d driver=\d{3}", default_needs(dockerfile))


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
@pytest.mark.parametrize("lies", [False, True])
def test_a_build_runs_the_check_with_what_was_copied_for_it_alone(
    tmp_path: Path, dockerfile: str, lies: bool
) -> None:
    """The command of the Dockerfile, with the copied files in place of the context."""
    (copied,) = [line for line in instructions(dockerfile) if "image_check.py" in line]
    *files, target = copied.removeprefix("COPY ").split()
    folder = tmp_path / target.strip("/")
    folder.mkdir(parents=True)
    for file in files:
        (folder / Path(file).name).write_bytes((ROOT / file).read_bytes())
    (tmp_path / "torch").mkdir()
    cuda = "13.0" if lies else "12.9"
    (tmp_path / "torch/__init__.py").write_text(f"class version:\n    cuda = '{cuda}'\n")
    module = "contracts.shared.instances.image_check"
    (command,) = [line for line in instructions(dockerfile) if module in line]
    script = command.removeprefix("RUN ").replace("/opt/", f"{tmp_path}/opt/")
    script = re.sub(r"\bpython3?\b(?= -m)", f"{sys.executable} -S", script)  # no other contracts
    script = script.replace("PYTHONPATH=", f"PYTHONPATH={tmp_path}:")
    needs = f"{HERE} cuda=12.9 driver=525"
    run = subprocess.run(
        ["/bin/sh", "-c", script], env={"NEEDS": needs}, check=False, capture_output=True, text=True
    )
    assert (run.returncode, "NEEDS=" in run.stderr) == (int(lies), lies), run.stderr
