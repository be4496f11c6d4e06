"""``likeness base check``: what of a base is missing or changed, and what it is needed for."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from contracts.base import BaseCard, contradiction_in, files_of
from contracts.shared.layout.bases import BASE_FILE, base_prefix
from contracts.shared.weights.pipeline_files import (
    MODEL_INDEX,
    REFINER_FOLDER,
    missing_files,
    missing_refiner_files,
)
from likeness_client.bases.card import first_problem
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.bases.folder import sha256_of
from likeness_client.bases.mirror import HASH, Bucket
from likeness_client.exit_codes import ExitCode

NEEDED_FOR: Mapping[str, str] = {
    "unet": "the network that draws",
    "transformer": "the network that draws",
    "vae": "the autoencoder: without it there are no pixels",
    "text_encoder": "the encoder that reads prompts",
    "text_encoder_2": "the second encoder that reads prompts",
    "tokenizer": "the words of prompts",
    "tokenizer_2": "the words of prompts, for the second encoder",
    "scheduler": "the noise schedule",
    REFINER_FOLDER: "the refiner that draws the last steps",
    MODEL_INDEX: "the list of the pipeline's parts",
}


class Store(Protocol):
    """Where a base is."""

    def text(self, path: str) -> bytes | None:
        """Return a small file; None: it is missing."""
        ...

    def sha256(self, path: str) -> str | None:
        """Return a file's hash; None: it is missing."""
        ...


class FolderStore:
    """A base in a local folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def text(self, path: str) -> bytes | None:
        """Return a small file."""
        place = self._folder / path
        return place.read_bytes() if place.is_file() else None

    def sha256(self, path: str) -> str | None:
        """Return a file's hash."""
        place = self._folder / path
        return sha256_of(place) if place.is_file() else None


class BucketStore:
    """A base in the bases bucket; ``deep`` downloads what was uploaded with a hash as well."""

    def __init__(self, bucket: Bucket, base_id: str, *, deep: bool) -> None:
        self._bucket, self._prefix, self._deep = bucket, base_prefix(base_id), deep

    def text(self, path: str) -> bytes | None:
        """Return a small object."""
        return self._bucket.read(self._prefix + path)

    def sha256(self, path: str) -> str | None:
        """Return the hash that an object was uploaded with, or else of its content."""
        found = self._bucket.head(self._prefix + path)
        if found is None:
            return None
        recorded = found["Metadata"].get(HASH)
        return (
            str(recorded)
            if recorded and not self._deep
            else self._bucket.digest(self._prefix + path)
        )


def check(store: Store, name: str) -> int:
    """Print what is wrong with a base; return an ExitCode.

    Raises:
        BaseRefusedError: there is no base.
    """
    raw = store.text(BASE_FILE)
    if raw is None:
        raise BaseRefusedError(f"{name} has no {BASE_FILE}: make it by `likeness base add`")
    try:
        card = BaseCard.model_validate_json(raw)
    except ValidationError as error:
        raise BaseRefusedError(f"{BASE_FILE} of {name}: {first_problem(error)}") from error
    problems = list(problems_of(store, card))
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    words = f"{card.base_id} revision {card.revision}, {card.family}, {len(card.files)} files"
    if not problems:
        sys.stdout.write(f"{words}: complete and unchanged\n")
        return ExitCode.DONE
    sys.stdout.write(
        f"{words}: {len(problems)} problems. Copy the files again from where they come from, or"
        " run `likeness base add` if the change is meant.\n"
    )
    return ExitCode.REFUSED


def problems_of(store: Store, card: BaseCard) -> Iterator[str]:
    """Yield a line for each problem."""
    if wrong := contradiction_in(card):
        yield f"{BASE_FILE}: {wrong}"
    for path, expected in sorted(files_of(card).items()):
        found = store.sha256(path)
        if found is None:
            yield f"{path}: missing; it is {purpose(path)}"
        elif found != expected:
            yield (
                f"{path}: changed; it is {purpose(path)}"
                f" (SHA-256 {found[:12]}..., not {expected[:12]}...)"
            )
    yield from lacks_of(store, card)


def lacks_of(store: Store, card: BaseCard) -> Iterator[str]:
    """Yield what the pipeline needs and the card does not list."""
    try:
        index = json.loads(store.text(MODEL_INDEX) or b"")
    except ValueError:
        if MODEL_INDEX not in card.files:
            yield f"{MODEL_INDEX}: missing; it is {purpose(MODEL_INDEX)}"
        return
    lacks = missing_files(index, card.files)
    lacks += missing_refiner_files(card.refiner.files) if card.refiner else []
    for lack in lacks:
        yield f"{lack.path}: not in {BASE_FILE}; it is {lack.why}"


def purpose(path: str) -> str:
    """Return what a file is needed for.

    >>> purpose("unet/config.json")
    'a file of the network that draws'
    """
    part = path.partition("/")[0]
    words = NEEDED_FOR.get(part, "the base's judge of likeness")
    return words if part == path else f"a file of {words}"
