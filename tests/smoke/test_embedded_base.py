"""The trained base as it is in the repository. Needs the training environment."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from contracts.base import BaseCard
from local.embedded_base import PORTRAITS, PORTRAITS_SD2, build
from local.embedded_base.judge import PortraitJudge, expected, following
from local.portraits import caption, character, circumstance, draw, photos

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]
LIMIT = 25 * 2**20


def read_card(folder: Path) -> BaseCard:
    return BaseCard.model_validate_json((folder / "base.json").read_text())


@pytest.fixture(scope="module")
def card() -> BaseCard:
    return read_card(PORTRAITS)


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionXLPipeline:
    torch.set_num_threads(1)
    loaded = StableDiffusionXLPipeline.from_pretrained(PORTRAITS)
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture(scope="module")
def judge() -> PortraitJudge:
    return PortraitJudge.load(PORTRAITS / "likeness")


@pytest.mark.parametrize("folder", [PORTRAITS, PORTRAITS_SD2])
def test_every_file_is_the_one_that_the_card_names(folder: Path) -> None:
    card, lines = read_card(folder), ""
    for path, digest in sorted(card.files.items()):
        assert sha256((folder / path).read_bytes()).hexdigest() == digest, path
        lines += f"{digest}  {path}\n"
    assert sha256(lines.encode()).hexdigest() == card.sha256


@pytest.mark.parametrize("folder", [PORTRAITS, PORTRAITS_SD2])
def test_the_whole_folder_is_small(folder: Path) -> None:
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < LIMIT


def test_prompts_are_followed(
    card: BaseCard, pipeline: StableDiffusionXLPipeline, judge: PortraitJudge
) -> None:
    assert followed(pipeline, card, judge) > 0.85


@pytest.mark.thorough
def test_the_second_base_follows_prompts_by_v_prediction(judge: PortraitJudge) -> None:
    card = read_card(PORTRAITS_SD2)
    assert (card.family, card.prediction_type) == ("sd2", "v_prediction")
    pipeline = StableDiffusionPipeline.from_pretrained(PORTRAITS_SD2)
    pipeline.set_progress_bar_config(disable=True)
    assert followed(pipeline, card, judge) > 0.4


def followed(
    pipeline: StableDiffusionXLPipeline | StableDiffusionPipeline,
    card: BaseCard,
    judge: PortraitJudge,
) -> float:
    """Draw eight people that pretraining has not seen; return the share of traits to be seen."""
    prompts = [caption(character(n), circumstance(n)) for n in range(9_000_000, 9_000_008)]
    made = pipeline(
        prompts,
        num_inference_steps=card.inference.num_inference_steps,
        guidance_scale=card.inference.guidance_scale,
        generator=torch.Generator().manual_seed(1),
    ).images
    shares = [
        following(judge.settings, prompt, reading)
        for prompt, reading in zip(prompts, judge.readings(made), strict=True)
    ]
    return sum(shares) / len(shares)


def test_any_word_can_be_a_trigger_word(pipeline: StableDiffusionXLPipeline) -> None:
    tokenizer = pipeline.tokenizer
    spelt = tokenizer.tokenize("sks Zoë 7")
    assert tokenizer.unk_token not in spelt
    assert "".join(spelt).count("</w>") == 3
    assert len(set(map(tuple, (tokenizer(word).input_ids for word in ("sks", "skz", "zoë"))))) == 3


def test_the_judge_tells_people_apart_and_reads_pictures(judge: PortraitJudge) -> None:
    one = photos(character(9_100_001), 4, seed=1, size=256)
    other = photos(character(9_100_007), 4, seed=2, size=256)
    vectors = judge.identities([photo.image for photo in (*one, *other)])
    cosine = vectors @ vectors.T
    assert cosine[:4, :4].min() > cosine[:4, 4:].max()
    shares = [
        following(judge.settings, photo.caption, reading)
        for photo, reading in zip(one, judge.readings([p.image for p in one]), strict=True)
    ]
    assert sum(shares) / len(shares) > 0.9


def test_a_phrase_promises_what_it_names(judge: PortraitJudge) -> None:
    wanted = expected(judge.settings, "a photo of sks person, Short brown hair, city background")
    assert wanted == {"hair_style": "short", "hair": "brown", "background": "city"}


@pytest.mark.parametrize("family", ["sdxl", "sd2"])
def test_an_untrained_base_is_equal_for_equal_seeds(family: str, tmp_path: Path) -> None:
    cards = []
    for name in ("one", "two"):
        build(tmp_path / name, seed=3, family=family)
        cards.append(json.loads((tmp_path / name / "base.json").read_text()))
    assert cards[0] == cards[1]
    assert cards[0]["family"] == family


def test_a_drawing_is_read_as_what_it_was_drawn_from(judge: PortraitJudge) -> None:
    people = range(9_200_000, 9_200_040)
    readings = judge.readings([draw(character(n), circumstance(n)) for n in people])
    right = [
        following(judge.settings, caption(character(n), circumstance(n)), reading)
        for n, reading in zip(people, readings, strict=True)
    ]
    assert sum(right) / len(right) > 0.95
