"""The gate's floors lie between the worst good adapter and the best bad one, or nowhere."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.quality.floors import closest_strangers, find_gaps, write_floors
from contracts.base import BaseCard
from contracts.documents.training import GateReport
from local.embedded_base import PORTRAITS


def report(
    effect: float = 0.2, identity: float = 0.9, following: float = 0.95, drift: float = 0.02
) -> GateReport:
    return GateReport(
        passed=True,
        effect=effect,
        identity=identity,
        prompt_following=following,
        class_drift=drift,
    )


GOOD = [report(), report(effect=0.1, identity=0.8, following=0.9, drift=0.1)]
BAD = {"zero": report(effect=0.0), "overtrained": report(following=0.5, drift=0.7)}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    shutil.copy(PORTRAITS / "base.json", tmp_path)
    return tmp_path


def test_every_floor_is_the_middle_and_reaches_the_card(base: Path) -> None:
    before = BaseCard.model_validate_json((base / "base.json").read_bytes())

    gate = write_floors(base, find_gaps(GOOD, BAD, strangers=0.4), people=2)

    assert (gate.min_effect, gate.min_identity) == (0.05, 0.6)
    assert (gate.min_prompt_following, gate.max_class_drift) == (0.7, 0.4)
    card = BaseCard.model_validate_json((base / "base.json").read_bytes())
    assert card == before.model_copy(update={"gate": gate})
    measured = json.loads((base / "floors.json").read_text())["measured"]
    assert measured["min_identity"] == {
        "worst_good": 0.8,
        "best_bad": 0.4,
        "bad_is": "another person's adapter",
    }


def test_no_floor_is_set_where_good_and_bad_overlap(base: Path) -> None:
    text = (base / "base.json").read_text()
    with pytest.raises(ValueError, match="min_identity"):
        write_floors(base, find_gaps(GOOD, BAD, strangers=0.85), people=2)
    assert (base / "base.json").read_text() == text
    assert not (base / "floors.json").exists()


def test_people_who_look_alike_set_no_floor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = {1: [1.0, 0.0, 0.0], 2: [0.8, 0.6, 0.0], 3: [0.4, 0.0, 0.9165]}
    for seed, vector in looks.items():
        (tmp_path / str(seed)).mkdir()
        np.savez(tmp_path / str(seed) / "identities.npz", made=[vector], photos=[vector])
    assert closest_strangers(tmp_path, [1, 2, 3]) == pytest.approx(0.4)
    assert "characters 1 and 2 are doubles" in capsys.readouterr().out
