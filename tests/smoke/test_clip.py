"""Prompt following by a CLIP network of the base: a tiny one that is trained here on colours."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from PIL import Image  # noqa: E402
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel  # noqa: E402

from contracts.base import GateFloors  # noqa: E402
from local.embedded_base.tokenizer import make_tokenizer  # noqa: E402
from tests.smoke.gate_kit import small_base  # noqa: E402
from tests.smoke.trainer_kit import full_recipe  # noqa: E402
from trainer.config.recipe import RecipeSubject  # noqa: E402
from trainer.evaluation.circumstances import OF_OTHERS, OF_PEOPLE  # noqa: E402
from trainer.evaluation.clip import ClipJudge, load_clip, variants  # noqa: E402
from trainer.evaluation.gate import Evidence, examine, make_sampling_requests  # noqa: E402
from trainer.evaluation.judge import load_judge  # noqa: E402
from trainer.model.base import Base  # noqa: E402
from trainer.model.sampling import Pictures  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

SIDE, TOKENS, STEPS = 32, 77, 80
COLOURS = [(30, 160, 40), (230, 200, 120), (240, 240, 250), (20, 20, 60)]
"""What the tiny network learns to see in each of OF_OTHERS."""


def plain(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), colour)


def write_clip(folder: Path) -> None:
    """Train a tiny CLIP to know a colour for each circumstance, and write it."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tokenizer = make_tokenizer(TOKENS)
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    tower |= {"num_attention_heads": 2, "projection_dim": 16}
    words = {"vocab_size": len(tokenizer), "max_position_embeddings": TOKENS}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    network = CLIPModel(
        CLIPConfig(
            text_config={**tower, **words, **ends},
            vision_config={**tower, "image_size": SIDE, "patch_size": 16},
            projection_dim=16,
        )
    )
    size = {"height": SIDE, "width": SIDE}
    processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=size)
    inputs = [
        tokenizer([f"{head}, {words}" for words in OF_OTHERS], padding=True, return_tensors="pt")
        for head in ("a photo of a dog", "a photo of a sks dog")
    ]
    pixels = processor(images=[plain(colour) for colour in COLOURS], return_tensors="pt")
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for step in range(STEPS):
        found = network(**inputs[step % 2], **pixels, return_loss=True)
        optimizer.zero_grad()
        found.loss.backward()
        optimizer.step()
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """Return a base without a judge of likeness, with a CLIP."""
    found = small_base(tmp_path_factory.mktemp("base"))
    write_clip(found.folder / "clip")
    card = found.card.model_copy(update={"clip": "clip", "judge": None, "face_detector": "none"})
    return replace(found, card=card)


@pytest.fixture
def judge(base: Base) -> ClipJudge:
    found = load_judge(base)
    assert isinstance(found, ClipJudge)
    return found


def pictures(colours: list[tuple[int, int, int]]) -> Pictures:
    noise = np.random.default_rng(0).normal(0, 6, (len(colours), SIDE, SIDE, 3))
    plainly = np.array(colours, float)[:, None, None, :] + noise
    return plainly.clip(0, 255).astype(np.float32) / 255


def test_a_picture_follows_the_prompt_that_clip_finds_nearest(judge: ClipJudge) -> None:
    prompts = [f"a photo of a sks dog, {words}" for words in OF_OTHERS]
    for place, colour in enumerate(COLOURS):
        read = [judge.follows(prompt, plain(colour)) for prompt in prompts]
        assert read == [(int(place == n), 1) for n in range(4)]
    assert judge.follows("a photo of a sks dog", plain(COLOURS[0])) == (0, 0)


def test_the_gate_varies_the_prompts_and_scores_them_by_clip(judge: ClipJudge) -> None:
    subject = RecipeSubject("sks", "a photo of a sks dog", "a photo of a dog")
    wanted = replace(full_recipe(), subjects=(subject,))
    requests = make_sampling_requests(wanted, [], judge, "weights")
    right = [COLOURS[n % 4] for n in range(8)]
    wrong = [COLOURS[(n + 1) % 4] for n in range(8)]
    floors = GateFloors(min_effect=0, min_prompt_following=0.5)
    scores = {}
    for name, drawn in (("right", right), ("wrong", wrong)):
        evidence = Evidence(requests, pictures(right * 2), pictures([*drawn, *right]))
        report = examine(evidence, [plain(COLOURS[0])], judge, floors)
        scores[name] = report.prompt_following, report.class_drift, report.identity, report.codes
    assert scores["right"] == (1.0, 0.0, None, ())
    assert scores["wrong"] == (0.0, 0.0, None, ("gate_ignores_prompt",))


def test_people_are_varied_by_clothes_and_settings(judge: ClipJudge) -> None:
    assert judge.circumstances("a photo of a woman") == OF_PEOPLE
    assert judge.circumstances("a photo of a dog") == OF_OTHERS
    asked = f"a photo of a sks woman, {OF_PEOPLE[2]}"
    assert variants(asked)[0] == asked
    assert len(set(variants(asked))) == len(OF_PEOPLE)


def test_a_clip_with_missing_weights_is_refused(base: Base, tmp_path: Path) -> None:
    copytree(base.folder / "clip", tmp_path, dirs_exist_ok=True)
    network = CLIPModel.from_pretrained(tmp_path)
    state = {k: v for k, v in network.state_dict().items() if "visual_projection" not in k}
    network.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(ValueError, match=tmp_path.name):
        load_clip(tmp_path)
    card = base.card.model_copy(update={"clip": "nowhere"})
    with pytest.raises(TrainingError, match="CLIP cannot be loaded"):
        load_judge(replace(base, card=card))
