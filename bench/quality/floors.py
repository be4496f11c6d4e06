"""The gate's floors, from what good and bad adapters really measure.

A floor lies halfway between the worst good adapter and the best bad one, so it is only as sure as
the gap between them is wide; both stand beside it in ``floors.json``.
"""

import json
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.base import BaseCard, GateFloors
from contracts.documents.training import GateReport

FLOORS = "floors.json"
DOUBLES = 0.6
"""Cosine of two people's real photos, above which no figure of likeness could tell them apart."""


@dataclass(frozen=True)
class Gap:
    """What separates good from bad."""

    good: float
    """The worst of the good."""

    bad: float
    """The best of the bad."""

    bad_is: str

    def floor(self) -> float:
        """Return the middle."""
        return round((self.good + self.bad) / 2, 3)

    def is_open(self, *, more_is_better: bool) -> bool:
        """Return whether there is anything between."""
        return self.good > self.bad if more_is_better else self.good < self.bad


def find_gaps(
    good: list[GateReport], bad: dict[str, GateReport], strangers: float
) -> dict[str, Gap]:
    """Return the gap for each of the gate's figures.

    ``strangers`` is how like its photos the most alike adapter of somebody else is.
    """
    overtrained = bad["overtrained"]
    return {
        "min_effect": Gap(min(r.effect for r in good), bad["zero"].effect, "an untrained adapter"),
        "min_identity": Gap(
            min(_known(r.identity) for r in good), strangers, "another person's adapter"
        ),
        "min_prompt_following": Gap(
            min(_known(r.prompt_following) for r in good),
            _known(overtrained.prompt_following),
            "an overtrained adapter",
        ),
        "max_class_drift": Gap(
            max(_known(r.class_drift) for r in good),
            _known(overtrained.class_drift),
            "an overtrained adapter",
        ),
    }


def closest_strangers(kept: Path, seeds: list[int]) -> float:
    """Return the highest likeness of one person's pictures to another one's photos.

    Doubles are left aside, and said: the series has a pair whose real photos are 0.71 alike.
    """
    who = {seed: np.load(kept / str(seed) / "who.npz") for seed in seeds}
    likeness = [
        alike(who[one]["made"], who[other]["photos"])
        for one, other in permutations(seeds, 2)
        if not are_doubles(one, other, alike(who[one]["photos"], who[other]["photos"]))
    ]
    return max(likeness)


def alike(made: NDArray[np.float32], real: NDArray[np.float32]) -> float:
    """Return the mean cosine of two sets of identities, (N, D) and (M, D)."""
    return float((made @ real.T).mean())


def are_doubles(one: int, other: int, cosine: float) -> bool:
    """Return whether two people look alike in real photos; say so once for both."""
    if cosine > DOUBLES and one < other:
        print(f"characters {one} and {other} are doubles: real photos {cosine:.2f} alike")
    return cosine > DOUBLES


def write_floors(folder: Path, gaps: dict[str, Gap], people: int) -> GateFloors:
    """Write ``floors.json`` beside the base, and put the floors into its card.

    Raises:
        ValueError: good and bad cannot be told apart by a figure.
    """
    closed = [n for n, gap in gaps.items() if not gap.is_open(more_is_better=n.startswith("min"))]
    if closed:
        raise ValueError(f"no floor separates good from bad: {', '.join(closed)}")
    gate = GateFloors.model_validate({name: gap.floor() for name, gap in gaps.items()})
    card = BaseCard.model_validate_json((folder / "base.json").read_bytes())
    measured = {
        name: {"worst_good": gap.good, "best_bad": gap.bad, "bad_is": gap.bad_is}
        for name, gap in gaps.items()
    }
    found: dict[str, Any] = {
        "base_sha256": card.sha256,
        "people": people,
        "gate": gate.model_dump(mode="json"),
        "measured": measured,
    }
    (folder / FLOORS).write_text(json.dumps(found, indent=1) + "\n")
    text = card.model_copy(update={"gate": gate}).model_dump_json(indent=2, exclude_none=True)
    (folder / "base.json").write_text(text + "\n")
    return gate


def _known(value: float | None) -> float:
    if value is None:
        raise ValueError("the base brings no judge, so there is nothing to measure")
    return value
