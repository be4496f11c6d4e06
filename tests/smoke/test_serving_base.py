"""The resident base without Triton: what becomes of requests, and what it does without memory.

Runs in the serving environment.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
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

from contracts.documents.appeal import WithheldPicture
from contracts.documents.package import PackageCard
from contracts.documents.picture import PictureArguments
from contracts.marks.marking import Marked, Marker, Origin, Output
from contracts.shared.pictures.safety_stages import Stages, Verdict
from contracts.shared.words.allowed_texts import hash_of_picture, hash_of_texts, marker_of
from contracts.shared.words.name_list import hash_of, parse_names
from contracts.shared.words.prompts import name_subject
from serving import markers
from serving.adapters.cache import AdapterCache
from serving.adapters.reader import Adapter
from serving.answer_cache import AnswerCache
from serving.engine.engine import Engine
from serving.engine.memory import MemoryPlan, Needs
from serving.engine.speed import Speed
from serving.engine_process import dump_info
from serving.generator import OverflowedError
from serving.output.pictures_bucket import NoBucket, NotStoredError, Owner, Stored
from serving.output.safety import SafetySettings, make_checker
from serving.requests import Inputs
from serving.rows import Row
from serving.service import Limits, PictureService
from tests.smoke import serving_kit as kit
from tests.unit.serving.test_tensors import BASE

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory: a prompt")
ALLOCATOR_FAILED = RuntimeError(
    "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."
)
GRADIENT = np.linspace(0, 1, 8 * 8 * 3).reshape(8, 8, 3)
BLACK, NOT_A_NUMBER = np.zeros((8, 8, 3)), np.full((8, 8, 3), np.nan)


@dataclass
class MemoryDrawing:
    """A row's progress without a picture."""

    row: Row
    remaining: int
    entries: int = 2
    conditions: Any = None
    broken: bool = False


class MemoryArtist:
    """Records its passes, and raises the given failures first."""

    dtype = torch.float32
    activation_seconds = 0.0

    def __init__(self, *failures: Exception, pictures: Sequence[Any] = ()) -> None:
        self.failures = list(failures)
        self.pictures = list(pictures)
        """The first pictures; those that follow are good."""
        self.passes: list[int] = []
        self.begun: list[Row] = []
        self.tiled: list[bool] = []

    def count_chunks(self, row: Row) -> int:
        return 1 + max(len(row.prompt), len(row.negative_prompt or "")) // 75

    def steps_of(self, row: Row) -> int:
        return row.sampling.num_inference_steps

    def second_steps_of(self, row: Row) -> int:
        return row.second_pass.num_inference_steps if row.second_pass else 0

    def refiner_steps_of(self, row: Row) -> int:
        return 0 if row.refiner_switch_at is None else row.sampling.num_inference_steps // 2

    def entries_of(self, row: Row) -> int:
        return 2 if row.guidance_scale > 1 else 1

    def refine(self, drawing: Any) -> Any:
        return MemoryDrawing(drawing.row, self.refiner_steps_of(drawing.row))

    def enlarge(self, drawing: Any, *, tiled: bool = False) -> Any:
        self.tiled.append(tiled)
        return MemoryDrawing(drawing.row, self.second_steps_of(drawing.row))

    def begin(self, row: Row, _dtype: Any = None, _conditions: Any = None) -> Any:
        self.begun.append(row)
        return MemoryDrawing(row, self.steps_of(row))

    def step(self, drawings: Sequence[Any]) -> None:
        self.passes.append(len(drawings))
        if self.failures:
            raise self.failures.pop(0)
        for drawing in drawings:
            drawing.remaining -= 1

    def decode(self, _drawing: Any, *, tiled: bool = False) -> Any:
        self.tiled.append(tiled)
        return self.pictures.pop(0) if self.pictures else GRADIENT

    def release(self) -> None:
        pass


def user_of(folder: Path) -> str:
    return folder.parents[2].name


def read(folder: Path) -> Adapter:
    return Adapter(user_of(folder) * 64, "sks", {}, size=1, job_id=f"job-{user_of(folder)}")


class AtOnce(ThreadPoolExecutor):
    """Does its work in the thread that brings it."""

    def submit(self, work: Any, /, *arguments: Any, **more: Any) -> Any:
        work(*arguments, **more)


class Base:
    """The service with an artist that draws nothing; it ticks only while ``execute`` waits."""

    def __init__(self, artist: MemoryArtist, root: Path, **limits: Any) -> None:
        self.artist = artist
        self.adapters = AdapterCache(read, capacity_bytes=10)
        speed = Speed(kit.TOGETHER.fixed, 0.001, 0.001)
        engine = Engine(artist, kit.PLENTY, speed, 8, free_memory=lambda: self.adapters.shrink(0))
        self.service = PictureService(
            engine=engine,
            card=BASE,
            adapters=self.adapters,
            answers=AnswerCache(capacity_bytes=10_000),
            marker=Marker(None),
            checker=Stages(),
            bucket=NoBucket(),
            limits=Limits(seconds=1e12, **limits),
            count_chunks=artist.count_chunks,
            run_dir=root,
        )
        self.service.parsing = self.service.writing = AtOnce()

    def execute(self, requests: list[dict[str, bytes]]) -> list[Any]:
        """Answer requests that arrive together, in their order."""
        answers: dict[int, Any] = {}
        for number, one in enumerate(requests):
            self.service.submit(
                Inputs(
                    **one,
                    request_id="",
                    received=0.0,
                    reply=partial(answers.__setitem__, number),
                )
            )
        while self.service.engine.tick():
            pass
        return [answers[number] for number in range(len(requests))]

    def draw(self, request: dict[str, bytes]) -> Any:
        """Answer one request."""
        return self.execute([request])[0]


def text_of(answer: Any) -> str | None:
    """Return an answer's error, None when it has pictures."""
    return str(answer) if isinstance(answer, Exception) else None


def make_folder(root: Path, user: str) -> Path:
    """Write a package with empty weights, as the endpoint unpacks it; return its adapter folder."""
    folder = root / user / "likeness/1/adapter"
    if not folder.is_dir():
        shutil.copytree(kit.RELEASED, root / user / "likeness")
        folder.mkdir()
        (folder / "pytorch_lora_weights.safetensors").touch()
    return folder


def request(
    root: Path,
    user: str = "1",
    prompt: str = "a photo",
    negative_prompt: str = "",
    **arguments: Any,
) -> dict[str, bytes]:
    return {
        "prompt": prompt.encode(),
        "negative_prompt": negative_prompt.encode(),
        "gen_args": json.dumps(arguments).encode(),
        "image": b"",
        "adapter": str(make_folder(root, user)).encode(),
    }


def test_rows_of_one_size_share_a_pass_of_at_most_eight(tmp_path: Path) -> None:
    artist = MemoryArtist()
    arguments: dict[str, Any] = {"num_inference_steps": 1}
    four = arguments | {"num_images_per_prompt": 4}
    requests = [request(tmp_path, str(n), **four) for n in range(3)]
    answers = Base(artist, tmp_path).execute([*requests, request(tmp_path, width=256, **arguments)])
    assert sorted(artist.passes) == [1, 6, 6]
    assert [text_of(answer) for answer in answers] == [None] * 4


def test_a_large_picture_is_drawn_twice_and_its_second_pass_is_of_its_own_size(
    tmp_path: Path,
) -> None:
    artist = MemoryArtist()
    one: dict[str, Any] = {"num_inference_steps": 2}
    large = one | {"width": 64, "height": 64, "hr_scale": 2, "hr_second_pass_steps": 3}
    asked = [request(tmp_path, "1", **large), request(tmp_path, "2", **one, width=64, height=64)]
    answers = Base(artist, tmp_path).execute(asked)
    assert artist.passes == [2, 2, 1, 1, 1]
    assert len(artist.tiled) == 3, "one enlargement, two decodings"
    info = answers[0].info
    assert (info.width, info.height) == (128, 128)
    assert info.hires is not None
    assert (info.hires.width, info.hires.upscaler, info.hires.strength) == (64, "Latent", 0.7)
    assert answers[1].info.hires is None
    assert "hires" not in json.loads(dump_info(answers[1].info))


def test_a_second_pass_that_fails_begins_again_with_the_first(tmp_path: Path) -> None:
    artist = MemoryArtist()
    step = artist.step

    def fail_once(drawings: Sequence[Any]) -> None:
        if len(artist.passes) == 2:
            artist.passes.append(0)
            for drawing in drawings:
                drawing.broken = True
            raise OUT_OF_MEMORY
        step(drawings)

    artist.step = fail_once  # type: ignore[method-assign]
    asked: dict[str, Any] = {"num_inference_steps": 2, "hr_scale": 2, "width": 64, "height": 64}
    assert text_of(Base(artist, tmp_path).draw(request(tmp_path, **asked))) is None
    assert artist.passes == [1, 1, 0, 1, 1, 1, 1]


def test_a_first_pass_that_overflows_is_drawn_again_in_float32(tmp_path: Path) -> None:
    artist = MemoryArtist()
    artist.dtype = torch.float16
    enlarge = artist.enlarge

    def overflow(_drawing: Any, *, tiled: bool = False) -> Any:  # noqa: ARG001
        artist.enlarge = enlarge  # type: ignore[method-assign]
        raise OverflowedError

    artist.enlarge = overflow  # type: ignore[method-assign,assignment]
    asked: dict[str, Any] = {"num_inference_steps": 1, "hr_scale": 2, "hr_upscaler": "lanczos"}
    asked["strength"] = 1
    answer = Base(artist, tmp_path).draw(request(tmp_path, width=64, height=64, **asked))
    assert text_of(answer) is None
    assert artist.passes == [1, 1, 1]


def test_a_base_that_does_not_fit_in_float32_is_not_converted(tmp_path: Path) -> None:
    artist = MemoryArtist(pictures=[NOT_A_NUMBER])
    artist.dtype = torch.bfloat16
    base = Base(artist, tmp_path)
    small = MemoryPlan(Needs(1.0, 1.0, 2, weights=600), 1000, adapter_bytes=0)
    base.service.engine.scheduler.plan = small
    asked = request(tmp_path, num_inference_steps=1)
    assert (text_of(base.draw(asked)) or "").startswith("likeness/picture_overflow: ")
    assert artist.passes == [1]


def test_a_row_leaves_when_it_is_done_and_the_others_go_on(tmp_path: Path) -> None:
    artist = MemoryArtist()
    Base(artist, tmp_path).execute(
        [request(tmp_path, str(steps), num_inference_steps=steps) for steps in (1, 3, 5)]
    )
    assert artist.passes == [3, 2, 2, 1, 1]


def test_only_prompts_of_as_many_chunks_share_a_pass(tmp_path: Path) -> None:
    artist = MemoryArtist()
    texts = [("a", ""), ("b" * 80, ""), ("c", "d" * 80), ("e", "f")]
    asked = [
        request(tmp_path, str(n), prompt=p, negative_prompt=avoided, num_inference_steps=1)
        for n, (p, avoided) in enumerate(texts)
    ]
    Base(artist, tmp_path).execute(asked)
    assert artist.passes == [2, 2]


def test_a_prompt_names_the_subject_as_the_trainer_and_the_notice_do(tmp_path: Path) -> None:
    prompts = ["a photo of TOK person in TOKYO", "<<TOK>>s", "<s0><s1> man", "tok"]
    drawn = []
    for prompt in prompts:
        artist = MemoryArtist()
        Base(artist, tmp_path).draw(request(tmp_path, prompt=prompt))
        drawn.append(artist.begun[0].prompt)
    assert drawn == [name_subject(prompt, "sks") for prompt in prompts]
    assert drawn == ["a photo of sks person in TOKYO", "sks s", "sks man", "tok"]
    artist = MemoryArtist()
    Base(artist, tmp_path).draw(request(tmp_path, negative_prompt="TOK with a hat in TOKYO"))
    assert artist.begun[0].negative_prompt == "sks with a hat in TOKYO"


def test_a_reader_older_than_image_input_understands_the_answer(tmp_path: Path) -> None:
    info = json.loads(dump_info(Base(MemoryArtist(), tmp_path).draw(request(tmp_path)).info))
    assert not {"strength", "image_sha256"} & info.keys()
    assert "scheduler_options" not in info
    assert info["cached"] is False


def test_info_tells_which_scheduler_a_sampler_s_name_stands_for(tmp_path: Path) -> None:
    asked = request(tmp_path, sampler_name="DPM++ SDE Karras", steps=3, seed=-1)
    info = Base(MemoryArtist(), tmp_path).draw(asked).info
    assert info.scheduler == "DPMSolverSinglestepScheduler"
    assert info.scheduler_options["use_karras_sigmas"] is True
    assert info.num_inference_steps == 3
    assert info.seeds[0] >= 0


def test_an_erased_model_draws_nothing_and_nothing_of_it_stays_in_memory(tmp_path: Path) -> None:
    base = Base(MemoryArtist(), tmp_path)
    assert text_of(base.draw(request(tmp_path, "1", seed=1))) is None
    assert text_of(base.draw(request(tmp_path, "2", seed=1))) is None
    base.service.drop_models({"job-1"})
    assert base.service.answers.bytes > 0, "the other model's answer stays"
    assert {answer.job_ids for answer in base.service.answers.answers.values()} == {
        frozenset({"job-2"})
    }
    assert {adapter.job_id for adapter in base.adapters.resident.values()} == {"job-2"}
    refused = "likeness/adapter_invalid: the model was erased, or is disabled"
    passes = len(base.artist.passes)
    others: list[dict[str, Any]] = [{"seed": 1}, {"seed": 2}, {"seed": 1, "lora_scale": 0}]
    for asked in others:
        assert text_of(base.draw(request(tmp_path, "1", **asked))) == refused
    assert len(base.artist.passes) == passes
    assert base.draw(request(tmp_path, "2", seed=1)).info.cached is True


def test_rows_of_an_erased_model_end_and_the_others_go_on(tmp_path: Path) -> None:
    artist = MemoryArtist()
    base = Base(artist, tmp_path)
    step = artist.step

    def step_and_erase(drawings: Sequence[Any]) -> None:
        step(drawings)
        base.service.drop_models({"job-1"})

    artist.step = step_and_erase  # type: ignore[method-assign]
    answers = base.execute(
        [request(tmp_path, user, num_inference_steps=3, seed=1) for user in ("1", "2", "1")]
    )
    refused = "likeness/adapter_invalid: the model was erased, or is disabled"
    assert [text_of(answer) for answer in answers] == [refused, None, refused]
    assert artist.passes == [2, 1, 1]
    assert len(base.service.answers.answers) == 1
    assert {adapter.job_id for adapter in base.adapters.resident.values()} == {"job-2"}
    assert base.service.unanswered == 0


def test_a_model_that_is_erased_while_its_file_is_written_is_not_answered(tmp_path: Path) -> None:
    base = Base(MemoryArtist(), tmp_path)
    make = base.service.make

    def make_and_erase(pending: Any, job: Any) -> Any:
        answer = make(pending, job)
        base.service.drop_models({"job-1"})
        return answer

    base.service.make = make_and_erase  # type: ignore[method-assign]
    assert text_of(base.draw(request(tmp_path, "1", seed=1))) == (
        "likeness/adapter_invalid: the model was erased, or is disabled"
    )
    assert not base.service.answers.answers


class MemoryBucket(NoBucket):
    """Takes everything, unless it is told to fail; does something before it answers."""

    def __init__(self) -> None:
        self.kept: list[tuple[list[bytes], str, Owner]] = []
        self.fails = False
        self.meanwhile: Callable[[], None] = lambda: None

    def takes(self, owner: Owner) -> bool:
        return owner.tenant is not None

    def store(self, files: Sequence[bytes], kind: str, owner: Owner) -> list[Stored]:
        if self.fails:
            raise NotStoredError
        self.kept.append((list(files), kind, owner))
        self.meanwhile()
        names = [f"{number}.{kind}" for number in range(len(files))]
        return [Stored(name, None, f"s3://b/{name}", f"https://b/{name}") for name in names]

    def forget(self, stored: Sequence[Stored]) -> None:
        assert stored
        self.kept.clear()


def large_base(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Base, MemoryBucket]:
    """Return a base all of whose answers are too large, and its bucket."""
    monkeypatch.setattr("serving.service.MAX_INLINE_BYTES", 10)
    base, bucket = Base(MemoryArtist(), root), MemoryBucket()
    base.service.bucket = bucket
    card = PackageCard(tenant_sha256="7" * 64, adapter=True)
    (make_folder(root, "1").parent / "package.json").write_text(card.model_dump_json())
    return base, bucket


def test_a_large_answer_is_stored_for_its_tenant_and_has_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, bucket = large_base(tmp_path, monkeypatch)
    asked = request(tmp_path, num_images_per_prompt=2, output_format="jpeg", seed=3)
    answer = base.draw(asked)
    assert answer.pictures == (b"https://b/0.jpeg", b"https://b/1.jpeg")
    assert answer.info.stored == ("s3://b/0.jpeg", "s3://b/1.jpeg")
    ((files, kind, owner),) = bucket.kept
    assert [file[:2] for file in files] == [b"\xff\xd8"] * 2
    assert (kind, owner.job_ids) == ("jpeg", frozenset({"job-1"}))
    assert owner.tenant == "7" * 64
    again = base.draw(asked)
    assert (again.info.cached, len(bucket.kept)) == (True, 2), "from memory, with new links"


def test_when_s3_does_not_take_the_pictures_the_next_request_gets_them_undrawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, bucket = large_base(tmp_path, monkeypatch)
    bucket.fails = True
    assert str(base.draw(request(tmp_path, seed=1))).startswith("likeness/busy: ")
    bucket.fails = False
    passes = len(base.artist.passes)
    assert base.draw(request(tmp_path, seed=1)).info.stored == ("s3://b/0.png",)
    assert len(base.artist.passes) == passes


def test_a_model_that_is_erased_while_its_answer_is_stored_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, bucket = large_base(tmp_path, monkeypatch)
    bucket.meanwhile = lambda: base.service.drop_models({"job-1"})
    refused = "likeness/adapter_invalid: the model was erased, or is disabled"
    assert text_of(base.draw(request(tmp_path, seed=1))) == refused
    assert bucket.kept == []


def test_a_bad_request_fails_alone(tmp_path: Path) -> None:
    answers = Base(MemoryArtist(), tmp_path).execute([request(tmp_path, x=1), request(tmp_path)])
    assert [text_of(answer) is None for answer in answers] == [False, True]


def test_out_of_memory_drops_idle_adapters_and_draws_again(tmp_path: Path) -> None:
    base = Base(MemoryArtist(OUT_OF_MEMORY), tmp_path)
    with base.adapters.pin() as find:
        find(make_folder(tmp_path, "2"))
    assert text_of(base.draw(request(tmp_path, "1"))) is None
    assert [user_of(key.folder) for key in base.adapters.resident] == ["1"]


@pytest.mark.parametrize("error", [OUT_OF_MEMORY, ALLOCATOR_FAILED])
def test_out_of_memory_halves_the_pass_and_every_picture_is_drawn(
    tmp_path: Path, error: Exception
) -> None:
    artist = MemoryArtist(error, error)
    requests = [request(tmp_path, str(n), num_inference_steps=1) for n in range(8)]
    answers = Base(artist, tmp_path).execute(requests)
    assert artist.passes == [8, 4, 2, 2, 2, 2]
    assert [text_of(answer) for answer in answers] == [None] * 8


@pytest.mark.parametrize("error", [OUT_OF_MEMORY, ALLOCATOR_FAILED])
def test_only_a_row_that_does_not_fit_alone_makes_triton_answer_507(
    tmp_path: Path, error: Exception
) -> None:
    base = Base(MemoryArtist(error, error), tmp_path)
    failed = text_of(base.draw(request(tmp_path)))
    assert failed == "likeness/memory_pressure: out of memory"
    assert text_of(base.draw(request(tmp_path))) is None


def test_an_unexpected_failure_costs_one_request_its_picture_and_repeats_no_prompt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = RuntimeError("the prompt says OOM")
    base = Base(MemoryArtist(failure, failure), tmp_path)
    answers = base.execute([request(tmp_path, "1"), request(tmp_path, "2")])
    texts = sorted(filter(None, map(text_of, answers)))
    assert texts == ["likeness/generation_failed: the picture could not be drawn"]
    log = capsys.readouterr().err
    assert "OOM" not in log
    assert {line.partition(" job_id=")[2] for line in log.splitlines()} <= {
        "job-1",
        "job-2",
        "job-1,job-2",
    }


class FailingMarker(Marker):
    """Marks that fail."""

    def mark(self, image: Image.Image, origin: Origin, output: Output) -> Marked:
        raise RuntimeError("O" * 2 + "M", image.size, origin, output)


def test_a_picture_that_cannot_be_encoded_fails_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = Base(MemoryArtist(), tmp_path)
    base.service.marker = FailingMarker(None)
    failed = text_of(base.draw(request(tmp_path, seed=1)))
    assert failed == "likeness/generation_failed: the picture could not be encoded"
    log = capsys.readouterr().err
    assert "OOM" not in log
    assert all(line.endswith(" job_id=job-1") for line in log.splitlines())
    base.service.marker = Marker(None)
    assert text_of(base.draw(request(tmp_path, seed=1))) is None


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (BLACK, "picture_degenerate"),
        (np.full((8, 8, 3), 0.5), "picture_degenerate"),
        (np.where(GRADIENT > 0.5, 1.0, 0.0), "picture_degenerate"),
        (NOT_A_NUMBER, "picture_overflow"),
    ],
)
def test_a_picture_that_shows_nothing_is_an_error_and_never_cached(
    tmp_path: Path, picture: Any, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    base = Base(MemoryArtist(pictures=[picture]), tmp_path)
    asked = request(tmp_path, seed=1)
    assert str(base.draw(asked)).startswith(f"likeness/{code}: ")
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["DegeneratePictures"], line["Overflows"]) == (1, code == "picture_overflow")
    assert base.draw(asked).info.cached is False, "drawn anew"
    assert base.draw(asked).info.cached is True


def test_equal_requests_that_meet_are_drawn_once(tmp_path: Path) -> None:
    artist = MemoryArtist()
    base = Base(artist, tmp_path)
    answers = base.execute([request(tmp_path, seed=1) for _ in range(3)])
    assert len(artist.begun) == 1
    assert sorted(answer.info.cached for answer in answers) == [False, True, True]
    assert len({answer.pictures for answer in answers}) == 1
    base.execute([request(tmp_path) for _ in range(2)])
    assert len(artist.begun) == 3, "without a seed each is a picture of its own"


def test_work_beyond_the_operator_s_budget_is_refused(tmp_path: Path) -> None:
    one = 64 * 64 * 10 / 1e6
    base = Base(MemoryArtist(), tmp_path, request_work=one)
    size: dict[str, Any] = {"width": 64, "height": 64}
    assert text_of(base.draw(request(tmp_path, num_inference_steps=10, **size))) is None
    refused: list[dict[str, Any]] = [
        {"num_inference_steps": 11},
        {"num_inference_steps": 6, "num_images_per_prompt": 2},
    ]
    for arguments in refused:
        text = text_of(base.draw(request(tmp_path, **size, **arguments)))
        assert str(text).startswith("likeness/over_budget: ")


def test_one_model_s_waiting_work_is_limited_and_others_are_not_refused(tmp_path: Path) -> None:
    one = 64 * 64 * 10 / 1e6
    base = Base(MemoryArtist(), tmp_path, model_work=2 * one)
    asked: dict[str, Any] = {"num_inference_steps": 10, "width": 64, "height": 64}
    users = ("1", "1", "1", "2")
    answers = base.execute([request(tmp_path, user, **asked) for user in users])
    texts = [text for text in map(text_of, answers) if text]
    assert texts == ["likeness/busy: this model has too much work waiting, try again"]
    assert text_of(answers[3]) is None
    assert text_of(base.draw(request(tmp_path, "1", **asked))) is None, "it was only then"


@pytest.mark.parametrize(
    "limit",
    [
        {"blocked_words": ("famous person",)},
        {"blocked_names": parse_names("Famous Person")},
        {"blocked_names": parse_names(hash_of("Famous Person"))},
    ],
)
def test_a_blocked_word_is_refused_before_any_cache_and_never_repeated(
    tmp_path: Path, limit: dict[str, Any]
) -> None:
    base = Base(MemoryArtist(), tmp_path, **limit)
    refused = "likeness/prompt_refused: a word of the prompt is not allowed on this endpoint"
    for prompt, negative in (
        ("a FAMOUS-person", ""),
        ("a (famous:1.2) person", ""),
        ("a face", "f\u200bamous person"),
    ):
        one = request(tmp_path, "1", seed=1)
        one |= {"prompt": prompt.encode(), "negative_prompt": negative.encode()}
        assert text_of(base.draw(one)) == refused
    assert base.artist.begun == []
    assert text_of(base.draw(request(tmp_path, "1", seed=1))) is None
    named = Base(MemoryArtist(), tmp_path, blocked_words=("sks",))
    assert text_of(named.draw(request(tmp_path, "1", "a photo of TOK"))) == refused


def test_a_text_that_an_operator_lets_through_is_drawn_for_its_tenant_alone(
    tmp_path: Path,
) -> None:
    base = Base(MemoryArtist(), tmp_path, blocked_words=("famous person",))
    for user, owner in (("1", "7" * 64), ("2", "8" * 64)):
        card = PackageCard(tenant_sha256=owner, adapter=True)
        (make_folder(tmp_path, user).parent / "package.json").write_text(card.model_dump_json())
    text = marker_of("7" * 64, hash_of_texts("7" * 64, ["a famous person", "blur"]))
    markers.list_allowed({text}, tmp_path)
    for user, prompt, negative, drawn in (
        ("1", "A famous-PERSON", "blur", True),
        ("2", "a famous person", "blur", False),
        ("1", "a famous person, smiling", "blur", False),
        ("1", "a famous person", "", False),
    ):
        answer = base.draw(request(tmp_path, user, prompt, negative, seed=1))
        assert (text_of(answer) is None) is drawn
    markers.list_allowed(set(), tmp_path)
    assert text_of(base.draw(request(tmp_path, "1", "a famous person", "blur", seed=1)))


class WithholdsAll:
    """A stage that lets no picture pass."""

    def check(self, images: Sequence[Any]) -> list[Verdict]:
        return [Verdict(unsafe=True) for _ in images]


def test_a_picture_that_an_operator_lets_through_is_one_request_of_one_model(
    tmp_path: Path,
) -> None:
    base = Base(MemoryArtist(), tmp_path)
    base.service.checker = WithholdsAll()
    for user, owner in (("1", "7" * 64), ("2", "8" * 64), ("3", "7" * 64)):
        card = PackageCard(tenant_sha256=owner, adapter=True)
        (make_folder(tmp_path, user).parent / "package.json").write_text(card.model_dump_json())
    drawn_from = WithheldPicture.of("1" * 64, PictureArguments(seed=1, width=64, height=64))
    asked: dict[str, Any] = {"seed": 1, "width": 64, "height": 64}
    granted = hash_of_picture("7" * 64, ["a face", "blur"], drawn_from.text)
    markers.list_allowed({marker_of("7" * 64, granted)}, tmp_path)
    for user, prompt, more, drawn in (
        ("1", "a face", {}, True),
        ("1", "a face", {"lora_scale": 1.0, "use_cache": True}, True),
        ("2", "a face", {}, False),
        ("3", "a face", {}, False),
        ("1", "A face", {}, False),
        ("1", "a face", {"seed": 2}, False),
        ("1", "a face", {"num_images_per_prompt": 2}, False),
    ):
        answer = base.draw(request(tmp_path, user, prompt, "blur", **asked | more))
        assert (text_of(answer) is None) is drawn
    both = [request(tmp_path, "1", "a face", "blur", **asked) for _ in range(2)]
    assert [text_of(answer) for answer in base.execute(both)] == [None, None]
    assert base.service.answers.bytes == 0, "a grant that is taken back leaves no answer"
    markers.list_allowed(set(), tmp_path)
    withheld = "likeness/unsafe_picture: the safety checker refused the picture"
    assert {text_of(answer) for answer in base.execute(both)} == {withheld}


def test_a_disabled_model_is_drawn_with_again_once_it_is_allowed(tmp_path: Path) -> None:
    base = Base(MemoryArtist(), tmp_path)
    base.service.drop_models({"job-1"})
    assert text_of(base.draw(request(tmp_path, "1", seed=1))) is not None
    base.service.allow_models({"job-1"})
    assert text_of(base.draw(request(tmp_path, "1", seed=1))) is None
    assert base.service.answers.bytes > 0


def test_beyond_the_limit_of_requests_the_answer_is_busy(tmp_path: Path) -> None:
    base = Base(MemoryArtist(), tmp_path, requests=2)
    answers = base.execute([request(tmp_path, str(n)) for n in range(3)])
    assert [text_of(answer) for answer in answers] == [
        None,
        None,
        "likeness/busy: the base has too many requests, try again",
    ]


def test_answers_are_forgotten_by_bytes(tmp_path: Path) -> None:
    base = Base(MemoryArtist(), tmp_path)
    size = len(base.draw(request(tmp_path, seed=0)).pictures[0])
    base.service.answers.capacity_bytes = 2 * size
    for seed in (1, 2, 1, 3, 1, 2):
        base.draw(request(tmp_path, seed=seed))
    assert base.service.answers.hits == 2  # 1 twice; 2 had to go for 3
    assert base.service.answers.bytes <= 2 * size


@pytest.mark.parametrize(("capacity", "kept"), [(10, "abc"), (2, "ca"), (0, "")])
def test_the_least_recently_used_go_first(tmp_path: Path, capacity: int, kept: str) -> None:
    cache = AdapterCache(read, capacity)
    for user in "abca":
        with cache.pin() as find:
            find(make_folder(tmp_path, user))
    assert {user_of(key.folder) for key in cache.resident} == set(kept)


def test_what_a_request_uses_stays_even_beyond_the_limit(tmp_path: Path) -> None:
    cache = AdapterCache(read, 1)
    with cache.pin() as first:
        first(make_folder(tmp_path, "a"))
        with cache.pin() as second:
            for user in "abc":
                second(make_folder(tmp_path, user))
            assert cache.resident_bytes == 3
        assert {user_of(key.folder) for key in cache.resident} == {"a"}
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
    base = Base(MemoryArtist(), tmp_path)
    folder = make_safety_folder(tmp_path / "safety", threshold)
    base.service.checker = make_checker(SafetySettings(str(folder)), torch.device("cpu"))
    answers = base.execute([request(tmp_path, "1"), request(tmp_path, "2")])
    expected = None
    if unsafe:
        expected = "likeness/unsafe_picture: the safety checker refused the picture"
    assert [text_of(answer) for answer in answers] == [expected, expected]
