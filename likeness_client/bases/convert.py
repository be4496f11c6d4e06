"""Convert a single file into a diffusers folder, by diffusers' own ``from_single_file``."""

from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from likeness_client.bases.checkpoint import Checkpoint
from likeness_client.bases.errors import BaseRefusedError

PIPELINES = {
    "sd1": StableDiffusionPipeline,
    "sd2": StableDiffusionPipeline,
    "sdxl": StableDiffusionXLPipeline,
}


def convert(checkpoint: Checkpoint, configs: Path, target: Path) -> None:
    """Write the pipeline to ``target`` in the types of its tensors; nothing is fetched.

    Raises:
        BaseRefusedError: the checkpoint's tensors do not fit the configs.
    """
    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    kind = PIPELINES[checkpoint.family]
    try:
        pipeline = kind.from_single_file(
            str(checkpoint.path),
            config=str(configs),
            local_files_only=True,
            torch_dtype=stored_type(checkpoint.path),
        )
    except (ValueError, RuntimeError, KeyError) as error:
        raise BaseRefusedError(
            f"{checkpoint.path.name} does not fit its configs; give those of its own diffusers"
            f" folder by --config FOLDER. diffusers says: {str(error).splitlines()[0][:300]}"
        ) from error
    refuse_unset_weights(pipeline)
    pipeline.save_pretrained(target, safe_serialization=True)


def stored_type(path: Path) -> torch.dtype:
    """Return float16 for a file of half precision, else float32."""
    import safetensors  # noqa: PLC0415 - with torch

    with safetensors.safe_open(path, framework="pt") as file:
        name = next(name for name in file.keys() if name.endswith(".weight"))  # noqa: SIM118
        found = file.get_tensor(name).dtype
    return torch.float32 if found is torch.float32 else torch.float16


def refuse_unset_weights(pipeline: diffusers.DiffusionPipeline) -> None:
    """Refuse a pipeline of which some weights were not in the file.

    Raises:
        BaseRefusedError: it names the first of them.
    """
    for name, network in pipeline.components.items():
        if not isinstance(network, torch.nn.Module):
            continue
        unset = [weight for weight, value in network.named_parameters() if value.is_meta]
        if unset:
            raise BaseRefusedError(
                f"the file lacks {len(unset)} weights of the {name}, the first is {unset[0]}: take"
                " the full checkpoint"
            )
