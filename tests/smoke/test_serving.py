"""The real tritonserver under SageMaker's contract, a small base, users with adapters of their own.

Runs in the serving environment.
"""

import base64
import io
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import diffusers
import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

from contracts.base import BaseCard
from serving.markers import list_erased
from tests.smoke import serving_kit as kit

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

ONE_STEP_OF_255 = 1


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    kit.make_base(folder, "sdxl", refiner=True)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """Adapters 1 (UNet, rank 4) and 2 (UNet and text encoders, rank 8)."""
    root = tmp_path_factory.mktemp("models")
    kit.make_adapter(root / "adapter1", base, rank=4, seed=1)
    kit.make_adapter(root / "adapter2", base, rank=8, seed=2, text_encoders=True)
    return root


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Iterator[kit.Server]:
    """A server without an answer cache, so that every picture is drawn."""
    work = tmp_path_factory.mktemp("serve")
    settings = {"LIKENESS_ANSWER_MEGABYTES": "0", "LIKENESS_SERVICE": "a-stack"}
    with kit.serving(str(base), work, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def users(server: kit.Server, models: Path) -> list[kit.User]:
    """Two loaded models."""
    packed = [kit.pack_user(models, number, models / f"adapter{number}") for number in (1, 2)]
    assert [server.load(user).status for user in packed] == [200, 200]
    return packed


def difference(one: kit.Picture, other: kit.Picture) -> int:
    return int(np.abs(one - other).max())


def draw_with_diffusers(base: Path, adapter: Path | None, **arguments: Any) -> kit.Picture:
    """Draw the same picture with plain diffusers and PEFT."""
    pipeline = DiffusionPipeline.from_pretrained(base)
    card = BaseCard.model_validate_json((base / "base.json").read_bytes())
    scheduler = getattr(diffusers, card.inference.scheduler)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    if adapter:
        pipeline.load_lora_weights(adapter)
    settings = {**kit.SMALL, **arguments}
    generator = torch.Generator().manual_seed(settings.pop("seed"))
    answer = pipeline("a photo of sks person", generator=generator, **settings)
    picture: kit.Picture = np.array(answer.images[0], dtype=np.int16)
    return picture


@pytest.mark.parametrize("index", [0, 1])
def test_a_picture_is_the_one_that_plain_diffusers_makes(
    server: kit.Server, users: list[kit.User], base: Path, index: int
) -> None:
    expected = draw_with_diffusers(base, users[index].adapter)
    assert difference(server.draw(users[index]).picture, expected) <= ONE_STEP_OF_255


def test_users_differ_from_the_base_and_from_each_other(
    server: kit.Server, users: list[kit.User], base: Path
) -> None:
    first, second = (server.draw(user).picture for user in users)
    bare = server.draw(users[0], lora_scale=0).picture
    assert difference(bare, draw_with_diffusers(base, None)) <= ONE_STEP_OF_255
    assert min(difference(first, second), difference(first, bare), difference(second, bare)) > 5


def test_the_same_seed_gives_the_same_picture_after_other_users(
    server: kit.Server, users: list[kit.User]
) -> None:
    before = server.draw(users[0]).files
    server.draw(users[1])
    assert server.draw(users[0]).files == before


def test_the_answer_names_the_weights_that_made_it(
    server: kit.Server, users: list[kit.User]
) -> None:
    manifest = json.loads((users[0].adapter / "manifest.json").read_text())
    info = server.draw(users[0], num_images_per_prompt=2).info
    assert info.adapter_sha256 == manifest["weights_sha256"]
    assert info.base_sha256 == manifest["base_sha256"]
    assert info.seeds == (5, 6)
    assert server.draw(users[0], lora_scale=0).info.adapter_sha256 is None


def test_each_picture_of_several_can_be_drawn_again_alone(
    server: kit.Server, users: list[kit.User]
) -> None:
    both = server.draw(users[0], num_images_per_prompt=2).pictures
    alone = server.draw(users[0], seed=6).picture
    assert difference(both[1], alone) <= ONE_STEP_OF_255


def test_mixed_batches_equal_single_pictures(server: kit.Server, users: list[kit.User]) -> None:
    requests: list[dict[str, Any]] = [
        {"seed": 1},
        {"seed": 2, "lora_scale": 0.5},
        {"seed": 3, "guidance_scale": 2.5},
        {"seed": 4, "lora_scale": 0},
    ]
    jobs = [(user, arguments) for arguments in requests for user in users]
    alone = [server.draw(user, **arguments).picture for user, arguments in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda job: server.draw(job[0], **job[1]).picture, jobs))
    differences = [difference(a, b) for a, b in zip(alone, together, strict=True)]
    assert max(differences) <= ONE_STEP_OF_255


@pytest.mark.parametrize("content_type", [kit.JSON, "application/octet-stream"])
def test_seed_0_s_own_request_works(
    server: kit.Server, users: list[kit.User], content_type: str
) -> None:
    """The blog's payload: shape [1, 1], gen_args without a size, <<TOK>> for the subject."""
    gen_args = json.dumps({"num_inference_steps": 50, "guidance_scale": 7, "seed": 123456789})
    inputs = {"prompt": "<<TOK>> epic portrait", "negative_prompt": "beard", "gen_args": gen_args}
    payload = {
        "inputs": [
            {"name": name, "shape": [1, 1], "datatype": "BYTES", "data": [data]}
            for name, data in inputs.items()
        ]
    }
    answer = server.invoke(users[0], json.dumps(payload).encode(), content_type)
    output = json.loads(answer.body)["outputs"]
    assert output[0]["name"] == "generated_image"
    assert Image.open(io.BytesIO(base64.b64decode(output[0]["data"][0]))).size


def test_the_placeholder_is_the_trigger_word(server: kit.Server, users: list[kit.User]) -> None:
    named, meant = (server.draw(users[0], f"a photo of {w}").picture for w in ("sks", "<<TOK>>"))
    assert difference(named, meant) == 0


def test_only_the_prompt_is_required(server: kit.Server, users: list[kit.User]) -> None:
    answer = server.invoke(users[0], kit.payload(prompt="a photo of a person"))
    assert answer.picture.shape == (64, 64, 3)
    assert answer.info.scheduler == "DPMSolverMultistepScheduler"


def test_tritonclient_s_binary_form_works(server: kit.Server, users: list[kit.User]) -> None:
    text = np.array([[b"a photo of sks person"]], dtype=object)
    arguments = np.array([[json.dumps(kit.SMALL).encode()]], dtype=object)
    body, size = binary_request(prompt=text, gen_args=arguments)
    kind = f"application/vnd.sagemaker-triton.binary+json;json-header-size={size}"
    answer = server.invoke(users[0], body, kind)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/vnd.sagemaker-triton.binary+json")
    assert b"generated_image" in answer.body


def binary_request(**tensors: kit.Picture) -> tuple[bytes, int]:
    """Return a request in KServe's binary form, as tritonclient writes it."""
    values = {name: tensor.reshape(-1)[0] for name, tensor in tensors.items()}
    data = {name: len(v).to_bytes(4, "little") + v for name, v in values.items()}
    header = json.dumps(
        {
            "inputs": [
                {
                    "name": name,
                    "shape": [1, 1],
                    "datatype": "BYTES",
                    "parameters": {"binary_data_size": len(block)},
                }
                for name, block in data.items()
            ],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    return header + b"".join(data.values()), len(header)


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_every_format_records_that_a_model_made_it(
    server: kit.Server, users: list[kit.User], output_format: str
) -> None:
    answer = server.draw(users[0], output_format=output_format)
    image = Image.open(io.BytesIO(answer.files[0]))
    assert image.format == output_format.upper()
    assert b"trainedAlgorithmicMedia" in answer.files[0]
    assert b"seed 5" in answer.files[0]


def test_the_end_of_a_long_prompt_has_its_effect(server: kit.Server, users: list[kit.User]) -> None:
    start = "a photo on the beach, " * 5
    texts = [start + end for end in ("<<TOK>>", "sks", "cat", "<<TOK>> in a hat")]
    named, written, cat, hat = (server.draw(users[0], text).picture for text in texts)
    assert difference(named, written) == 0
    assert min(difference(named, cat), difference(named, hat)) > 0


def test_a_request_in_a1111_s_words_is_drawn(server: kit.Server, users: list[kit.User]) -> None:
    ours = server.draw(users[0], scheduler="DPM++ 2M Karras").picture
    asked: dict[str, Any] = {
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "steps": 2,
        "cfg_scale": 4.0,
        "width": 64,
        "height": 64,
        "seed": 5,
    }
    answer = server.invoke(users[0], kit.payload(prompt="a photo of sks person", gen_args=asked))
    assert difference(answer.picture, ours) == 0
    assert answer.info.scheduler_options["use_karras_sigmas"] is True


BAD_ARGUMENTS = [
    ("not json OOM", "gen_args: not a JSON object"),
    ({"guidance_scale": 31}, "guidance_scale:"),
    ({"guidance_scale": "No space left on device"}, "guidance_scale:"),
    ({"out of memory": 1}, "unknown name"),
    ({"height": 65}, "height:"),
    ({"scheduler": "OOMScheduler"}, "scheduler:"),
    ({"num_inference_steps": 0}, "num_inference_steps:"),
    ([1], "gen_args: not a JSON object"),
]


def test_the_refiner_draws_the_last_steps_when_a1111_s_words_ask_for_it(
    server: kit.Server, users: list[kit.User]
) -> None:
    plain = server.draw(users[0], num_inference_steps=5)
    words: dict[str, Any] = {"refiner_checkpoint": "sd_xl_refiner_1.0", "refiner_switch_at": 0.6}
    refined = server.draw(users[0], num_inference_steps=5, **words)
    assert difference(plain.picture, refined.picture) > ONE_STEP_OF_255
    assert plain.info.refiner is None
    assert refined.info.refiner is not None
    assert refined.info.refiner.switch_at == 0.6
    off = server.draw(users[0], num_inference_steps=5, refiner_checkpoint="None")
    assert difference(plain.picture, off.picture) <= ONE_STEP_OF_255


@pytest.mark.parametrize(("arguments", "words"), BAD_ARGUMENTS)
def test_bad_arguments_are_a_400_that_repeats_no_user_text(
    server: kit.Server, users: list[kit.User], arguments: object, words: str
) -> None:
    answer = server.invoke(users[0], kit.payload(prompt="OOM MemoryError", gen_args=arguments))
    assert answer.status == 400
    assert answer.error.startswith("likeness/invalid_argument: ")
    assert words in answer.error
    assert not any(w in answer.error for w in ("OOM", "memory", "space"))


def test_a_prompt_about_memory_is_only_a_prompt(server: kit.Server, users: list[kit.User]) -> None:
    assert server.draw(users[0], "OOM out of memory, No space left on device").status == 200
    long = server.draw(users[0], "MemoryError " * 200)
    assert (long.status, long.error) == (
        400,
        "likeness/invalid_argument: prompt: 1 to 2000 characters",
    )


def test_no_prompt_reaches_the_log(server: kit.Server, users: list[kit.User]) -> None:
    assert server.draw(users[0], "Rumpelstilzchen " * 30).status == 200
    assert server.draw(users[0], "Rumpelstilzchen " * 100).error == (
        "likeness/invalid_argument: prompt, negative_prompt: at most 8 of CLIP's chunks, of 75"
        " tokens each; BREAK begins one"
    )
    assert "umpelstilz" not in server.log.read_text(errors="replace")


def test_every_request_is_a_line_of_metrics(server: kit.Server, users: list[kit.User]) -> None:
    before = server.metrics()
    server.draw(users[0], num_images_per_prompt=2)
    new = server.metrics()[len(before) :]
    assert [(line["Requests"], line["Pictures"], line["AdapterHits"]) for line in new] == [
        (1, 2, 1)
    ]
    assert 0 < new[0]["ActivationMilliseconds"] < 1000 * new[0]["RequestSeconds"]
    assert new[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert new[0]["service"] == "a-stack"
    named = {metric["Name"] for metric in new[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert named <= new[0].keys()


def truncate(adapter: Path) -> None:
    weights = adapter / "pytorch_lora_weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])


def garble(adapter: Path) -> None:
    (adapter / "pytorch_lora_weights.safetensors").write_bytes(b"OOM" * 100)


def forget_manifest(adapter: Path) -> None:
    (adapter / "manifest.json").unlink()


def forget_weights(adapter: Path) -> None:
    (adapter / "pytorch_lora_weights.safetensors").unlink()


def change_weights(adapter: Path) -> None:
    weights = adapter / "pytorch_lora_weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")


@pytest.mark.parametrize(
    "harm", [truncate, garble, forget_manifest, forget_weights, change_weights]
)
def test_a_damaged_adapter_is_refused_at_load(
    server: kit.Server, models: Path, tmp_path: Path, harm: Any
) -> None:
    user = kit.pack_user(tmp_path, 90, models / "adapter1")
    harm(user.adapter)
    answer = server.load(user)
    assert answer.status == 400
    assert "likeness/adapter_invalid" in answer.error


def edit(adapter: Path, base: Path, name: str, change: Any) -> None:
    """Change the first tensor whose name contains ``name``, and write a manifest that fits."""
    weights = adapter / "pytorch_lora_weights.safetensors"
    tensors = load_file(weights)
    key = next(key for key in sorted(tensors) if name in key)
    for new_key, tensor in change(key, tensors.pop(key)).items():
        tensors[new_key] = tensor
    save_file(tensors, weights, metadata={"format": "pt"})
    kit.write_manifest(adapter, base, rank=4)


UNFIT = {
    "a layer of another base": lambda key, t: {key.replace("to_q", "to_x"): t},
    "another shape": lambda key, t: {key: t[:, :-1].contiguous()},
    "not finite": lambda key, t: {key: t * float("nan")},
    "half a pair": lambda _key, _t: {},
    "not a LoRA": lambda _key, t: {"unet.conv_in.weight": t},
}


@pytest.mark.parametrize("kind", UNFIT)
def test_an_adapter_that_does_not_fit_is_refused_by_the_base(
    server: kit.Server, models: Path, base: Path, tmp_path: Path, kind: str
) -> None:
    user = kit.pack_user(tmp_path, 100 + list(UNFIT).index(kind), models / "adapter1")
    edit(user.adapter, base, "to_q.lora_A", UNFIT[kind])
    assert server.load(user).status == 200
    answer = server.draw(user)
    assert answer.status == 400
    assert answer.error.startswith("likeness/adapter_invalid: ")


def test_a_rank_that_is_not_the_manifest_s_is_refused(
    server: kit.Server, models: Path, base: Path, tmp_path: Path
) -> None:
    user = kit.pack_user(tmp_path, 94, models / "adapter2")
    kit.write_manifest(user.adapter, base, rank=8, text_encoder_rank=4)
    assert server.load(user).status == 200
    assert server.draw(user).error.startswith(
        "likeness/adapter_invalid: a tensor's shape does not fit"
    )


def test_a_user_s_model_takes_at_most_20_megabytes(
    server: kit.Server, models: Path, tmp_path: Path
) -> None:
    """Private memory only, as programs and libraries are shared; the first picture adds 3 MB."""
    known = set(server.stubs().values())
    server.load(kit.pack_user(tmp_path, 95, models / "adapter1"))
    (pid,) = set(server.stubs().values()) - known
    lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:"))
    assert own / 1024 <= 20


def test_an_adapter_of_another_base_is_refused(
    server: kit.Server, models: Path, base: Path, tmp_path: Path
) -> None:
    user = kit.pack_user(tmp_path, 91, models / "adapter1")
    kit.write_manifest(user.adapter, base, rank=4, base_sha256="f" * 64)
    server.load(user)
    assert server.draw(user).error.startswith("likeness/wrong_base: ")


def test_true_memory_pressure_is_a_507_so_that_sagemaker_makes_room(
    server: kit.Server, models: Path, tmp_path: Path
) -> None:
    """Answer with the base's error text; test_serving_base.py tests when the base sends it."""
    user = kit.pack_user(tmp_path, 93, models / "adapter1")
    text = user.adapter.parent / "model.py"
    out_of_memory = 'text = "likeness/memory_pressure: out of memory"'
    forwarded = "text = safe_text(reply.error().message())"
    failing = text.read_text().replace(forwarded, out_of_memory)
    text.write_text(failing)
    assert server.load(user).status == 200
    assert server.invoke(user, kit.payload(prompt="")).status == 507


def test_the_base_cannot_be_reached_from_outside(server: kit.Server) -> None:
    body = kit.payload(prompt="a", gen_args={}, negative_prompt="", adapter="/")
    assert server.call("POST", "/models/likeness_base/invoke", body).status == 404
    assert server.call("DELETE", "/models/likeness_base").status == 404


def test_the_multi_model_contract(server: kit.Server, models: Path, tmp_path: Path) -> None:
    user = kit.pack_user(tmp_path, 92, models / "adapter1")
    assert server.draw(user).status == 404
    assert server.load(user).status == 200
    assert server.load(user).status == 409
    drawn = server.draw(user).files
    assert server.unload(user).status == 200
    assert server.draw(user).status == 404
    assert server.load(user).status == 200
    assert server.draw(user).files == drawn


def test_an_erased_model_is_refused_by_the_engine_that_runs_and_by_the_next_one(
    server: kit.Server, users: list[kit.User], models: Path, tmp_path: Path
) -> None:
    """Its files are still there, as they are until the next look at the markers in S3."""
    job_id = "e" * 32
    user = kit.pack_user(tmp_path, 89, models / "adapter1")
    manifest = json.loads((user.adapter / "manifest.json").read_bytes())
    (user.adapter / "manifest.json").write_text(json.dumps(manifest | {"job_id": job_id}))
    assert server.load(user).status == 200
    assert server.draw(user).status == 200
    variables = Path(f"/proc/{server.base_pid()}/environ").read_bytes().split(b"\0")
    (run_dir,) = [v.partition(b"=")[2] for v in variables if v.startswith(b"LIKENESS_RUN_DIR=")]
    list_erased({job_id}, Path(run_dir.decode()))
    end = time.monotonic() + kit.PATIENCE_SECONDS
    while server.draw(user).status == 200:
        assert time.monotonic() < end
    assert (
        server.draw(user).error == "likeness/adapter_invalid: the model was erased, or is disabled"
    )
    os.kill(server.base_pid(), signal.SIGKILL)
    assert server.draw(users[0]).status == 200
    assert (
        server.draw(user).error == "likeness/adapter_invalid: the model was erased, or is disabled"
    )


def test_a_dead_base_comes_back(server: kit.Server, users: list[kit.User]) -> None:
    before = [server.draw(user).picture for user in users]
    os.kill(server.base_pid(), signal.SIGKILL)
    time.sleep(0.3)  # Triton may notice by now; it does not matter whether it has
    with ThreadPoolExecutor(2) as pool:
        after = list(pool.map(lambda user: server.draw(user).picture, users))
    pairs = zip(before, after, strict=True)
    assert max(difference(old, new) for old, new in pairs) <= ONE_STEP_OF_255
    assert server.call("GET", "/ping").status == 200
