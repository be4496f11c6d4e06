"""`make demo BASE=path`: somebody's own base, and the detector and judge that fit what is shown.

A base that has no card yet goes through ``likeness base add`` in the training environment. A base
is never changed for its photos: what needs another detector or judge gets a folder of its own, with
links to the base's files.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from contracts.base import BaseCard, GateFloors, files_of
from contracts.shared.layout.bases import BASE_FILE
from local.cloud.paths import ROOT, STATE
from local.demo.own import OwnInputError, OwnPhotos
from local.demo.shown import Shown
from local.embedded_base import PORTRAITS
from local.sagemaker.container.images import TORCH_PYTHON

BASES = STATE / "bases"
TAKE_FILES = ROOT / "layers" / "face_weights" / "take_files.py"
WORDS_FILE = "bpe_simple_vocab_16e6.txt.gz"
NOISE = ("[transformers]", "Writing model shards", "Loading weights")
"""How lines begin that say nothing about the base."""

MAX_ID = 64
INDEX, DRAWN_FACES = "model_index.json", "faces.safetensors"
"""What every base has; the weights of the detector of drawn portraits, beside the embedded one."""

SUFFIXES: dict[Shown, str] = {"people": "-people", "drawn portraits": "-drawn"}


def own_base(path: Path) -> Path:
    """Return the folder of a base with its card; what has none yet is added.

    Raises:
        OwnInputError: ``likeness base add`` refuses it; the text is its answer.
    """
    if not path.exists():
        raise OwnInputError(f"BASE={path}: there is no such folder or file")
    if path.is_dir() and (path / BASE_FILE).is_file():
        likeness("base", "check", str(path))
        return path
    folder = path if path.is_dir() else BASES / id_of(path.stem)
    words = [] if path.is_dir() else ["--id", folder.name, "--out", str(folder)]
    words += [] if path.is_dir() else ["--tokenizer", str(tokenizer_for(path))]
    likeness("base", "add", str(path), *words)
    return folder


def tokenizer_for(file: Path) -> Path:
    """Return the tokenizer of a single file: the folder beside it, else CLIP's words.

    Raises:
        OwnInputError: CLIP's words cannot be taken out of their package.
    """
    beside = file.parent / "tokenizer"
    if beside.is_dir():
        return beside
    folder = STATE / "clip_words"
    places = (TAKE_FILES, ROOT / "local" / "clip_words.json", folder)
    command = [sys.executable, *map(str, places)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OwnInputError(
            f"{file.name} holds no tokenizer, and CLIP's words cannot be fetched: put the folder"
            f" tokenizer/ of any SD or SDXL beside it.\n{done.stderr.strip()[-500:]}"
        )
    return folder / WORDS_FILE


def id_of(name: str) -> str:
    """Return an id for a file's name, of the characters that an id may have."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_")[:MAX_ID] or "base"


def mirror(folder: Path, bucket: str, environment: Mapping[str, str]) -> None:
    """Copy a base to the bucket of the embedded AWS.

    Raises:
        OwnInputError: it cannot be copied.
    """
    words = ("base", "add", str(folder), "--no-picture", "--to", f"s3://{bucket}")
    likeness(*words, environment=environment)


def likeness(*words: str, environment: Mapping[str, str] | None = None) -> None:
    """Run the client's command line in the environment that has torch.

    Raises:
        OwnInputError: it said no.
    """
    places = {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"}
    done = subprocess.run(
        [TORCH_PYTHON, "-W", "ignore", "-m", "likeness_client", *words],
        env=os.environ | places | dict(environment or {}),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        answer = [line for line in lines if line.strip() and not line.startswith(NOISE)]
        raise OwnInputError("\n".join(answer[-12:]))


def read_card(folder: Path) -> BaseCard:
    """Return the card of a base."""
    return BaseCard.model_validate_json((folder / BASE_FILE).read_bytes())


def is_embedded(folder: Path) -> bool:
    """Return whether a base is the repository's own."""
    return folder.resolve() == PORTRAITS.resolve()


def is_linked(folder: Path) -> bool:
    """Return whether a base is the repository's own, or one of ``fitted``: its files are known."""
    return is_embedded(folder) or (folder.parent == BASES and (folder / INDEX).is_symlink())


def digest_of(photos: OwnPhotos | None, folder: Path) -> str:
    """Return a hash of own photos and base; what was trained is kept under it."""
    parts = [read_card(folder).model_dump_json()]
    if photos is not None:
        parts += [sha256(body).hexdigest() for _, body in sorted(photos.files.items())]
        parts.append(json.dumps(photos.request, sort_keys=True))
    return sha256("\n".join(parts).encode()).hexdigest()


# ---- detector and judge --------------------------------------------------------------------------


def fitted(folder: Path, shown: Shown) -> Path:
    """Return the base whose detector and judge fit what the photos show; often the base itself."""
    card = read_card(folder)
    if shown not in SUFFIXES or card.face_detector == "none":
        return folder
    if (card.face_detector == "drawn") == (shown == "drawn portraits"):
        return folder
    target = BASES / (card.base_id[: MAX_ID - len(SUFFIXES[shown])] + SUFFIXES[shown])
    shutil.rmtree(target, ignore_errors=True)
    link_files(folder, target, files_of(card))
    made = for_people(card) if shown == "people" else for_drawings(card, target)
    named = made.model_copy(update={"base_id": target.name})
    (target / BASE_FILE).write_text(named.model_dump_json(indent=2, exclude_none=True) + "\n")
    return target


def link_files(folder: Path, target: Path, files: Iterable[str]) -> None:
    """Make a folder with a link to each of these files of another one."""
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).symlink_to((folder / name).resolve())


def for_people(card: BaseCard) -> BaseCard:
    """Return a drawn base's card for photos of people: dlib finds and judges the faces.

    The floors of drawn portraits say nothing about people. dlib's judge has its own.
    """
    floors = GateFloors(min_effect=card.gate.min_effect)
    return card.model_copy(update={"face_detector": "dlib", "judge": None, "gate": floors})


def for_drawings(card: BaseCard, target: Path) -> BaseCard:
    """Return a card for drawn portraits, beside the embedded base's detector and judge.

    Their likeness is measured and shown. No floor was measured on this base, so none rejects.
    """
    judge = read_card(PORTRAITS).judge
    assert judge is not None  # noqa: S101 - tests/unit/local/test_demo_own.py
    shutil.copyfile(PORTRAITS / DRAWN_FACES, target / DRAWN_FACES)
    shutil.copytree(PORTRAITS / judge, target / judge)
    floors = GateFloors(min_effect=card.gate.min_effect)
    return card.model_copy(update={"face_detector": "drawn", "judge": judge, "gate": floors})
