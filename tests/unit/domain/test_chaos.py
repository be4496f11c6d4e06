"""Every upload ends once, whatever happens to the stages around its training.

In this file, `LIKENESS_SEEDS=2000 pytest` tells more stories, as `make simulate` does, and
`LIKENESS_SEED=17 pytest` tells the one that went wrong.
"""

import os
from dataclasses import replace
from typing import Any

import pytest

from domain.training import planning
from tests.fakes.notice_story import NoticeStory
from tests.fakes.story import Story, story_of

ONE = os.environ.get("LIKENESS_SEED")
SEEDS = [int(ONE)] if ONE else range(int(os.environ.get("LIKENESS_SEEDS", "60")))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_upload_ends_once_whatever_happens(seed: int) -> None:
    assert story_of(seed).complaints() == []


@pytest.mark.parametrize("seed", SEEDS[:20])
def test_every_upload_ends_once_on_training_jobs_of_several_instances(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "SMALL_JOBS_AT_ONCE", 1)
    story = Story(seed, max_batch=2)
    story.settings = replace(
        story.settings, quota=2, max_instances=2, capacity_mode="planned", instance_type="ml.x"
    )
    assert story.play().complaints() == []


def test_a_story_is_reported_again_alike() -> None:
    def end(seed: int) -> dict[str, Any]:
        return dict(Story(seed).play().callbacks.answers)

    assert end(3) == end(3)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_ending_is_reported_by_one_message(seed: int) -> None:
    assert NoticeStory(seed).play().complaints() == []
