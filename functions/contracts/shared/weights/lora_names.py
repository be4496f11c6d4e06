"""The names of an adapted layer in the files of other tools.

diffusers and peft name a layer by its path in the pipeline's networks. kohya's scripts, A1111 and
ComfyUI join a prefix of the network and the layer's path with ``_``. For SD 1 and SD 2 that path is
diffusers' own; for SDXL it is the path in Stability AI's UNet ("sgm"), and kohya's merge scripts
know no other.
"""

import re
from collections.abc import Iterable

UNET, TEXT_ENCODER, TEXT_ENCODER_2 = "unet", "text_encoder", "text_encoder_2"

LAYERS_PER_BLOCK = "likeness_layers_per_block"
"""Metadata key of the UNet's ``layers_per_block``: the names of SDXL's layers count by it."""

OFFICIAL_LAYERS_PER_BLOCK = 2
"""``layers_per_block`` of the UNets of SD 1, SD 2 and SDXL; it numbers sgm's blocks."""

COMPOUND_NAMES = (
    *("down_blocks", "up_blocks", "mid_block", "transformer_blocks", "to_q", "to_k", "to_v"),
    *("to_out", "proj_in", "proj_out", "text_model", "self_attn", "q_proj", "k_proj", "v_proj"),
    *("out_proj", "time_emb_proj", "time_embedding", "add_embedding", "conv_shortcut"),
    *("conv_in", "conv_out", "linear_1", "linear_2", "text_projection"),
    *("noise_refiner", "context_refiner", "feed_forward", "adaLN_modulation"),
)
"""Names of modules that contain a ``_``; the last four are Z-Image's."""

Z_IMAGE_BLOCKS = ("layers.", "noise_refiner.", "context_refiner.")
"""How the paths of Z-Image's transformer blocks begin; no path in a UNet begins so."""

_COMPOUND = "|".join(sorted(COMPOUND_NAMES, key=len, reverse=True))

_RESNET_PARTS = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
"""The modules of a ResNet block in diffusers and in sgm."""

_FIXED = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
"""Modules outside of the blocks, in diffusers and in sgm."""


def kohya_prefix(network: str, *, sdxl: bool) -> str:
    """Return the prefix of a network's layers in kohya's files.

    >>> kohya_prefix("text_encoder", sdxl=True), kohya_prefix("text_encoder", sdxl=False)
    ('lora_te1', 'lora_te')
    """
    if network == TEXT_ENCODER:
        return "lora_te1" if sdxl else "lora_te"
    return {UNET: "lora_unet", TEXT_ENCODER_2: "lora_te2"}[network]


def kohya_name(
    network: str, path: str, *, sdxl: bool, layers_per_block: int = OFFICIAL_LAYERS_PER_BLOCK
) -> str:
    """Return kohya's name of a layer.

    Args:
        network: diffusers' name of the network.
        path: path of the layer in it, with the ``text_model`` level of transformers 4.
        sdxl: whether the base is an SDXL.
        layers_per_block: of the UNet's configuration.

    >>> layer = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    >>> kohya_name("unet", layer, sdxl=True)
    'lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q'
    >>> kohya_name("unet", layer, sdxl=False)
    'lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q'
    """
    if network == UNET and sdxl:
        path = to_sgm(path, layers_per_block)
    return f"{kohya_prefix(network, sdxl=sdxl)}_{path.replace('.', '_')}"


def comfyui_name(path: str) -> str:
    """Return ComfyUI's name of a layer of a transformer, by its path in diffusers' network.

    ComfyUI and diffusers read this name for Z-Image; it is that of ai-toolkit's files.

    >>> comfyui_name("layers.0.attention.to_q")
    'diffusion_model.layers.0.attention.to_q'
    """
    return f"diffusion_model.{path}"


def is_of_text(name: str) -> bool:
    """Return whether a network, or a layer named ``<network>.<path>``, is of a text encoder.

    >>> is_of_text("text_encoder_2.encoder.layers.0.mlp.fc1"), is_of_text("unet.conv_in")
    (True, False)
    """
    return name.startswith(TEXT_ENCODER)


def lengths_name(layer: str) -> str:
    """Return the name in diffusers' file of DoRA's row lengths of a layer.

    diffusers finds those of a text encoder by the parameter's whole name only, and those of a
    denoising network by peft's short one.

    >>> lengths_name("unet.conv_in"), lengths_name("text_encoder.fc1")
    ('unet.conv_in.lora_magnitude_vector', 'text_encoder.fc1.lora_magnitude_vector.weight')
    """
    return f"{layer}.lora_magnitude_vector" + (".weight" if is_of_text(layer) else "")


def to_sgm(path: str, layers_per_block: int = OFFICIAL_LAYERS_PER_BLOCK) -> str:
    """Return the path in Stability AI's UNet of a layer of diffusers' UNet.

    >>> to_sgm("up_blocks.0.upsamplers.0.conv"), to_sgm("mid_block.resnets.1.conv2")
    ('output_blocks.2.2.conv', 'middle_block.2.out_layers.3')
    """
    if path in _FIXED:
        return _FIXED[path]
    side, *rest = path.split(".")
    if side == "mid_block":
        kind, number, *inner = rest
        block = f"middle_block.{1 if kind == 'attentions' else 2 * int(number)}"
        return ".".join([block, *_inner_to_sgm(kind, inner)])
    if side not in {"down_blocks", "up_blocks"}:
        return path
    block, kind, number, *inner = rest
    first = int(block) * (layers_per_block + 1)
    if kind == "downsamplers":
        return f"input_blocks.{first + layers_per_block + 1}.0.op"
    if kind == "upsamplers":
        return ".".join([f"output_blocks.{first + layers_per_block}.2", *inner])
    part = {"resnets": "0", "attentions": "1"}[kind]
    offset = first + int(number) + (1 if side == "down_blocks" else 0)
    name = "input_blocks" if side == "down_blocks" else "output_blocks"
    return ".".join([name, str(offset), part, *_inner_to_sgm(kind, inner)])


def _inner_to_sgm(kind: str, inner: list[str]) -> list[str]:
    return [_RESNET_PARTS.get(part, part) for part in inner] if kind == "resnets" else inner


def layer_path(name: str, layers_per_block: int = OFFICIAL_LAYERS_PER_BLOCK) -> str:
    """Return diffusers' path of a layer from kohya's name for it, without the network's prefix.

    >>> layer_path("mid_block_attentions_0_transformer_blocks_1_attn2_to_out_0")
    'mid_block.attentions.0.transformer_blocks.1.attn2.to_out.0'
    >>> layer_path("input_blocks_8_1_proj_in"), layer_path("output_blocks_4_1_proj_in")
    ('down_blocks.2.attentions.1.proj_in', 'up_blocks.1.attentions.1.proj_in')
    >>> layer_path("output_blocks_2_2_conv"), layer_path("input_blocks_3_0_op")
    ('up_blocks.0.upsamplers.0.conv', 'down_blocks.0.downsamplers.0.conv')
    """
    name = _from_sgm(name, layers_per_block)
    escaped = re.sub(rf"(?<![^_])({_COMPOUND})(?![^_])", lambda m: m[1].replace("_", "\0"), name)
    return escaped.replace("_", ".").replace("\0", "_")


_SGM_BLOCK = re.compile(r"(input_blocks|output_blocks)_(\d+)_(\d)_(.+)")
_SGM_MIDDLE = re.compile(r"middle_block_(\d)_(.+)")


def _from_sgm(name: str, layers_per_block: int) -> str:
    """Return diffusers' joined name of a joined name of sgm; any other name unchanged."""
    fixed = {sgm.replace(".", "_"): ours.replace(".", "_") for ours, sgm in _FIXED.items()}
    if name in fixed:
        return fixed[name]
    if found := _SGM_MIDDLE.fullmatch(name):
        number = int(found[1])
        if number == 1:
            return f"mid_block_attentions_0_{found[2]}"
        return f"mid_block_resnets_{number // 2}_{_resnet_part(found[2])}"
    if found := _SGM_BLOCK.fullmatch(name):
        return _block_from_sgm(found[1], int(found[2]), found[3], found[4], layers_per_block + 1)
    return name


def _block_from_sgm(side: str, number: int, part: str, inner: str, size: int) -> str:
    """Return diffusers' joined name of a layer in one of sgm's numbered blocks of ``size``."""
    down = side == "input_blocks"
    block, place = divmod(number - 1 if down else number, size)
    head = f"{'down' if down else 'up'}_blocks_{block}"
    if down and inner == "op":
        return f"{head}_downsamplers_0_conv"
    if not down and inner == "conv":
        return f"{head}_upsamplers_0_conv"
    if part == "1":
        return f"{head}_attentions_{place}_{inner}"
    return f"{head}_resnets_{place}_{_resnet_part(inner)}"


def _resnet_part(inner: str) -> str:
    parts = {sgm.replace(".", "_"): ours for ours, sgm in _RESNET_PARTS.items()}
    return parts.get(inner, inner)


def is_sdxl(paths: Iterable[str]) -> bool:
    """Return whether layers, named ``<network>.<path>``, are those of an SDXL.

    Only SDXL has a second text encoder, or more than one transformer layer in a block.
    """
    deep = re.compile(r"\.transformer_blocks\.[1-9]")
    return any(path.startswith(f"{TEXT_ENCODER_2}.") or deep.search(path) for path in paths)


def with_text_model(layer: str) -> str:
    """Return ``<network>.<path>`` with CLIP's ``text_model`` level, which transformers 5 dropped.

    >>> with_text_model("text_encoder.encoder.layers.0.self_attn.q_proj")
    'text_encoder.text_model.encoder.layers.0.self_attn.q_proj'
    """
    network, path = layer.split(".", 1)
    lost = network.startswith("text_encoder") and path.startswith(("encoder.", "final_layer"))
    return f"{network}.text_model.{path}" if lost else layer
