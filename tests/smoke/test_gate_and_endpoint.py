"""The gate draws a prompt as the endpoint does: the same embeddings, the same pictures."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")

from contracts.base import BaseCard, GateFloors  # noqa: E402
from contracts.documents.upload.request import TrainingRequest  # noqa: E402
from contracts.shared.weights.families import FAMILIES, TEXT_TARGETS  # noqa: E402
from contracts.shared.weights.lora_names import is_of_text  # noqa: E402
from contracts.shared.words.chunks import ClipTokens  # noqa: E402
from contracts.shared.words.prompt_weights import READERS  # noqa: E402
from contracts.shared.words.tokens import count_tokens, vocabulary_of  # noqa: E402
from serving.adapters.cache import AdapterCache, Lease  # noqa: E402
from serving.adapters.reader import AdapterReader  # noqa: E402
from serving.generator import Generator  # noqa: E402
from serving.picture_error import PictureError  # noqa: E402
from serving.requests import Inputs, PendingRequest  # noqa: E402
from serving.rows import Row  # noqa: E402
from serving.tensors import parse_request  # noqa: E402
from tests.smoke import serving_kit as kit  # noqa: E402
from tests.smoke.tiny_pipelines import Family, make_base, make_tokenizer, write_card  # noqa: E402
from tests.smoke.trainer_kit import full_recipe  # noqa: E402
from trainer.evaluation.gate import Evidence, examine, make_sampling_requests  # noqa: E402
from trainer.export.adapter_files import write_adapter  # noqa: E402
from trainer.model import lora  # noqa: E402
from trainer.model.base import Base, load_base, read_card  # noqa: E402
from trainer.model.sampling import (  # noqa: E402
    SamplingRequest,
    cache_prompts,
    make_pictures,
    to_images,
)
from trainer.photos.captions import is_truncated  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402
from trainer.tasks.shared import refuse_unfit  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

CPU, TOKENIZER = torch.device("cpu"), make_tokenizer("!")
LONG = ", ".join(["a photo of sks person"] * 6)
"""More than 75 of the tiny tokenizer's tokens, which are bytes."""

PROMPTS = [
    "a photo of sks person",
    LONG,
    "a (photo:1.4) of [sks] person",
    f"{LONG} (smiling:1.3)",
    "a photo BREAK of sks (person",
    r"((never closed \(photo\) [of a) sks] person",
    "小明 (微笑:1.2) \U0001f642 sks, ünïcode क़",
    "a <lora:me:0.8> photo of sks AND (person:-0.5)",
    "BREAK",
]


class Sides:
    """One base and one adapter, in the trainer after training and in the server."""

    def __init__(self, folder: Path, family: Family, **inference: Any) -> None:
        torch.set_num_threads(1)
        made = make_base(folder / "base", family)
        if inference:
            known = {**made.inference.model_dump(), **inference}
            write_card(folder / "base", family, made.prediction_type, inference=known)
        self.base = trainers_base(folder / "base", made.sha256)
        self.adapter = folder / "task/adapter"
        self.networks = self.attach(folder / "task")
        self.generator = Generator(folder / "base", CPU)
        reader = AdapterReader(made.sha256, self.generator.layers, CPU, torch.float32)
        self.served = AdapterCache(reader.read, 1 << 30)

    def attach(self, task: Path) -> lora.Networks:
        """Attach an adapter with random weights, of text encoders too, and write its files."""
        recipe, networks = full_recipe(), self.base.networks()
        if not FAMILIES[self.base.card.family].text_networks:
            recipe = replace(
                recipe, text_encoder_lr=None, text_encoder_rank=None, text_encoder_alpha=None
            )
            networks = {self.base.denoiser.name: self.base.network}
        for name, network in networks.items():
            targets = TEXT_TARGETS if is_of_text(name) else recipe.target_modules
            rank, alpha = recipe.rank_of(name), recipe.alpha_of(name)
            lora.attach(network, name, targets, rank=rank, alpha=alpha, seed=1)
        noise = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for weight in lora.parameters(networks).values():
                weight.copy_(torch.randn(weight.shape, generator=noise) * 0.3)
        write_adapter(task, self.base, recipe, lora.weights(networks))
        return networks

    def row(self, prompt: str, seed: int) -> Row:
        """Return the server's row for a request of this prompt and seed alone."""
        arguments = f'{{"seed": {seed}}}'.encode()
        request = parse_request(prompt.encode(), b"", arguments, self.generator.card)
        inputs = Inputs(b"", b"", b"", b"", b"", "", 0.0, lambda _: None)
        lease = Lease(self.served)
        pending = PendingRequest(request, lease.find(self.adapter), lease, "", inputs)
        (row,) = pending.make_rows()
        return row

    def asked(self, prompts: list[str]) -> list[SamplingRequest]:
        """Return the gate's requests for sample prompts."""
        return make_sampling_requests(full_recipe(), prompts, None, self.base.syntax).sample_prompts

    def gate(self, requests: list[SamplingRequest]) -> list[kit.Picture]:
        pictures = make_pictures(self.base, requests, 64, TimeLimit(), "pictures")
        return [np.array(image, np.int16) for image in to_images(pictures)]

    def endpoint(self, requests: list[SamplingRequest]) -> list[kit.Picture]:
        rows = [self.row(request.prompt, request.seed) for request in requests]
        return kit.draw_all(self.generator, rows)


def trainers_base(folder: Path, sha256: str) -> Base:
    return load_base(folder, read_card(folder, sha256), CPU, torch.float32)


def difference(one: kit.Picture, other: kit.Picture) -> int:
    return int(np.abs(one - other).max())


@pytest.fixture(scope="module", params=["sd1", "sd2", "sdxl", "zimage"])
def sides(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Sides:
    return Sides(tmp_path_factory.mktemp(request.param), request.param)


def test_every_prompt_is_drawn_at_the_gate_as_the_endpoint_draws_it(sides: Sides) -> None:
    requests = sides.asked(PROMPTS)
    gate, endpoint = sides.gate(requests), sides.endpoint(requests)
    differences = dict(zip(PROMPTS, map(difference, gate, endpoint), strict=True))
    assert max(differences.values()) <= 1, differences


def test_what_the_gate_read_differently_before_changes_the_picture(sides: Sides) -> None:
    if sides.base.card.family == "zimage":
        pytest.skip("brackets are text to it, and its prompts are not cut at 75 tokens")
    requests = sides.asked(PROMPTS[1:6])
    as_captions = [replace(request, syntax=None) for request in requests]
    assert min(map(difference, sides.gate(requests), sides.gate(as_captions))) > 1


def test_a_prompt_beside_longer_ones_and_from_the_cache_is_drawn_as_alone(sides: Sides) -> None:
    requests = sides.asked(PROMPTS[:3])
    alone = [sides.gate([request])[0] for request in requests]
    cache_prompts(sides.base, requests, 64)
    together = sides.gate(requests)
    sides.base.prompt_cache.clear()
    assert max(map(difference, alone, together)) <= 1


@pytest.mark.parametrize("prompt", ["", *PROMPTS])
def test_trained_text_encoders_embed_a_prompt_as_the_endpoint_does(
    sides: Sides, prompt: str
) -> None:
    if sides.base.card.family == "zimage":
        pytest.skip("its text encoder is not trained")
    ours: dict[str, Any] = sides.base.prompt_embeds((READERS[sides.base.syntax](prompt),))
    row = replace(sides.row("a", 1), prompt=prompt)
    sides.generator.attach([row.mix], torch.float32)
    with torch.inference_mode():
        theirs: Any = sides.generator.base.encode(row)
    sides.generator.hooks.clear()
    pairs = {"prompt_embeds": theirs.text[1:], "negative_prompt_embeds": theirs.text[:1]}
    if theirs.pooled is not None:
        pairs["pooled_prompt_embeds"] = theirs.pooled[1:]
        pairs["negative_pooled_prompt_embeds"] = theirs.pooled[:1]
    assert pairs.keys() == ours.keys()
    for name, tensor in pairs.items():
        assert ours[name].shape == tensor.shape
        assert float((ours[name] - tensor).abs().max()) <= 5e-6, name  # of values up to 5


def test_the_trainer_refuses_what_the_endpoint_refuses_and_nothing_else(sides: Sides) -> None:
    """AcceptRequest has refused it already, where it knows the tokenizer."""
    is_zimage = sides.base.card.family == "zimage"
    long, most = "é" * 400, "é" * (230 if is_zimage else 300)
    prompts = {"long": long, "most": most, "changing": "a [cat|dog]", "parts": "BREAK " * 8}
    refused = {"long"} if is_zimage else {"long", "changing", "parts"}
    for name, prompt in prompts.items():
        request = TrainingRequest(
            instance_prompt="sks", class_prompt="a person", sample_prompts=(prompt,)
        )
        row = replace(sides.row("a", 1), prompt=prompt)
        if name not in refused:
            refuse_unfit(request, sides.base)
            assert sides.generator.count_chunks(row)
            continue
        with pytest.raises(
            TrainingError, match=r"prompt_not_drawable: sample_prompts\.0: "
        ) as ours:
            refuse_unfit(request, sides.base)
        assert "é" not in str(ours.value)
        assert "cat" not in str(ours.value)
        with pytest.raises(PictureError, match="invalid_argument") as theirs:
            sides.generator.count_chunks(row)
        if not is_zimage and name != "changing":
            assert " of 75 tokens each" in str(ours.value)
            assert str(theirs.value).endswith(str(ours.value).rpartition("sample_prompts.0: ")[2])


def test_a_caption_that_is_longer_than_training_reads_is_told(sides: Sides) -> None:
    most = {"zimage": 512 - sides.base.reader.count("")}.get(sides.base.card.family, 75)
    assert [is_truncated("é" * (most // 2) + end, sides.base) for end in ("", "éé")] == [
        False,
        True,
    ]


LETTERS = "ab '.!123dlmrstvez_-İßéक़小\u0301\n"


def test_accept_request_counts_tokens_as_the_tokenizer_does() -> None:
    """The rule has no tokenizer of transformers: it reads the base's file."""
    known = vocabulary_of(TOKENIZER.backend_tokenizer.to_str().encode())
    assert known is not None
    chosen = random.Random(7)  # noqa: S311 - no secret
    for _ in range(300):
        text = "".join(chosen.choices(LETTERS, k=chosen.randrange(24)))
        assert count_tokens(text, known) == len(ClipTokens.of(TOKENIZER).tokenize(text)), text


class Listener:
    """A judge that remembers which prompts it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def identities(self, images: list[Any]) -> Any:
        return torch.ones(len(images), 1)

    def follows(self, prompt: str, _image: Any) -> tuple[int, int]:
        self.asked.append(prompt)
        return 1, 1

    def circumstances(self, _class_prompt: str) -> tuple[str, ...]:
        return ()

    def describe(self, _image: Any) -> str:
        return ""


def test_the_judge_hears_the_words_of_a_prompt() -> None:
    prompts = ["a photo of sks, (smiling:1.3)", r"[sks] \(2\) <lora:me:1>BREAK in Rome"]
    requests = make_sampling_requests(full_recipe(), prompts, None, "weights")
    noise = np.random.default_rng(0).random((len(requests.all), 8, 8, 3), np.float32)
    judge = Listener()
    examine(Evidence(requests, noise, noise), [], judge, GateFloors(min_effect=0))
    assert {"a photo of sks, smiling", "sks (2) in Rome"} <= {*judge.asked}
    assert not [prompt for prompt in judge.asked if ":" in prompt]


@pytest.mark.parametrize(
    ("family", "scheduler", "steps"),
    [
        ("sd1", "PNDMScheduler", 3),
        ("sd2", "DPM++ 2M SDE Karras", 3),
        ("sdxl", "EulerAncestralDiscreteScheduler", 3),
    ],
)
def test_the_card_s_scheduler_is_the_endpoint_s(
    tmp_path: Path, family: Family, scheduler: str, steps: int
) -> None:
    sides = Sides(tmp_path, family, scheduler=scheduler, num_inference_steps=steps)
    requests = sides.asked(["a photo of sks person", LONG])
    assert max(map(difference, sides.gate(requests), sides.endpoint(requests))) <= 1


@pytest.mark.parametrize(
    ("inference", "why"),
    [
        ({"scheduler": "EDMEulerScheduler"}, "no base of family sd1 draws with"),
        ({"scheduler": "FlowMatchEulerDiscreteScheduler"}, "no base of family sd1 draws with"),
        ({"scheduler": "LCMScheduler", "num_inference_steps": 51}, "at most 50 steps"),
    ],
)
def test_a_card_by_which_the_endpoint_draws_nothing_is_no_base_to_train(
    tmp_path: Path, inference: dict[str, Any], why: str
) -> None:
    made = make_base(tmp_path, "sd1")
    known = {**made.inference.model_dump(), **inference}
    write_card(tmp_path, "sd1", made.prediction_type, inference=known)
    card = BaseCard.model_validate_json((tmp_path / "base.json").read_bytes())
    with pytest.raises(TrainingError, match=f"base_mismatch: .*{why}"):
        load_base(tmp_path, card, CPU, torch.float32)
