"""The reference design: load the base, apply the adapter with PEFT, answer."""

import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
import triton_python_backend_utils as pb_utils
from diffusers import DiffusionPipeline, DPMSolverMultistepScheduler


class TritonPythonModel:
    """Triton's model interface."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the base and the adapter, as each user's model of the reference design does."""
        torch.set_num_threads(1)
        self.pipe = DiffusionPipeline.from_pretrained(os.environ["REFERENCE_BASE_DIR"])
        self.pipe.set_progress_bar_config(disable=True)
        config = self.pipe.scheduler.config
        self.pipe.scheduler = DPMSolverMultistepScheduler.from_config(config)
        for part in (self.pipe.unet, self.pipe.vae, self.pipe.text_encoder):
            for weight in part.parameters():
                weight.data = weight.data.clone()  # like .to("cuda"), so no page is shared
        adapter = Path(args["model_repository"], args["model_version"], "adapter")
        self.pipe.load_lora_weights(adapter)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Draw one picture for each request."""
        return [self.answer(request) for request in requests]

    def answer(self, request: Any) -> Any:  # noqa: ANN401 (Triton ships no types)
        """Draw one picture."""
        arguments = json.loads(read(request, "gen_args"))
        seed = torch.Generator().manual_seed(arguments.pop("seed"))
        image = self.pipe(read(request, "prompt").decode(), generator=seed, **arguments).images[0]
        file = io.BytesIO()
        image.save(file, "PNG")
        data = np.array([[base64.b64encode(file.getvalue())]], dtype=object)
        return pb_utils.InferenceResponse([pb_utils.Tensor("generated_image", data)])


def read(request: Any, name: str) -> bytes:  # noqa: ANN401
    """Return a tensor's only value."""
    value: bytes = pb_utils.get_input_tensor_by_name(request, name).as_numpy().reshape(-1)[0]
    return value
