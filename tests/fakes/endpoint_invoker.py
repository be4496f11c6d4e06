"""domain.serving.warm_up.Endpoint in memory."""

import base64
import io
import json

from PIL import Image

from contracts.documents.package import GenerationInfo
from contracts.errors import ModelNotReadyError, WarmUpFailedError

COLOURFUL = Image.linear_gradient("L").resize((64, 64)).convert("RGB")


class MemoryEndpointInvoker:
    """Serves what was deployed; the first ``loads`` calls are refused, as when a model loads."""

    name = "endpoint"

    def __init__(self, loads: int = 0) -> None:
        self.models: dict[str, str] = {}
        """The sha256 of each model's weights."""
        self.picture = COLOURFUL
        self.size = COLOURFUL.size
        self.stored: str | None = None
        """Address in S3 of the picture, where it is too large for an answer."""
        self.babble: bytes | None = None
        """What it answers instead of a picture."""
        self.bodies: list[bytes] = []
        self._loads = loads

    def deploy(self, target_model: str, weights_sha256: str) -> None:
        self.models[target_model] = weights_sha256

    def invoke(self, target_model: str, body: bytes) -> bytes:
        if target_model not in self.models:
            raise WarmUpFailedError(status=404)
        self.bodies.append(body)
        if len(self.bodies) <= self._loads:
            raise ModelNotReadyError(status=507)
        if self.babble is not None:
            return self.babble
        weights = self.models[target_model] if scale_of(body) else None
        return answer_of(self.picture, self.size, weights, self.stored)


def scale_of(body: bytes) -> float:
    """Return a request's ``lora_scale``; at 0 the base draws alone, and ``info`` names it alone."""
    given = {one["name"]: one["data"][0] for one in json.loads(body)["inputs"]}
    return float(json.loads(given.get("gen_args", "{}")).get("lora_scale", 1))


def answer_of(
    picture: Image.Image,
    size: tuple[int, int],
    weights_sha256: str | None,
    stored: str | None = None,
) -> bytes:
    """KServe v2 JSON, as tritonserver writes it."""
    info = GenerationInfo(
        base_sha256="b" * 64,
        adapter_sha256=weights_sha256,
        seeds=(0,),
        num_inference_steps=4,
        guidance_scale=5.0,
        lora_scale=1.0,
        scheduler="EulerDiscreteScheduler",
        width=size[0],
        height=size[1],
        seconds=0.5,
        stored=() if stored is None else (stored,),
    )
    png = io.BytesIO()
    picture.save(png, "PNG")
    values = {
        "generated_image": stored or base64.b64encode(png.getvalue()).decode(),
        "info": info.model_dump_json(),
    }
    outputs = [
        {"name": name, "datatype": "BYTES", "shape": [1, 1], "data": [value]}
        for name, value in values.items()
    ]
    return json.dumps({"model_name": "likeness", "outputs": outputs}).encode()
