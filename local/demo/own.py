"""`make demo PHOTOS=dir BASE=path`: somebody's own photos, on their own base.

A base that has no card yet goes through ``likeness base add`` in the training environment.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydantic import ValidationError

from contracts.base import BaseCard
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.faces import may_show_people
from contracts.shared.gpu_check import find_gpus
from contracts.shared.layout import BASE_FILE, REQUEST_FILE
from contracts.shared.suffixes import CONSENT_FILE
from local.cloud.paths import ROOT, STATE
from local.embedded_base import PORTRAITS

BASES = STATE / "bases"
PYTHON = ROOT / ".venv" / "torch" / "bin" / "python"
MIN_PHOTOS = 5

BLOCK, SIDE = 4, 512
FLAT_LEVELS = 0.75
"""Standard deviation of a block of pixels, of 255 levels, below which it is one colour."""

DRAWN_SHARE = 0.5
"""Share of flat blocks from which on a picture is a drawing: the drawn portraits have 0.80 to 0.86,
seven photos of people 0.02 to 0.23 (2026-11-28)."""

LARGE_SIDE = 512
"""Pixels from which on a training without a GPU takes hours."""


class OwnInputError(Exception):
    """The photos or the base that were named cannot be used; the text says what to do."""


@dataclass(frozen=True)
class OwnPhotos:
    """The files of a folder, and the pictures among them."""

    files: dict[str, bytes]
    """Without request.json; with consent.json, if the folder has one."""
    pictures: list[Image.Image]
    request: dict[str, Any]
    """The fields of the folder's request.json; empty: it has none."""


def read_photos(folder: Path) -> OwnPhotos:
    """Read the files of a folder, not those of folders in it.

    Raises:
        OwnInputError: there is no such folder, it has too few pictures, or its request is no JSON.
    """
    if not folder.is_dir():
        raise OwnInputError(f"PHOTOS={folder}: there is no such folder")
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    files = {path.name: path.read_bytes() for path in paths if path.name != REQUEST_FILE}
    pictures = [picture for path in paths if (picture := open_picture(path)) is not None]
    if len(pictures) < MIN_PHOTOS:
        raise OwnInputError(
            f"PHOTOS={folder}: {len(pictures)} pictures can be opened there, and training needs"
            f" {MIN_PHOTOS} of the same subject, as JPEG, PNG or WebP"
        )
    return OwnPhotos(files, pictures, read_request(folder / REQUEST_FILE))


def read_request(path: Path) -> dict[str, Any]:
    """Return the fields of a request; {} where there is none.

    Raises:
        OwnInputError: it is no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise OwnInputError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise OwnInputError(f"{path} is no JSON object")
    return found


def check_consent(photos: OwnPhotos, fields: Mapping[str, Any]) -> None:
    """Refuse photos of people without the consent of the person on them, as the stack does.

    Raises:
        OwnInputError: there is none, in request.json or beside it.
    """
    if "consent" in photos.request or CONSENT_FILE in photos.files:
        return
    try:
        asked = may_show_people(TrainingRequest.model_validate(fields))
    except ValidationError:  # the stack says what is wrong
        return
    if asked:
        raise OwnInputError(
            f"the photos may show a person, and nothing says that this person agrees: write"
            f" {CONSENT_FILE} into the folder, or consent into its request.json (docs/consent.md)"
        )


def open_picture(path: Path) -> Image.Image | None:
    """Return a picture, small enough to be shown; None: it is none, or of another format."""
    try:
        with Image.open(path) as image:
            image.draft("RGB", (SIDE, SIDE))
            shown: Image.Image = image.convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None
    shown.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return shown


# ---- the base ------------------------------------------------------------------------------------


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
    out = [] if path.is_dir() else ["--id", folder.name, "--out", str(folder)]
    likeness("base", "add", str(path), *out)
    return folder


def id_of(name: str) -> str:
    """Return an id for a file's name, of the characters that an id may have."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_")[:64] or "base"


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
        [PYTHON, "-W", "ignore", "-m", "likeness_client", *words],
        env=os.environ | places | dict(environment or {}),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        answer = [
            line
            for line in (done.stdout + done.stderr).splitlines()
            if not line.startswith("[transformers]")
        ]
        raise OwnInputError("\n".join(answer[-12:]))


def read_card(folder: Path) -> BaseCard:
    """Return the card of a base."""
    return BaseCard.model_validate_json((folder / BASE_FILE).read_bytes())


# ---- whether they fit ----------------------------------------------------------------------------


def are_drawn(pictures: list[Image.Image]) -> bool:
    """Return whether most pictures are flat drawings: a photo has noise and texture everywhere."""
    return float(np.median([flat_share(picture) for picture in pictures])) >= DRAWN_SHARE


def flat_share(picture: Image.Image) -> float:
    """Return the share of blocks of 4 x 4 pixels that are of one brightness."""
    levels = np.asarray(picture.convert("L"), dtype=np.float32)
    height, width = (side // BLOCK * BLOCK for side in levels.shape)
    blocks = levels[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return float((blocks.std(axis=(1, 3)) < FLAT_LEVELS).mean())


def warnings(pictures: list[Image.Image], card: BaseCard) -> list[str]:
    """Return what speaks against training these pictures on this base here."""
    found, drawn = [], are_drawn(pictures)
    is_for_drawings = card.face_detector == "drawn"
    if is_for_drawings and not drawn:
        found.append(
            f"these are photographs, and the base {card.base_id} knows only drawn faces of"
            f" {card.resolution} pixels: it will learn colours, not a person. Name a real base by"
            " BASE= (docs/bases.md)."
        )
    if drawn and not is_for_drawings:
        found.append(
            f"these are drawings, and {card.base_id} is not the drawn base: its judge and detector"
            " may find no face in them."
        )
    if not is_for_drawings and card.judge is None:
        found.append(
            f"{card.base_id} has no judge: likeness is not measured (docs/bases.md, --judge)."
        )
    if card.resolution >= LARGE_SIDE and find_gpus().count == 0:
        found.append(
            f"there is no GPU here: a training at {card.resolution} pixels takes hours on a CPU."
        )
    return found


def digest_of(photos: OwnPhotos | None, folder: Path) -> str:
    """Return a hash of own photos and base; what was trained is kept under it."""
    card = read_card(folder)
    parts = [card.sha256, card.training.model_dump_json(), card.gate.model_dump_json()]
    if photos is not None:
        parts += [sha256(body).hexdigest() for _, body in sorted(photos.files.items())]
        parts.append(json.dumps(photos.request, sort_keys=True))
    return sha256("\n".join(parts).encode()).hexdigest()


def is_embedded(folder: Path) -> bool:
    """Whether a base is the repository's own."""
    return folder.resolve() == PORTRAITS.resolve()
