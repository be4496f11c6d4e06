"""Derives the gate's floors from measurements of good and bad adapters.

A floor is the middle between the worst good adapter and the best bad one. The wider the gap, the
more reliable the floor; ``floors.json`` records both ends.
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
"""Cosine of two people's real photos above which likeness cannot tell them apart."""


@dataclass(frozen=True)
class Gap:
    """The gap between good and bad adapters in one figure."""

    good: float
    """The worst value of a good adapter."""

    bad: float
    """The best value of a bad adapter."""

    bad_is: str

    def floor(self) -> float:
        """Return the middle of the gap."""
        return round((self.good + self.bad) / 2, 3)

    def is_open(self, *, more_is_better: bool) -> bool:
        """Return whether good and bad are separate."""
        return self.good > self.bad if more_is_better else self.good < self.bad


def find_gaps(
    good: list[GateReport], bad: dict[str, GateReport], strangers: float
) -> dict[str, Gap]:
    """Return the gap for each of the gate's figures.

    ``strangers`` is the highest likeness of an adapter to another person's photos.
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

    Pairs of doubles are left out and printed; the series has one whose photos are 0.71 alike.
    """
    identities = {seed: np.load(kept / str(seed) / "identities.npz") for seed in seeds}
    likeness = [
        alike(identities[one]["made"], identities[other]["photos"])
        for one, other in permutations(seeds, 2)
        if not are_doubles(
            one, other, alike(identities[one]["photos"], identities[other]["photos"])
        )
    ]
    return max(likeness)


def alike(made: NDArray[np.float32], real: NDArray[np.float32]) -> float:
    """Return the mean cosine of two sets of identities, (N, D) and (M, D)."""
    return float((made @ real.T).mean())


def are_doubles(one: int, other: int, cosine: float) -> bool:
    """Return whether two people look alike in real photos; print each pair once."""
    if cosine > DOUBLES and one < other:
        print(f"characters {one} and {other} are doubles: real photos {cosine:.2f} alike")
    return cosine > DOUBLES


def write_floors(folder: Path, gaps: dict[str, Gap], people: int) -> GateFloors:
    """Write ``floors.json`` beside the base, and put the floors into its card.

    Raises:
        ValueError: good and bad adapters overlap in a figure.
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
        raise ValueError(
            "the base has no judge, so likeness cannot be measured: use a base with one"
        )
    return value
