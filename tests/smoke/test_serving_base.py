"""The resident base without Triton: which requests share a pass, and what it does without memory.

Runs in the serving environment.
"""

import gc
import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessor

from contracts.base import BaseCard
from contracts.marks.marking import Marked, Marker, Origin, Output
from contracts.shared.prompts import name_subject
from serving.adapters.cache import AdapterCache
from serving.adapters.reader import Adapter
from serving.answer_cache import AnswerCache
from serving.output.safety import NoChecker, make_checker
from tests.fakes import triton
from tests.smoke.serving_kit import RELEASED, make_base
from tests.unit.serving.test_tensors import BASE

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory: a prompt")
ALLOCATOR_FAILED = RuntimeError(
    "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."
)
TritonRequest = dict[str, triton.Tensor]


class MemoryGenerator:
    """Records its passes, and raises the given failures first."""

    card: BaseCard = BASE
    activation_seconds = 0.0

    def __init__(self, *failures: Exception, black: int = 0) -> None:
        self.failures = list(failures)
        self.overflows = 0
        self.black = black
        """Number of pictures that overflow, from the first one."""
        self.passes: list[int] = []
        self.prompts: list[str] = []
        self.avoided: list[str | None] = []

    def count_chunks(self, row: Any) -> int:
        return 1 + max(len(row.prompt), len(row.negative_prompt or "")) // 75

    def draw(self, _key: Any, rows: list[Any]) -> list[Image.Image | None]:
        self.passes.append(len(rows))
        self.prompts += [row.prompt for row in rows]
        self.avoided += [row.negative_prompt for row in rows]
        if self.failures:
            raise self.failures.pop(0)
        made: list[Image.Image | None] = [Image.new("RGB", (8, 8)) for _ in rows]
        made[: self.black] = [None] * self.black
        self.overflows, self.black = self.overflows + self.black, 0
        return made


def user_of(folder: Path) -> str:
    return folder.parents[2].name


def read(folder: Path) -> Adapter:
    return Adapter(user_of(folder) * 64, "sks", {}, size=1, job_id=f"job-{user_of(folder)}")


def base(generator: MemoryGenerator) -> Any:
    sys.modules.setdefault("triton_python_backend_utils", triton.module())
    model = importlib.import_module("serving.triton_model").TritonPythonModel()
    model.adapters = AdapterCache(read, capacity_bytes=10)
    model.answers = AnswerCache(capacity_bytes=1000)
    model.run_dir = Path("none")
    model.generator = generator
    model.base = generator.card
    model.marker, model.unwatermarked = Marker(None), 0
    model.rows = 8
    model.checker = NoChecker()
    return model


def make_folder(root: Path, user: str) -> Path:
    """Write a package with empty weights, as the endpoint unpacks it; return its adapter folder."""
    folder = root / user / "likeness/1/adapter"
    if not folder.is_dir():
        shutil.copytree(RELEASED, root / user / "likeness")
        folder.mkdir()
        (folder / "pytorch_lora_weights.safetensors").touch()
    return folder


def request(
    root: Path,
    user: str = "1",
    prompt: str = "a photo",
    negative_prompt: str = "",
    **arguments: Any,
) -> TritonRequest:
    texts = {
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        "gen_args": json.dumps(arguments),
        "adapter": str(make_folder(root, user)),
    }
    return {
        name: triton.Tensor(name, np.array([[text.encode()]], dtype=object))
        for name, text in texts.items()
    }


def test_requests_that_agree_share_a_pass_of_at_most_eight(tmp_path: Path) -> None:
    generator = MemoryGenerator()
    requests = [request(tmp_path, str(n), num_images_per_prompt=4) for n in range(3)]
    answers = base(generator).execute([*requests, request(tmp_path, width=256)])
    assert generator.passes == [8, 4, 1]
    assert [len(answer.outputs["generated_image"][0]) for answer in answers] == [4, 4, 4, 1]


def test_only_prompts_of_as_many_chunks_share_a_pass(tmp_path: Path) -> None:
    generator = MemoryGenerator()
    texts = [("a", ""), ("b" * 80, ""), ("c", "d" * 80), ("e", "f")]
    asked = [request(tmp_path, prompt=p, negative_prompt=n) for p, n in texts]
    answers = base(generator).execute([*asked, request(tmp_path, prompt="g" * 80)])
    assert [answer.error for answer in answers] == [None] * 5
    assert generator.passes == [1, 2, 1, 1]


def test_a_prompt_of_too_many_chunks_is_refused_alone(tmp_path: Path) -> None:
    asked = [request(tmp_path, prompt="a " * 299), request(tmp_path, prompt="a " * 301)]
    answers = base(MemoryGenerator()).execute(asked)
    assert answers[0].error is None
    assert answers[1].error == (
        "likeness/invalid_argument: prompt, negative_prompt: at most 600 of CLIP's tokens each"
    )


def test_a_prompt_names_the_subject_as_the_trainer_and_the_notice_do(tmp_path: Path) -> None:
    generator = MemoryGenerator()
    prompts = ["a photo of TOK person in TOKYO", "<<TOK>>s", "<s0><s1> man", "tok"]
    base(generator).execute([request(tmp_path, prompt=prompt) for prompt in prompts])
    assert generator.prompts == [name_subject(prompt, "sks") for prompt in prompts]
    assert generator.prompts == ["a photo of sks person in TOKYO", "sks s", "sks man", "tok"]
    base(generator).execute([request(tmp_path, negative_prompt="TOK with a hat in TOKYO")])
    assert generator.avoided[-1] == "sks with a hat in TOKYO"


def test_no_garbage_collection_scans_the_base_during_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_base(tmp_path / "base", "sd1")
    monkeypatch.setenv("LIKENESS_BASE_DIR", str(tmp_path / "base"))
    monkeypatch.setenv("LIKENESS_RUN_DIR", str(tmp_path))
    model = base(MemoryGenerator())
    try:
        model.initialize({"model_instance_kind": "CPU"})
        layers = {id(layer) for layer in model.generator.pipeline.unet.modules()}
        assert not layers & {id(scanned) for scanned in gc.get_objects()}
    finally:
        gc.unfreeze()


def test_a_reader_older_than_image_input_understands_the_answer(tmp_path: Path) -> None:
    answer = base(MemoryGenerator()).execute([request(tmp_path)])[0]
    info = json.loads(answer.outputs["info"][0][0])
    assert not {"strength", "image_sha256"} & info.keys()
    assert "scheduler_options" not in info
    assert info["cached"] is False


def test_info_tells_which_scheduler_a_sampler_s_name_stands_for(tmp_path: Path) -> None:
    asked = request(tmp_path, sampler_name="DPM++ SDE Karras", steps=3, seed=-1)
    info = json.loads(base(MemoryGenerator()).execute([asked])[0].outputs["info"][0][0])
    assert info["scheduler"] == "DPMSolverSinglestepScheduler"
    assert info["scheduler_options"]["use_karras_sigmas"] is True
    assert info["num_inference_steps"] == 3
    assert info["seeds"][0] >= 0


def test_a_bad_request_fails_alone(tmp_path: Path) -> None:
    answers = base(MemoryGenerator()).execute([request(tmp_path, x=1), request(tmp_path)])
    assert [answer.error is None for answer in answers] == [False, True]


def test_out_of_memory_drops_idle_adapters_and_draws_again(tmp_path: Path) -> None:
    model = base(MemoryGenerator(OUT_OF_MEMORY))
    with model.adapters.pin() as find:
        find(make_folder(tmp_path, "2"))
    assert model.execute([request(tmp_path, "1")])[0].error is None
    assert [user_of(key.folder) for key in model.adapters.resident] == ["1"]


@pytest.mark.parametrize("error", [OUT_OF_MEMORY, ALLOCATOR_FAILED])
def test_when_memory_stays_short_the_error_text_makes_triton_answer_507(
    tmp_path: Path, error: Exception
) -> None:
    model = base(MemoryGenerator(error, error))
    assert model.execute([request(tmp_path)])[0].error == "likeness/memory_pressure: out of memory"


def test_an_unexpected_failure_repeats_no_prompt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = base(MemoryGenerator(RuntimeError("the prompt says OOM")))
    error = model.execute([request(tmp_path)])[0].error
    assert error == "likeness/generation_failed: the picture could not be drawn"
    log = capsys.readouterr().err
    assert "OOM" not in log
    assert all(line.endswith(" job_id=job-1") for line in log.splitlines())


class FailingMarker(Marker):
    """Marks that fail."""

    def mark(self, image: Image.Image, origin: Origin, output: Output) -> Marked:
        raise RuntimeError("O" * 2 + "M", image.size, origin, output)


def test_a_picture_that_cannot_be_encoded_fails_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = base(MemoryGenerator())
    model.marker = FailingMarker(None)
    answers = model.execute([request(tmp_path, seed=1)])
    assert answers[0].error == "likeness/generation_failed: the picture could not be encoded"
    log = capsys.readouterr().err
    assert "OOM" not in log
    assert all(line.endswith(" job_id=job-1") for line in log.splitlines())
    model.marker = Marker(None)
    model.rows = 8
    assert model.execute([request(tmp_path, seed=1)])[0].error is None


def test_answers_are_forgotten_by_bytes(tmp_path: Path) -> None:
    model = base(MemoryGenerator())
    size = len(model.execute([request(tmp_path, seed=0)])[0].outputs["generated_image"][0][0])
    model.answers.capacity_bytes = 2 * size
    for seed in (1, 2, 1, 3, 1, 2):
        model.execute([request(tmp_path, seed=seed)])
    assert model.answers.hits == 2  # 1 twice; 2 had to go for 3
    assert model.answers.bytes <= 2 * size


@pytest.mark.parametrize(("capacity", "kept"), [(10, "abc"), (2, "ca"), (0, "")])
def test_the_least_recently_used_go_first(tmp_path: Path, capacity: int, kept: str) -> None:
    cache = AdapterCache(read, capacity)
    for user in "abca":
        with cache.pin() as find:
            find(make_folder(tmp_path, user))
    assert {user_of(key.folder) for key in cache.resident} == set(kept)


def test_what_a_pass_uses_stays_even_beyond_the_limit(tmp_path: Path) -> None:
    cache = AdapterCache(read, 1)
    with cache.pin() as find:
        for user in "abc":
            find(make_folder(tmp_path, user))
        assert cache.resident_bytes == 3
    assert cache.resident_bytes == 1


def test_new_weights_under_an_old_path_are_read_again(tmp_path: Path) -> None:
    cache = AdapterCache(read, 10)
    folder = make_folder(tmp_path, "1")
    cache.find(folder)
    (folder / "pytorch_lora_weights.safetensors").write_bytes(b"new")
    cache.find(folder)
    assert (cache.hits, cache.misses) == (0, 2)


def make_safety_folder(folder: Path, threshold: float) -> Path:
    """Write an untrained checker that refuses every picture, or none.

    It refuses a picture whose cosine to a concept, from -1 to 1, is above ``threshold``.
    """
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 16,
    }
    torch.manual_seed(0)
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8))
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.save_pretrained(folder / "safety_checker")
    size = {"shortest_edge": 32}
    processor = CLIPImageProcessor(size=size, crop_size={"height": 32, "width": 32})
    processor.save_pretrained(folder / "feature_extractor")
    return folder


@pytest.mark.parametrize(("threshold", "unsafe"), [(-2.0, True), (2.0, False)])
def test_the_operator_s_checker_withholds_pictures(
    tmp_path: Path, threshold: float, unsafe: bool
) -> None:
    model = base(MemoryGenerator())
    folder = make_safety_folder(tmp_path / "safety", threshold)
    model.checker = make_checker(str(folder), torch.device("cpu"))
    answers = model.execute([request(tmp_path, "1"), request(tmp_path, "2")])
    expected = None
    if unsafe:
        expected = "likeness/unsafe_picture: the safety checker refused the picture"
    assert [answer.error for answer in answers] == [expected, expected]
