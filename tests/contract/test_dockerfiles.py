"""The Dockerfiles install only what is locked with its hash, and copy only what may be copied."""

import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from images import lock
from images.engine import INVENTORY
from images.recipes import RECIPES, ROOT, copied
from local.sagemaker.container.images import TRAINING_REPOSITORY, product_images

NAMES = list(RECIPES)
TORCH_FROM_ITS_INDEX = "pip install --index-url ${TORCH_INDEX_URL} torch==2.13.0"
"""Its file depends on the CUDA of the Triton image, so no hash is known before."""

WEIGHTS = ROOT / "training_image/retina_weights.py"


def text(name: str) -> str:
    return (ROOT / RECIPES[name].dockerfile).read_text().replace("\\\n", " ")


def instructions(name: str, word: str) -> list[str]:
    return [
        line.removeprefix(f"{word} ")
        for line in text(name).splitlines()
        if line.startswith(f"{word} ")
    ]


def installs(name: str) -> list[str]:
    """Return every call of pip that installs."""
    between = r"&&|\|\||;|\bthen\b|\belse\b"
    calls = [call.strip() for run in instructions(name, "RUN") for call in re.split(between, run)]
    return [re.sub(r"\s+", " ", call) for call in calls if re.search(r"\bpip\b.* install\b", call)]


def test_the_laptop_s_trainer_finds_faces_as_a_plain_build_does() -> None:
    variables = product_images()[TRAINING_REPOSITORY].environment
    assert f"\nARG FACE_DETECTOR={variables['LIKENESS_IMAGE_FACE_DETECTOR']}\n" in text("training")
    assert "ENV LIKENESS_IMAGE_FACE_DETECTOR=${FACE_DETECTOR}" in text("training")


@pytest.mark.parametrize("name", NAMES)
def test_pip_takes_no_file_whose_hash_is_not_here(name: str) -> None:
    calls = [call for call in installs(name) if call != TORCH_FROM_ITS_INDEX]
    assert len(calls) >= 4
    for call in calls:
        assert {"--require-hashes", "--no-deps"} <= set(call.split()), call


@pytest.mark.parametrize("name", NAMES)
def test_every_locked_file_is_installed_and_none_other(name: str) -> None:
    files = {
        Path(word).name for call in installs(name) for word in call.split() if word.endswith(".txt")
    }
    of_image = {Path(one.file).name for one in lock.LOCKS if one.file.startswith(f"{name}_image/")}
    assert files == of_image  # images/locked.txt has the same name as the image's own


@pytest.mark.parametrize("one", lock.LOCKS, ids=lambda one: one.file)
def test_a_locked_file_has_every_pin_of_its_sources_and_a_hash_for_each_line(
    one: lock.Lock,
) -> None:
    locked = (ROOT / one.file).read_text()
    for source in one.sources:
        pinned = lock.pins((ROOT / source).read_text())
        assert pinned.items() <= lock.pins(locked).items()
    entries = re.split(r"\n(?=\S)", locked)
    assert all("--hash=sha256:" in entry for entry in entries if not entry.startswith("#"))
    assert "://" not in locked, "an address of an index"


@pytest.mark.parametrize("one", lock.LOCKS, ids=lambda one: one.file)
def test_no_locked_file_names_what_the_base_brings(one: lock.Lock) -> None:
    found = lock.pins((ROOT / one.file).read_text()).keys()
    brought = (
        {"torch", "triton", "nvidia-cublas", "sympy"} if "torch" in one.from_the_base else set()
    )
    assert not found & {"torchvision", *brought}


def test_locked_files_are_as_new_as_their_sources() -> None:
    assert lock.problems() == []


def test_trainer_and_server_are_locked_to_the_same_releases() -> None:
    training, serving = (lock.pins((ROOT / f"{n}_image/locked.txt").read_text()) for n in NAMES)
    shared = training.keys() & serving.keys()
    assert len(shared) > 30
    assert {name: training[name] for name in shared} == {name: serving[name] for name in shared}


@pytest.mark.parametrize("name", NAMES)
def test_a_base_is_given_and_has_no_default(name: str) -> None:
    assert "ARG BASE_IMAGE\n" in text(name)
    stages = [line.split()[0] for line in instructions(name, "FROM")]
    assert set(stages) <= {"${BASE_IMAGE}", "program"}


@pytest.mark.parametrize("name", NAMES)
def test_the_last_stage_is_the_program_and_not_its_tests(name: str) -> None:
    assert instructions(name, "FROM")[-1] == "program"
    assert " AS test\n" in text(name)
    assert f"COPY --from=inventory {INVENTORY} {INVENTORY}" in text(name)


@pytest.mark.parametrize("name", NAMES)
def test_tests_run_as_nobody_and_all_of_them_by_default(name: str) -> None:
    stage = text(name).split(" AS test\n")[1].split("\n\n")[0]
    assert "\nUSER nobody\n" in stage
    assert "\nARG TESTS=tests/smoke\n" in stage
    assert f"-m {name} " in stage.splitlines()[-1]


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_of_the_builder_is_an_argument(name: str) -> None:
    declared = {line.partition("=")[0] for line in instructions(name, "ARG")}
    assert set(RECIPES[name].arguments) | {"BASE_IMAGE", "NEEDS"} == declared


# ---- what the build may see --------------------------------------------------------------------


def is_ignored(path: str) -> bool:
    """Return whether .dockerignore keeps a path out: its last fitting line decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        parents = [path, *(parent.as_posix() for parent in Path(path).parents)]
        tail = pattern.removeprefix("**/")
        fits = any(
            fnmatch(one, pattern) or (tail != pattern and fnmatch(Path(one).name, tail))
            for one in parents
        )
        if line and not line.startswith("#") and fits:
            ignored = not line.startswith("!")
    return ignored


def everything_copied(name: str) -> list[str]:
    """Return the sources of every COPY, also of the stage `test`."""
    return list(copied(text(name).replace(" AS test", " AS other")))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_copied_is_in_the_build_context(name: str) -> None:
    for source in everything_copied(name):
        found = list(ROOT.glob(source))
        assert found, source
        assert not is_ignored(found[0].relative_to(ROOT).as_posix()), source


@pytest.mark.parametrize(
    "path",
    [
        ".git/config", ".venv/tools/bin/python", ".local/cloud.log", "reports/a.json",
        "photos/a.jpg",
        "docs/map.md", "template.yaml", "training_image/__pycache__/train.pyc",
    ],
)  # fmt: skip
def test_nothing_else_is(path: str) -> None:
    assert is_ignored(path)


# ---- the weights ---------------------------------------------------------------------------------


def check_weights(detector: str, sha256: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", WEIGHTS, "check", detector, sha256],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("sha256", ["", "f168fae3c", 64 * "g", 63 * "0"])
def test_weights_without_their_whole_hash_are_refused_with_the_command(sha256: str) -> None:
    answer = check_weights("retinaface", sha256)
    assert answer.returncode == 1
    assert "| sha256sum" in answer.stderr
    assert "FACE_DETECTOR=haar" in answer.stderr


@pytest.mark.parametrize(
    ("detector", "sha256"), [("retinaface", 64 * "0"), ("haar", ""), ("none", ""), ("", "")]
)
def test_known_weights_and_detectors_without_any_pass(detector: str, sha256: str) -> None:
    assert check_weights(detector, sha256).returncode == 0


def test_a_detector_that_the_trainer_does_not_know_is_refused() -> None:
    assert "FACE_DETECTOR is 'retina'" in check_weights("retina", "").stderr


def test_the_hash_is_asked_for_before_anything_is_installed() -> None:
    runs = instructions("training", "RUN")
    assert shlex.split(runs[0])[:3] == ["python", "/opt/program/retina_weights.py", "check"]


def test_the_command_computes_the_hash_of_the_file_that_is_downloaded() -> None:
    url = next(
        line for line in instructions("training", "ARG") if line.startswith("RETINAFACE_URL=")
    )
    assert url.partition("=")[2] in check_weights("retinaface", "").stderr
