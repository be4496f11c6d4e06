"""The network that denoises: how it is called, and how other tools name its layers.

B examples, latents of C channels and H x W, T tokens.
"""

from typing import Any, ClassVar, Protocol

import torch
from diffusers import DiffusionPipeline
from torch import Tensor, nn

from contracts.shared.weights import lora_names
from trainer.model.text import EncodedPrompts


class Denoiser(Protocol):
    """What the trainer knows of a family's denoising network."""

    name: ClassVar[str]
    """The network's name in the pipeline, and the first part of its keys in adapter files."""

    def predict(
        self,
        network: nn.Module,
        noisy: Tensor,
        times: Tensor,
        text: EncodedPrompts,
        time_ids: Tensor,
    ) -> Tensor:
        """Return the prediction (B, C, H, W) of the network.

        Args:
            network: the network, perhaps with adapters.
            noisy: (B, C, H, W), the noisy latents.
            times: (B,), as the objective's ``times`` returns them.
            text: the prompt of each example.
            time_ids: (B, 6), pixels: height and width before resizing, top and left of the crop,
                height and width of the image.
        """
        ...

    def side_step(self, pipeline: DiffusionPipeline) -> int:
        """Return the number of pixels that every side must be a multiple of."""
        ...

    def webui_name(self, network: str, path: str, settings: nn.Module) -> str:
        """Return the name of a layer in the file for ComfyUI and, of U-Nets, for kohya's tools.

        Args:
            network: diffusers' name of the layer's network.
            path: path of the layer in it, with the ``text_model`` level of transformers 4.
            settings: the denoising network.
        """
        ...

    def webui_metadata(self, settings: nn.Module) -> dict[str, str]:
        """Return what that file says of the network, beside what it says of the training."""
        ...


class UNet:
    """The UNet of SD 1 and SD 2."""

    name: ClassVar[str] = "unet"
    sdxl: ClassVar[bool] = False

    def predict(
        self,
        network: nn.Module,
        noisy: Tensor,
        times: Tensor,
        text: EncodedPrompts,
        time_ids: Tensor,
    ) -> Tensor:
        """Return the noise or the velocity that the UNet predicts; times are timesteps."""
        cache_rows = text.cache_rows
        prediction: Tensor = network(
            noisy,
            times,
            text.hidden,
            cross_attention_kwargs=None if cache_rows is None else {"cache_rows": cache_rows},
            **self.added_conditions(text, time_ids),
        ).sample
        return prediction

    def added_conditions(self, text: EncodedPrompts, time_ids: Tensor) -> dict[str, Any]:  # noqa: ARG002
        """Return nothing: the UNet of SD 1 and 2 takes no further conditions."""
        return {}

    def side_step(self, pipeline: DiffusionPipeline) -> int:
        """Return the size in the image of one pixel of the UNet's deepest layer."""
        factor: int = pipeline.vae_scale_factor
        halvings: int = len(pipeline.unet.config.block_out_channels) - 1
        return factor << halvings

    def webui_name(self, network: str, path: str, settings: nn.Module) -> str:
        """Return kohya's name."""
        blocks = settings.config.layers_per_block
        return lora_names.kohya_name(network, path, sdxl=self.sdxl, layers_per_block=blocks)

    def webui_metadata(self, settings: nn.Module) -> dict[str, str]:
        """Return the layers per block."""
        return {lora_names.LAYERS_PER_BLOCK: str(settings.config.layers_per_block)}


class UNetXL(UNet):
    """The UNet of SDXL, which also takes the pooled text and the size of the image."""

    sdxl: ClassVar[bool] = True

    def added_conditions(self, text: EncodedPrompts, time_ids: Tensor) -> dict[str, Any]:
        """Return the pooled text and the time ids, in the network's type as diffusers does."""
        ids = time_ids.to(text.hidden.device, text.hidden.dtype)
        return {"added_cond_kwargs": {"text_embeds": text.pooled, "time_ids": ids}}


class ZImageTransformer:
    """Z-Image's transformer: the tokens of picture and prompt are one sequence.

    It counts time from noise to picture and predicts the direction from noise to picture; the
    objective counts both the other way round, as every scheduler of diffusers does.
    """

    name: ClassVar[str] = "transformer"

    def predict(
        self,
        network: nn.Module,
        noisy: Tensor,
        times: Tensor,
        text: EncodedPrompts,
        time_ids: Tensor,  # noqa: ARG002
    ) -> Tensor:
        """Return the direction to the noise; times are 0 for pictures to 1000 for pure noise."""
        pictures = list(noisy.unsqueeze(2).unbind(0))  # one frame each
        answers = network(pictures, (1000 - times) / 1000, text.unpadded(), return_dict=False)[0]
        return -torch.stack(answers).squeeze(2)

    def side_step(self, pipeline: DiffusionPipeline) -> int:
        """Return the size in the image of one patch of latents."""
        factor: int = pipeline.vae_scale_factor
        patch: int = pipeline.transformer.config.all_patch_size[0]
        return factor * patch

    def webui_name(self, network: str, path: str, settings: nn.Module) -> str:  # noqa: ARG002
        """Return ComfyUI's name; it reads diffusers' paths of the transformer."""
        return lora_names.comfyui_name(path)

    def webui_metadata(self, settings: nn.Module) -> dict[str, str]:  # noqa: ARG002
        """Return nothing: paths need no count of blocks."""
        return {}
