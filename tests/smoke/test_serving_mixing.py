"""Adapter mixing, the base alone, and cached answers, on the real tritonserver.

Runs in the serving environment.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import numpy as np
import torch
from diffusers import DiffusionPipeline, DPMSolverMultistepScheduler

from tests.smoke import serving_kit as kit

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

PROMPT = "a photo of sks person"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base; adapters 1 (UNet, rank 4), 2 (with convolutions, text encoders, rank 8) and 3."""
    root = tmp_path_factory.mktemp("models")
    kit.make_base(root / "base", "sdxl")
    kit.make_adapter(root / "adapter1", root / "base", rank=4, seed=1)
    kit.make_adapter(root / "adapter2", root / "base", rank=8, seed=2, text_encoders=True)
    kit.add_convolutions(root / "adapter2", DiffusionPipeline.from_pretrained(root / "base"), 8)
    kit.write_manifest(root / "adapter2", root / "base", 8)
    kit.make_adapter(root / "adapter3", root / "base", rank=4, seed=3)
    return root


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[kit.Server]:
    with kit.serving(str(models / "base"), tmp_path_factory.mktemp("serve")) as running:
        yield running


@pytest.fixture(scope="module")
def users(server: kit.Server, models: Path) -> list[kit.User]:
    """Two models of one tenant, one of another, and the base itself."""
    packed = [kit.pack_user(models, n, models / f"adapter{n}") for n in (1, 2)]
    packed.append(kit.pack_user(models, 3, models / "adapter3", tenant="other"))
    packed.append(kit.pack_user(models, 4, None))
    assert [server.load(user).status for user in packed] == [200] * 4
    return packed


@pytest.fixture(scope="module")
def plain(models: Path) -> Any:
    """Diffusers' own pipeline, with two of the adapters as PEFT loads them."""
    pipeline = DiffusionPipeline.from_pretrained(models / "base")
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    for number in (1, 2):
        pipeline.load_lora_weights(models / f"adapter{number}", adapter_name=f"user{number}")
    return pipeline


def draw_plain(pipeline: Any, **weights: float) -> kit.Picture:
    """Draw the same picture with diffusers' ``set_adapters``."""
    pipeline.enable_lora() if weights else pipeline.disable_lora()
    if weights:
        pipeline.set_adapters(list(weights), list(weights.values()))
    settings = {name: value for name, value in kit.SMALL.items() if name != "seed"}
    generator = torch.Generator().manual_seed(kit.SMALL["seed"])
    picture: kit.Picture = np.array(
        pipeline(PROMPT, generator=generator, **settings).images[0], dtype=np.int16
    )
    return picture


def mixed(user: kit.User, weight: float) -> list[dict[str, Any]]:
    return [{"model": user.target, "weight": weight}]


def difference(one: kit.Picture, other: kit.Picture) -> int:
    return int(np.abs(one - other).max())


# --- several adapters, and none --------------------------------------------------------------


@pytest.mark.parametrize(("own", "other"), [(1.0, 1.0), (0.7, 0.4), (0.0, 1.5)])
def test_two_adapters_add_up_as_peft_s_do(
    server: kit.Server, users: list[kit.User], plain: Any, own: float, other: float
) -> None:
    answer = server.draw(users[0], lora_scale=own, adapters=mixed(users[1], other))
    expected = draw_plain(plain, user1=own, user2=other)
    assert difference(answer.picture, expected) <= 1
    assert [(kind.weight, len(kind.sha256)) for kind in answer.info.mixed] == [(other, 64)]


def test_a_mix_differs_from_each_of_its_adapters(server: kit.Server, users: list[kit.User]) -> None:
    first, second = (server.draw(user).picture for user in users[:2])
    both = server.draw(users[0], adapters=mixed(users[1], 1.0)).picture
    assert min(difference(both, first), difference(both, second)) > 5


def test_another_tenant_s_model_is_never_mixed_in(
    server: kit.Server, users: list[kit.User]
) -> None:
    mine, theirs, bare = users[0], users[2], users[3]
    for asked, named in ((mine, theirs), (theirs, mine), (bare, mine), (mine, bare)):
        answer = server.draw(asked, adapters=mixed(named, 0.5))
        assert (answer.status, answer.error) == (
            400,
            "likeness/other_tenant: only models of one tenant can be mixed",
        )


def test_a_model_that_is_not_loaded_is_an_error(
    server: kit.Server, users: list[kit.User], models: Path, tmp_path: Path
) -> None:
    away = kit.pack_user(tmp_path, 9, models / "adapter1")
    for _ in range(2):
        answer = server.draw(users[0], adapters=mixed(away, 0.5))
        assert answer.error.startswith("likeness/adapter_not_loaded: ")
        assert server.load(away).status == 200
        assert server.draw(users[0], adapters=mixed(away, 0.5)).status == 200
        assert server.unload(away).status == 200


@pytest.mark.parametrize(
    "adapters",
    [
        "OOM",
        [{"model": "OOM"}],
        [{"model": "../../adapter"}],
        [{"model": kit.User(1, Path(), Path()).target}],
        [{"model": kit.User(2, Path(), Path()).target, "weight": 3}],
        [{"model": kit.User(2, Path(), Path()).target, "OOM": 1}],
        [{"model": kit.User(2, Path(), Path()).target}] * 2,
        [{"model": kit.User(2, Path(), Path()).target}] * 4,
    ],
)
def test_a_bad_list_of_adapters_is_refused(
    server: kit.Server, users: list[kit.User], adapters: Any
) -> None:
    answer = server.draw(users[0], adapters=adapters)
    assert answer.status == 400
    assert answer.error.startswith("likeness/invalid_argument: adapters: ")
    assert "OOM" not in answer.error


def test_the_base_itself_is_a_model(server: kit.Server, users: list[kit.User], plain: Any) -> None:
    answer = server.draw(users[3])
    assert difference(answer.picture, draw_plain(plain)) <= 1
    assert answer.info.adapter_sha256 is None


def test_lora_scale_0_is_the_base_and_more_is_further_away(
    server: kit.Server, users: list[kit.User]
) -> None:
    bare = server.draw(users[3]).picture
    sweep = [server.draw(users[0], lora_scale=scale).picture for scale in (0, 0.5, 1.0)]
    away = [float(np.abs(picture - bare).mean()) for picture in sweep]
    assert away[0] == 0
    assert away == sorted(away)
    assert away[1] > 1


def test_a_package_text_that_was_never_released_is_refused(
    server: kit.Server, models: Path, tmp_path: Path
) -> None:
    user = kit.pack_user(tmp_path, 10, models / "adapter1")
    with (user.adapter.parent / "model.py").open("a") as text:
        text.write("# changed\n")
    assert server.load(user).status == 200
    assert server.draw(user).error.startswith("likeness/text_not_released: ")


def test_a_package_of_format_1_still_draws(
    server: kit.Server, users: list[kit.User], models: Path, tmp_path: Path
) -> None:
    """Format 1 has no package.json, so its adapter can be used alone and never mixed."""
    user = kit.pack_user(tmp_path, 11, models / "adapter1")
    user.adapter.with_name("package.json").unlink()
    assert server.load(user).status == 200
    assert difference(server.draw(user).picture, server.draw(users[0]).picture) == 0
    assert server.draw(user, adapters=mixed(users[1], 1)).error.startswith("likeness/other_tenant")


# --- cached answers --------------------------------------------------------------------------


def test_the_same_request_is_answered_from_the_cache(
    server: kit.Server, users: list[kit.User]
) -> None:
    first, second = (server.draw(users[0], seed=77, num_images_per_prompt=2) for _ in range(2))
    assert [first.info.cached, second.info.cached] == [False, True]
    assert second.files == first.files
    assert second.info.seeds == (77, 78)
    assert server.metrics()[-1]["AnswerHits"] == 1


def test_use_cache_false_draws_the_picture_again(server: kit.Server, users: list[kit.User]) -> None:
    first = server.draw(users[0], seed=78)
    again = server.draw(users[0], seed=78, use_cache=False)
    assert not again.info.cached
    assert again.files == first.files


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 80},
        {"lora_scale": 0.9},
        {"guidance_scale": 3.0},
        {"num_inference_steps": 3},
        {"height": 72},
        {"scheduler": "DDIMScheduler"},
        {"output_format": "webp"},
        {"prompt": "another"},
    ],
)
def test_another_request_is_another_picture(
    server: kit.Server, users: list[kit.User], change: dict[str, Any]
) -> None:
    server.draw(users[0], seed=79)
    assert not server.draw(users[0], **{"seed": 79, **change}).info.cached


def test_no_user_is_answered_with_another_s_pictures(
    server: kit.Server, users: list[kit.User]
) -> None:
    """At lora_scale 0 not even the base's pictures are reused, although they are equal."""
    answers = [server.draw(user, seed=81, lora_scale=0).info.cached for user in users]
    assert answers == [False] * 4


def test_without_a_seed_every_picture_is_new(server: kit.Server, users: list[kit.User]) -> None:
    body = kit.payload(prompt="a photo of a person", gen_args={"num_inference_steps": 2})
    answers = [server.invoke(users[0], body) for _ in range(2)]
    assert not any(answer.info.cached for answer in answers)
    assert answers[0].files != answers[1].files


def test_new_weights_are_not_answered_with_old_pictures(
    server: kit.Server, models: Path, tmp_path: Path
) -> None:
    user = kit.pack_user(tmp_path, 12, models / "adapter1")
    assert server.load(user).status == 200
    before = server.draw(user).picture
    assert server.unload(user).status == 200
    shutil.rmtree(user.adapter)
    shutil.copytree(models / "adapter3", user.adapter)
    assert server.load(user).status == 200
    after = server.draw(user)
    assert not after.info.cached
    assert difference(after.picture, before) > 5
