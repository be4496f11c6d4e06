"""The client against an endpoint with a memory: what it sends, tries again and says."""

import asyncio
import base64
import io
import json
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.documents.package import GenerationInfo
from contracts.documents.picture import PictureArguments, StoredPictures
from likeness_client import GenerationError, Likeness, NotStoredError
from likeness_client.__main__ import main
from likeness_client.client import check_arguments
from likeness_client.command_line import make_parser

MODEL = f"{0:032x}-{0:012x}.tar.gz"


def error(code: str, status: int = 0, text: str = "") -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": text}}
    if code == "ModelError":
        response |= {"OriginalStatusCode": status, "OriginalMessage": text}
    return ClientError(response, "InvokeEndpoint")


def refused(code: str, status: int = 400) -> ClientError:
    return error("ModelError", status, json.dumps({"error": f"likeness/{code}: our words"}))


class MemoryEndpointInvoker:
    """Fails as it is told to, then answers with one picture for each wished one."""

    def __init__(self, *failures: ClientError) -> None:
        self.failures = list(failures)
        self.calls: list[dict[str, Any]] = []
        self.objects: dict[str, bytes] = {}
        self.bucket_is_there = True
        self.link: str | None = None
        """Where a picture is stored that is too large for an answer."""

    def client(self, _service: str, **_more: Any) -> "MemoryEndpointInvoker":
        return self

    def put_object(self, **put: Any) -> None:
        if not self.bucket_is_there:
            raise error("NoSuchBucket")
        self.objects[f"{put['Bucket']}/{put['Key']}"] = put["Body"]

    def invoke_endpoint(self, **call: Any) -> dict[str, Any]:
        self.calls.append(call)
        if self.failures:
            raise self.failures.pop(0)
        arguments = PictureArguments.model_validate_json(self.sent()["gen_args"])
        seeds = tuple(range(arguments.num_images_per_prompt))
        info = GenerationInfo(
            base_sha256="0" * 64,
            adapter_sha256=None,
            seeds=seeds,
            num_inference_steps=1,
            guidance_scale=1,
            lora_scale=1,
            scheduler="DDIMScheduler",
            width=64,
            height=64,
            seconds=0,
            stored=() if self.link is None else ("s3://uploads/answers/000.png",),
        )
        images = [self.link or base64.b64encode(b"picture").decode() for _ in seeds]
        outputs = [
            {"name": "generated_image", "data": images},
            {"name": "info", "data": [info.model_dump_json()]},
        ]
        return {"Body": io.BytesIO(json.dumps({"outputs": outputs}).encode())}

    def sent(self) -> dict[str, str]:
        inputs = json.loads(self.calls[-1]["Body"])["inputs"]
        assert all(tensor["shape"] == [1, 1] for tensor in inputs)
        return {tensor["name"]: tensor["data"][0] for tensor in inputs}


def likeness(endpoint: MemoryEndpointInvoker, patience_seconds: float = 100) -> Likeness:
    return Likeness("e", endpoint, patience_seconds, sleep=lambda _seconds: None)


def test_only_what_is_said_is_sent() -> None:
    endpoint = MemoryEndpointInvoker()
    answer = likeness(endpoint).generate(MODEL, "a photo", seed=0)
    assert endpoint.sent() == {"prompt": "a photo", "gen_args": '{"seed":0}'}
    assert endpoint.calls[0]["TargetModel"] == MODEL
    assert answer.pictures[0].data == b"picture"


def test_an_image_goes_along() -> None:
    endpoint = MemoryEndpointInvoker()
    likeness(endpoint).generate(MODEL, "a photo", image=b"a file", strength=0.5, seed=1)
    sent = endpoint.sent()
    assert base64.b64decode(sent["image"]) == b"a file"
    assert sent["gen_args"] == '{"seed":1,"strength":0.5}'


def test_an_image_in_s3_is_named_and_not_sent() -> None:
    endpoint = MemoryEndpointInvoker()
    mine = "s3://uploads/tenants/acme/pictures/me.png"
    likeness(endpoint).generate(MODEL, "a photo", image=mine, mask_image=mine, seed=1)
    assert endpoint.sent()["image"] == mine
    assert json.loads(endpoint.sent()["gen_args"])["mask_image"] == mine


def test_a_request_that_sagemaker_would_refuse_is_not_sent() -> None:
    endpoint = MemoryEndpointInvoker()
    with pytest.raises(GenerationError, match="s3://") as caught:
        likeness(endpoint).generate(MODEL, "a photo", image=bytes(4_800_000))
    assert (caught.value.code, endpoint.calls) == ("invalid_argument", [])


class LinkedPicture(BaseHTTPRequestHandler):
    """A bucket with one picture, behind a link that answers 503 at first; each test has its own."""

    refusals = 1

    def do_GET(self) -> None:
        assert "Authorization" not in self.headers
        refused = type(self).refusals > 0
        type(self).refusals -= refused
        self.send_response(503 if refused else 200)
        self.end_headers()
        self.wfile.write(b"" if refused else b"a large picture")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_link_is_followed_and_asked_for_again_when_it_does_not_answer() -> None:
    endpoint = MemoryEndpointInvoker()
    own = type("OwnPicture", (LinkedPicture,), {})
    with HTTPServer(("127.0.0.1", 0), own) as bucket:
        Thread(target=bucket.serve_forever, daemon=True).start()
        endpoint.link = f"http://127.0.0.1:{bucket.server_port}/answers/000.png?signed"
        answer = likeness(endpoint).generate(MODEL, "a photo")
        bucket.shutdown()
    assert answer.pictures[0].data == b"a large picture"
    first, second = (call["Body"] for call in endpoint.calls)
    assert first == second


@pytest.mark.parametrize("link", ["http://example.com/000.png", "file:///etc/hostname", "000.png"])
def test_only_links_of_s3_are_followed(link: str) -> None:
    endpoint = MemoryEndpointInvoker()
    endpoint.link = link
    with pytest.raises(GenerationError, match="unreadable_answer"):
        likeness(endpoint).generate(MODEL, "a photo")


def test_a_request_that_is_sent_again_asks_for_the_same_picture() -> None:
    endpoint = MemoryEndpointInvoker(error("ModelError", 0, "timed out"), refused("not_in_time"))
    likeness(endpoint).generate(MODEL, "a photo")
    first, second, third = (call["Body"] for call in endpoint.calls)
    assert first == second == third
    assert '"seed":' in endpoint.sent()["gen_args"]
    likeness(endpoint).generate(MODEL, "a photo")
    assert endpoint.calls[-1]["Body"] != first, "another request is another picture"


@pytest.mark.parametrize(
    "passing",
    [
        error("ModelNotReadyException"),
        error("ThrottlingException"),
        error("ModelError", 507, "no room"),
        error("ModelError", 0, "timed out"),
        error("ModelError", 400, '{"error":"[request id: <id>] Exceeds maximum queue size"}'),
        error("ModelError", 404, "Request for unknown model: 'm' has no available versions"),
        refused("busy"),
        refused("base_unavailable"),
        refused("model_unloaded", 404),
        refused("memory_pressure", 507),
    ],
)
def test_what_passes_is_tried_again(passing: ClientError) -> None:
    endpoint = MemoryEndpointInvoker(passing, passing)
    assert likeness(endpoint).generate(MODEL, "a photo").pictures
    assert len(endpoint.calls) == 3


@pytest.mark.parametrize(
    ("final", "code"),
    [
        (refused("invalid_argument"), "invalid_argument"),
        (refused("adapter_invalid"), "adapter_invalid"),
        (error("ModelError", 400, "who knows"), "refused"),
        (error("ValidationError", 0, "Endpoint e not found"), "refused"),
    ],
)
def test_what_does_not_pass_is_said_at_once(final: ClientError, code: str) -> None:
    endpoint = MemoryEndpointInvoker(final)
    with pytest.raises(GenerationError) as caught:
        likeness(endpoint).generate(MODEL, "a photo")
    assert caught.value.code == code
    assert len(endpoint.calls) == 1


def test_patience_ends() -> None:
    endpoint = MemoryEndpointInvoker(*[refused("busy")] * 50)
    with pytest.raises(GenerationError, match=r"^busy: our words$"):
        likeness(endpoint, patience_seconds=0.5).generate(MODEL, "a photo")


def test_a_typo_never_reaches_the_endpoint() -> None:
    endpoint = MemoryEndpointInvoker()
    with pytest.raises(GenerationError, match="guidance_scal"):
        likeness(endpoint).generate(MODEL, "a photo", guidance_scal=3)
    assert not endpoint.calls


def test_the_asynchronous_form_draws_at_the_same_time() -> None:
    endpoint = MemoryEndpointInvoker()

    async def draw() -> list[bytes]:
        client = likeness(endpoint)
        answers = await asyncio.gather(*(client.generate_async(MODEL, "a") for _ in range(3)))
        return [answer.pictures[0].data for answer in answers]

    assert asyncio.run(draw()) == [b"picture"] * 3


OTHER = f"{1:032x}-{0:012x}.tar.gz"


def test_a_model_to_mix_in_is_loaded_first() -> None:
    endpoint = MemoryEndpointInvoker(refused("adapter_not_loaded"), error("ModelNotReadyException"))
    likeness(endpoint).generate(MODEL, "a photo", adapters=[{"model": OTHER, "weight": 0.5}])
    assert [call["TargetModel"] for call in endpoint.calls] == [MODEL, OTHER, OTHER, MODEL]


def test_request_and_pictures_are_kept_under_the_tenant() -> None:
    endpoint = MemoryEndpointInvoker()
    answer = likeness(endpoint).generate(
        MODEL, "a photo", store="s3://bucket/tenants/acme", seed=3, num_images_per_prompt=2
    )
    folder = str(answer.stored_at).removeprefix("s3://")
    assert folder.startswith("bucket/tenants/acme/pictures/")
    written = [key.removeprefix(folder) for key in endpoint.objects]
    assert written == ["000.png", "001.png", "pictures.json"]
    kept = StoredPictures.model_validate_json(endpoint.objects[folder + "pictures.json"])
    assert (kept.prompt, kept.arguments.seed, kept.info.seeds) == ("a photo", 3, (0, 1))
    assert kept.files["000.png"] == sha256(b"picture").hexdigest()


def test_pictures_that_cannot_be_kept_are_not_lost() -> None:
    endpoint = MemoryEndpointInvoker()
    endpoint.bucket_is_there = False
    with pytest.raises(NotStoredError, match=r"^not_stored: ") as caught:
        likeness(endpoint).generate(MODEL, "a photo", store="s3://bucket/tenants/acme")
    assert caught.value.answer.pictures[0].data == b"picture"


@pytest.mark.parametrize("store", ["bucket", "s3://bucket", "s3://bucket/tenants/a/b", "file:///"])
def test_a_store_is_a_tenant_s_place(store: str) -> None:
    endpoint = MemoryEndpointInvoker()
    with pytest.raises(GenerationError, match="store: "):
        likeness(endpoint).generate(MODEL, "a photo", store=store)
    assert not endpoint.calls


def test_the_command_line_knows_every_argument() -> None:
    options = vars(make_parser().parse_args(["generate", MODEL, "a photo"]))
    assert PictureArguments.model_fields.keys() <= options.keys()


def test_the_command_line_saves_every_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = MemoryEndpointInvoker()
    monkeypatch.setattr("likeness_client.client.boto3", endpoint)
    words = ["generate", MODEL, "a photo", "--endpoint", "e", "--out", str(tmp_path / "me.png")]
    assert main([*words, "--num-images-per-prompt", "2"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["me-2.png", "me.png"]
    assert "me-2.png seed=1" in capsys.readouterr().out


@pytest.mark.parametrize(("bucket_is_there", "status"), [(True, 0), (False, 1)])
def test_the_command_line_mixes_and_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket_is_there: bool, status: int
) -> None:
    endpoint = MemoryEndpointInvoker()
    endpoint.bucket_is_there = bucket_is_there
    monkeypatch.setattr("likeness_client.client.boto3", endpoint)
    words = ["generate", MODEL, "a photo", "--endpoint", "e", "--out", str(tmp_path / "me.png")]
    more = [
        "--seed",
        "7",
        "--adapter",
        f"{OTHER}=0.5",
        "--no-cache",
        "--store",
        "s3://bucket/tenants/acme",
    ]
    assert main([*words, *more]) == status
    assert (tmp_path / "me.png").exists()
    assert json.loads(endpoint.sent()["gen_args"]) == {
        "adapters": [{"model": OTHER, "weight": 0.5}],
        "seed": 7,
        "use_cache": False,
    }


def test_the_command_line_starts_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = MemoryEndpointInvoker()
    monkeypatch.setattr("likeness_client.client.boto3", endpoint)
    words = ["generate", MODEL, "a photo", "--endpoint", "e", "--out", str(tmp_path / "me.png")]
    more = ["--image", str(tmp_path / "start.png"), "--strength", "0.4", "--seed", "7"]
    assert main([*words, *more]) == 2
    assert "start.png" in capsys.readouterr().err
    (tmp_path / "start.png").write_bytes(b"a file")
    assert main([*words, *more]) == 0
    assert base64.b64decode(endpoint.sent()["image"]) == b"a file"
    assert json.loads(endpoint.sent()["gen_args"]) == {"seed": 7, "strength": 0.4}
    masked = ["--mask", str(tmp_path / "start.png"), "--no-prompt-weights", "--clip-skip", "1"]
    assert main([*words, *more, *masked]) == 0
    sent = json.loads(endpoint.sent()["gen_args"])
    assert base64.b64decode(sent["mask_image"]) == b"a file"
    assert (sent["prompt_weights"], sent["clip_skip"]) == (False, 1)


def test_the_command_line_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", MODEL, "a photo", "--endpoint", ""]) == 2
    assert "LIKENESS_ENDPOINT" in capsys.readouterr().err


def test_another_tool_s_names_are_sent_as_ours() -> None:
    checked = check_arguments(
        {"steps": 3, "sampler_name": "euler_ancestral", "seed": -1, "prompt_strength": 0.8},
        has_image=False,
    )
    assert checked.model_dump(exclude_unset=True) == {
        "num_inference_steps": 3,
        "scheduler": "Euler a",
    }


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"steps": 3, "num_inference_steps": 3}, "steps and num_inference_steps are the same"),
        ({"sampler": "Magic"}, "scheduler: unknown; known are DDIM"),
    ],
)
def test_a_contradiction_and_an_unknown_sampler_are_found_before_the_endpoint_is_asked(
    arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(GenerationError, match=text):
        check_arguments(arguments, has_image=False)


def test_the_command_line_takes_a_sampler_by_any_of_its_names() -> None:
    words = ["generate", "m", "p", "--scheduler", "dpmpp_2m_karras"]
    assert make_parser().parse_args(words).scheduler == "DPM++ 2M Karras"
    with pytest.raises(SystemExit):
        make_parser().parse_args([*words[:-1], "Magic"])
