"""Z-Image: a transformer with Qwen3's texts, which learnt by flow matching.

Image and prompt are one sequence of tokens. Diffusers' transformer takes lists of samples and
prompts and pads the prompts of a pass, so rows share a pass whatever the length of their prompts.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, cast

import diffusers
import torch
from diffusers import ZImageImg2ImgPipeline, ZImagePipeline
from diffusers.pipelines.z_image.pipeline_z_image import (
    calculate_shift,
    get_default_z_image_sigmas,
)
from torch import Tensor, nn

from contracts.base import BaseCard
from contracts.shared.limits import MAX_ZIMAGE_TOKENS
from contracts.shared.pictures.samplers import FLOW_SAMPLERS
from contracts.shared.weights.families import FAMILIES, Family
from contracts.shared.weights.pipeline_files import variant_of
from serving.adapters.reader import Layers, find_layers
from serving.bases.base import Refiner, Size
from serving.bases.latent_codec import LatentCodec
from serving.engine.memory import Needs, peak_bytes, trace_needs, weight_bytes
from serving.output.truth import Pixels
from serving.picture_error import PictureError
from serving.rows import Conditions, Drawing, Row, Start


class ZImageConditions(NamedTuple):
    """What the transformer knows of one row."""

    texts: tuple[Tensor, ...]
    """The encoded prompt, and with guidance the negative one; (tokens, width), of any length."""

    @property
    def entries(self) -> int:
        """Number of the row's entries in a batch."""
        return len(self.texts)


class ZImageBase:
    """A base whose denoiser is Z-Image's transformer."""

    half = torch.bfloat16
    refiner: Refiner | None = None

    def __init__(
        self, folder: Path, card: BaseCard, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.card, self.device, self.dtype = card, device, dtype
        self.pipeline: Any = ZImagePipeline.from_pretrained(
            folder, torch_dtype=dtype, local_files_only=True, variant=variant_of(card.files)
        ).to(device)
        self.pipeline.set_progress_bar_config(disable=True)
        self.from_image: Any = ZImageImg2ImgPipeline(**self.pipeline.components)
        self.scheduler_config = self.pipeline.scheduler.config
        self.codec = LatentCodec(self.pipeline, unscaled)
        self.layers = layers_of(self.pipeline.transformer, FAMILIES[card.family])
        self.counter, self.counting = copy.deepcopy(self.pipeline.tokenizer), Lock()

    @property
    def latent_side(self) -> int:
        """Pixels of a picture for each side of a latent."""
        side: int = self.pipeline.vae_scale_factor
        return side

    def to(self, dtype: torch.dtype) -> None:
        """Compute in a type from now on."""
        self.pipeline.to(dtype)
        self.dtype = dtype

    # ---- text -------------------------------------------------------------------------------

    def is_guided(self, row: Row) -> bool:
        """Return whether a row is drawn twice, with its prompt and with the negative one."""
        return row.guidance_scale > FAMILIES[self.card.family].guidance_off

    def entries_of(self, row: Row) -> int:
        """Return the number of the row's entries in a batch, before it is encoded."""
        return 2 if self.is_guided(row) else 1

    def count_chunks(self, row: Row) -> int:
        """Return 1: rows share a pass whatever the length of their prompts.

        Any thread may call it: a tokenizer serves one thread at a time, so this one is a copy.

        Raises:
            PictureError: a prompt is longer than the text encoder reads.
        """
        with self.counting:
            longest = max(self.count_tokens(text) for text in texts_of(row))
        if longest > MAX_ZIMAGE_TOKENS:
            text = (
                f"prompt, negative_prompt: at most {MAX_ZIMAGE_TOKENS} tokens each with this base"
            )
            raise PictureError("invalid_argument", text)
        return 1

    def count_tokens(self, text: str) -> int:
        """Return the number of a prompt's tokens, with the words of the chat around it."""
        chat = self.counter.apply_chat_template(
            [{"role": "user", "content": text}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=True,
        )
        return len(self.counter(chat).input_ids)

    def encode(self, row: Row) -> ZImageConditions:
        """Return what the transformer knows of a row."""
        prompt, negative = texts_of(row)
        texts, negatives = self.pipeline.encode_prompt(
            prompt=[prompt],
            negative_prompt=[negative],
            device=self.device,
            do_classifier_free_guidance=self.is_guided(row),
            max_sequence_length=MAX_ZIMAGE_TOKENS,
        )
        return ZImageConditions((*texts, *negatives))

    def resized(self, conditions: Conditions, size: Size) -> Conditions:  # noqa: ARG002
        """Return the same: the transformer sees the size in the latents."""
        return conditions

    # ---- schedule ---------------------------------------------------------------------------

    def passes_of_step(self, row: Row) -> int:
        """Return the passes that one step of the row's sampler takes."""
        order: int = getattr(diffusers, FLOW_SAMPLERS[row.sampling.scheduler].scheduler).order
        return order

    def make_scheduler(self, name: str) -> Any:  # noqa: ANN401 (diffusers has no common type)
        """Return a new scheduler, as a scheduler keeps the state of its row."""
        kind, options, _ = FLOW_SAMPLERS[name]
        return getattr(diffusers, kind).from_config(self.scheduler_config, **options)

    def start(self, row: Row, given: Tensor | None = None) -> Start:
        """Return the beginning of a row; ``given`` are latents instead of the row's image."""
        sampling = row.sampling
        size, steps = (sampling.height, sampling.width), sampling.num_inference_steps
        scheduler = self.make_scheduler(sampling.scheduler)
        noise = torch.Generator().manual_seed(row.seed)
        scheduler.set_timesteps(
            sigmas=get_default_z_image_sigmas(steps), device=self.device, mu=self.shift_of(size)
        )
        channels = self.pipeline.transformer.in_channels
        if row.image is None and given is None:
            # The latents of diffusers' pipeline are float32 in every type of the base.
            latents = self.pipeline.prepare_latents(
                1, channels, *size, torch.float32, self.device, noise
            )
            scheduler.set_begin_index(0)
            return Start(scheduler, scheduler.timesteps, latents, noise)
        pipeline = self.from_image
        pipeline.scheduler = scheduler
        timesteps, _ = pipeline.get_timesteps(steps, sampling.strength, self.device)
        image = given
        if image is None:
            image = pipeline.image_processor.preprocess([row.image])
        latents = pipeline.prepare_latents(
            image, timesteps[:1], 1, channels, *size, self.dtype, self.device, noise
        )
        return Start(scheduler, timesteps, latents, noise)

    def shift_of(self, size: Size) -> float:
        """Return ``mu``, by which a scheduler with dynamic shifting fits a picture's size."""
        config, patch = self.scheduler_config, 2 * self.latent_side
        tokens = (size[0] // patch) * (size[1] // patch)
        mu: float = calculate_shift(
            tokens,
            config.get("base_image_seq_len", 256),
            config.get("max_image_seq_len", 4096),
            config.get("base_shift", 0.5),
            config.get("max_shift", 1.15),
        )
        return mu

    # ---- denoiser, latent codec -------------------------------------------------------------

    def predict(self, drawings: Sequence[Drawing]) -> Tensor:
        """Return the transformer's velocities, (entries, channels, 1, height, width)."""
        transformer = self.pipeline.transformer
        samples: list[Tensor] = []
        times: list[Tensor] = []
        texts: list[Tensor] = []
        for drawing in drawings:
            sample = drawing.latents.to(transformer.dtype)[0].unsqueeze(1)
            samples += [sample] * drawing.entries
            times += [(1000 - drawing.timesteps[drawing.index]) / 1000] * drawing.entries
            texts += cast("ZImageConditions", drawing.conditions).texts
        outputs = transformer(samples, torch.stack(times), texts, return_dict=False)[0]
        return torch.stack(outputs)

    def guide(self, row: Row, prediction: Tensor) -> Tensor:
        """Return one velocity of a row's entries: that with the prompt comes first.

        It points to the noise, as the scheduler takes it; the transformer's points to the image.
        """
        velocity = prediction[:1].float()
        if len(prediction) > 1:
            velocity = velocity + row.guidance_scale * (velocity - prediction[1:].float())
        return -velocity.squeeze(2)

    def decode(self, latents: Tensor, *, tiled: bool = False) -> Pixels:
        """Return the picture of finished latents."""
        return self.codec.decode(latents, tiled=tiled)

    # ---- memory -----------------------------------------------------------------------------

    def needs(self) -> Needs:
        """Return the memory that drawing needs, traced on torch's meta device."""
        networks = [m for m in self.pipeline.components.values() if isinstance(m, nn.Module)]
        return trace_needs(
            [self.pipeline.transformer],
            self.pipeline.vae,
            trace_transformer,
            side=self.card.resolution,
            weights=sum(map(weight_bytes, networks)),
            upcast_decoder=False,
            has_tokens=True,
        )


def layers_of(transformer: nn.Module, family: Family) -> Layers:
    """Return the layers that an adapter may change."""
    packed = tuple(f"{family.network}.{name}." for name in family.packed)
    found = find_layers({family.network: transformer})
    return {name: layer for name, layer in found.items() if not name.startswith(packed)}


def texts_of(row: Row) -> tuple[str, str]:
    """Return the prompt and the negative prompt; diffusers takes an absent one for an empty one."""
    prompt, negative = (row.read(text).plain for text in (row.prompt, row.negative_prompt or ""))
    if prompt is None or negative is None:
        raise RuntimeError("a row with weights for a base that reads none")
    return prompt, negative


def unscaled(latents: Tensor, config: Any) -> Tensor:  # noqa: ANN401 (diffusers ships no types)
    """Return latents in the decoder's own range."""
    shifted: Tensor = (latents / config.scaling_factor) + config.shift_factor
    return shifted


def trace_transformer(transformer: Any, latent: tuple[int, ...]) -> int:  # noqa: ANN401
    """Return the bytes of one entry's pass with the longest prompt."""
    channels, height, width = latent
    dtype, config = transformer.dtype, transformer.config
    return peak_bytes(
        lambda: transformer(
            [torch.empty(channels, 1, height, width, dtype=dtype)],
            torch.empty(1),
            [torch.empty(MAX_ZIMAGE_TOKENS, config.cap_feat_dim, dtype=dtype)],
        )
    )
