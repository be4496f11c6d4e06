"""Training data of the judge: people with twins that differ in one trait.

Each picture exists as drawn and as reconstructed by the autoencoder. The judge also sees the
held-out traits, because it must measure them; it is measured on other people.
"""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from local.embedded_base.architecture import make_vae
from local.portraits import Character, Circumstance, character, draw, held_out_character
from local.portraits import characters as tables
from local.portraits.moments import BACKGROUNDS, EXPRESSIONS, SHIRTS, circumstance

CLEAR, SPOT = 48, 3
"""A trait is visible if SPOT of 4,096 pixels differ by more than CLEAR, of 255, without it."""

PEOPLE = 4000
PHOTOS_EACH = 6
UNSEEN_FROM = 1_000_000
BALD = "bald"
UNNAMED = -100
"""Label of a trait without a word; the loss ignores it."""

READERS: dict[str, tuple[str, ...]] = {
    "hair": (*tables.HAIR_COLOURS, BALD),
    "hair_style": tables.HAIR_STYLES,
    "skin": tuple(tables.SKIN),
    "eyes": tuple(tables.EYES),
    "beard": tables.BEARDS,
    "glasses": tables.GLASSES,
    "mark": (*tables.MARKS, *tables.HELD_OUT_MARKS),
    "accessory": (*tables.ACCESSORIES, *tables.HELD_OUT_ACCESSORIES),
    "expression": EXPRESSIONS,
    "shirt": tuple(SHIRTS),
    "background": tuple(BACKGROUNDS),
}


def person(number: int) -> Character:
    """Return one person; the numbers 2n and 2n + 1 are twins."""
    rng = random.Random(f"judge {number // 2}")  # noqa: S311
    seed = rng.randrange(2**31)
    one = held_out_character(seed) if rng.random() < 1 / 3 else character(seed)
    if rng.random() < 1 / 5:
        own = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        one = replace(one, own_hair=own)
    return twin(one, rng) if number % 2 else one


def twin(one: Character, rng: random.Random) -> Character:
    """Return a person who differs in one trait."""
    choices: dict[str, tuple[str, ...]] = {
        "hair_style": tables.HAIR_STYLES,
        "skin": tuple(tables.SKIN),
        "eyes": tuple(tables.EYES),
        "beard": tables.BEARDS,
        "glasses": tables.GLASSES,
        "mark": READERS["mark"],
        "accessory": READERS["accessory"],
    }
    if one.own_hair is None and one.hair_style != BALD:
        choices["hair"] = tuple(tables.HAIR_COLOURS)
    trait = rng.choice(list(choices))
    others = [word for word in choices[trait] if word != getattr(one, trait)]
    return Character(**{**vars(one), trait: rng.choice(others)})


def moment(number: int, photo: int) -> Circumstance:
    """Return the circumstance of one photo of one person."""
    return circumstance(number * 1000 + photo + 500_000_000)


def labels(one: Character, now: Circumstance) -> list[int]:
    """Return the expected label of each attribute, as indices."""
    shown = {**vars(one), **vars(now)}
    if one.hair_style == BALD:
        shown["hair"] = BALD
    found = [READERS[name].index(shown[name]) for name in READERS]
    if one.own_hair is not None and one.hair_style != BALD:
        found[0] = UNNAMED
    return found


def album(first: int, count: int, photos: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return pictures (count * photos, 64, 64, 3) and labels (count * photos, readers)."""
    shots = [(person(n), moment(n, k)) for n in range(first, first + count) for k in range(photos)]
    pictures = np.stack([np.asarray(draw(one, now)) for one, now in shots])
    return pictures, np.array([labels(one, now) for one, now in shots])


def hide(
    labels: NDArray[np.int64], pictures: NDArray[np.uint8], first: int, photos: int, trait: str
) -> NDArray[np.int64]:
    """Return labels in which an invisible trait is UNNAMED.

    A mole on dark skin or a bun under a crown is in the caption but not in the picture. A
    classifier that is trained on such labels learns to guess.
    """
    column, shown = list(READERS).index(trait), labels.copy()
    for row, picture in enumerate(pictures):
        one, now = person(first + row // photos), moment(first + row // photos, row % photos)
        if not is_visible(one, now, picture, trait):
            shown[row, column] = UNNAMED
    return shown


def is_visible(one: Character, now: Circumstance, picture: NDArray[np.uint8], trait: str) -> bool:
    """Return whether any other value of the trait would change the picture visibly.

    A mark is compared with no mark only.
    """
    alternatives = ("none",) if trait == "mark" else READERS[trait]
    others = [word for word in alternatives if word != getattr(one, trait)]
    people = [Character(**{**vars(one), trait: word}) for word in others]
    return all(count_changed(other, now, picture) >= SPOT for other in people)


def count_changed(other: Character, now: Circumstance, picture: NDArray[np.uint8]) -> int:
    """Return how many pixels clearly differ from a drawing of another person."""
    drawn = np.asarray(draw(other, now), np.int16)
    return int((np.abs(drawn - picture.astype(np.int16)).max(-1) > CLEAR).sum())


def reconstructed(pictures: NDArray[np.uint8], checkpoint: Path) -> NDArray[np.uint8]:
    """Return pictures after encoding, added noise and decoding."""
    vae, made = make_vae(), []
    vae.load_state_dict(torch.load(checkpoint)["model"])
    vae.to(torch.bfloat16)
    torch.manual_seed(0)
    for first in range(0, len(pictures), 64):
        batch = torch.from_numpy(pictures[first : first + 64].copy()).permute(0, 3, 1, 2)
        with torch.no_grad():
            mean = vae.encode((batch.float() / 127.5 - 1).bfloat16()).latent_dist.mean
            noise_scale = torch.rand(len(mean), 1, 1, 1).bfloat16() * 0.25 * mean.std()
            image = vae.decode(mean + noise_scale * torch.randn_like(mean)).sample.float()
        made.append(image.clamp(-1, 1).add(1).mul(127.5).byte().permute(0, 2, 3, 1).numpy())
    return np.concatenate(made)
