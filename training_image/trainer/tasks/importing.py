"""Import a LoRA of another tool: a task without a training, whose adapter must pass the gate.

The conversion is exact: the pairs of trainer.export.foreign, filled with zeros to one rank for each
kind of network, since the endpoint serves one rank. What cannot be exact is refused by its name.

Where some layers of a network are a DoRA, the others get the row lengths that they have already:
peft knows DoRA for a network as a whole.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from contracts.codes import CODES
from contracts.documents.photos import StoredFile
from contracts.documents.training import TrainingMetrics, TrainingResult, TrainingTask
from contracts.shared.layout.container import ADAPTER_FOLDER, PHOTOS_CHANNEL
from contracts.shared.steps import NO_STEPS
from contracts.shared.weights.adapter_size import fitting_rank, is_too_large, size_of
from contracts.shared.weights.families import FAMILIES, Family
from contracts.shared.weights.lora_names import is_of_text, with_text_model
from trainer.config.recipe import Recipe, make_recipe
from trainer.export.adapter_files import MAGNITUDE, has_lengths, list_files, write_adapter
from trainer.export.convert import AdapterFile, read_file
from trainer.export.foreign import Pair, UnknownFileError, read_pairs
from trainer.export.model_card import write_card
from trainer.model import lora
from trainer.model.base import Base
from trainer.model.sampling import cache_prompts
from trainer.process.results import TrainingError, log, sha256_of, write_result
from trainer.tasks.judging import Judged, failure_of_gate, judge_adapter
from trainer.tasks.shared import Job, refuse_unfit, sampling_requests, task_folder

Layers = dict[str, nn.Module]
"""Modules with weights by ``<network>.<path>`` as adapter files name them."""


def import_adapter(job: Job, task: TrainingTask) -> TrainingResult:
    """Convert the LoRA, attach it to the base, run the gate and commit the result.

    Raises:
        TrainingError: the file cannot be read, or does not fit the base exactly; or as
            ``refuse_unfit``.
    """
    if task.adapter is None:
        raise TrainingError("plan_invalid", "the task has no adapter to import")
    refuse_unfit(task.request, job.base)
    names, modules = find_layers(job.base)
    pairs = shaped(read_import(job, task.adapter, task.request.lora_alpha), modules)
    check_layers(pairs, modules)
    check_packed(pairs, FAMILIES[job.base.card.family])
    recipe = recipe_of(make_recipe(task, job.base.card, NO_STEPS), pairs, names)
    check_size(pairs, recipe)
    log(
        f"import job_id={task.job_id} layers={len(pairs)} rank={recipe.rank}"
        f" text_encoder_rank={recipe.text_encoder_rank or 0}"
    )
    pairs = with_lengths(pairs, modules)
    weights = {names[layer]: pair for layer, pair in pairs.items()}
    networks = attach(job.base, recipe, padded(weights, recipe))
    return finish_import(job, task, recipe, networks)


def read_import(job: Job, stored: StoredFile, alpha: float | None) -> dict[str, Pair]:
    """Return the file's pairs by the names of layers in adapter files.

    Args:
        job: the job.
        stored: the file.
        alpha: that of layers whose alpha the file does not say; None: their rank.

    Raises:
        TrainingError: ``import_unreadable``; the text says nothing of the file's own words.
    """
    path = job.root / "input" / "data" / PHOTOS_CHANNEL / stored.file
    try:
        file = read_tensors(path, stored.sha256)
        config = job.base.network.config
        own_blocks = int(getattr(config, "layers_per_block", file.layers_per_block))
        return read_pairs(file.tensors, own_blocks, replace(file.scales, alpha=alpha))
    except UnknownFileError as error:
        raise TrainingError("import_unreadable", str(error)) from error
    except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
        raise TrainingError("import_unreadable", CODES["import_unreadable"].text) from error


def read_tensors(path: Path, sha256: str) -> AdapterFile:
    """Return the file that intake has checked."""
    try:
        if sha256_of(path) != sha256:
            raise TrainingError("import_unreadable", "the file was changed after it was checked")
        return read_file(path)
    except (SafetensorError, FileNotFoundError) as error:
        raise TrainingError("import_unreadable", CODES["import_unreadable"].text) from error


def find_layers(base: Base) -> tuple[dict[str, str], Layers]:
    """Return the base's own name of each layer, and each layer, by its name in adapter files."""
    networks: lora.Networks = base.networks()
    names = {
        with_text_model(f"{network}.{path}"): f"{network}.{path}"
        for network, module in networks.items()
        for path, layer in module.named_modules()
        if isinstance(layer, nn.Linear)
        or (isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.padding_mode == "zeros")
    }
    modules = {
        name: networks[own.split(".", 1)[0]].get_submodule(own.split(".", 1)[1])
        for name, own in names.items()
    }
    return names, modules


def shaped(pairs: Mapping[str, Pair], modules: Layers) -> dict[str, Pair]:
    """Return pairs with the axes of the layers that they change; one that does not fit stays.

    Some tools write a linear layer as a convolution of 1 x 1, and LyCORIS writes a convolution as a
    matrix.
    """
    return {layer: shaped_as(modules.get(layer), pair) for layer, pair in pairs.items()}


def shaped_as(module: nn.Module | None, pair: Pair) -> Pair:
    """Return a pair with the axes of a layer."""
    if isinstance(module, nn.Linear):
        return replace(pair, down=as_matrix(pair.down), up=as_matrix(pair.up))
    if isinstance(module, nn.Conv2d):
        sides = (module.in_channels, *module.kernel_size)
        down, up = as_matrix(pair.down), as_matrix(pair.up)
        if down.shape[1:] == (math.prod(sides),):
            down = down.unflatten(1, sides)
        return replace(pair, down=down, up=up[..., None, None] if up.dim() == MATRIX else up)
    return pair


MATRIX = 2
"""Axes of a matrix."""


def as_matrix(tensor: Tensor) -> Tensor:
    """Return a tensor without its trailing sides of 1.

    >>> as_matrix(torch.zeros(4, 8, 1, 1)).shape
    torch.Size([4, 8])
    """
    return tensor.flatten(1) if tensor.shape[2:] == (1, 1) else tensor


def check_layers(pairs: Mapping[str, Pair], modules: Layers) -> None:
    """Refuse a LoRA that is for another base.

    Raises:
        TrainingError: ``import_base_differs``, with counts.
    """
    missing = sum(layer not in modules for layer in pairs)
    if missing:
        message = f"{missing} of {len(pairs)} layers are none of this base"
        raise TrainingError("import_base_differs", message)
    unlike = sum(not fits(pair, modules[layer]) for layer, pair in pairs.items())
    if unlike:
        message = f"{unlike} of {len(pairs)} layers have another size in this base"
        raise TrainingError("import_base_differs", message)


def check_packed(pairs: Mapping[str, Pair], family: Family) -> None:
    """Refuse a LoRA that changes layers which the endpoint cannot change for one row.

    Raises:
        TrainingError: ``import_layers_refused``, with counts.
    """
    packed = tuple(f"{family.network}.{name}." for name in family.packed)
    found = sum(layer.startswith(packed) for layer in pairs) if packed else 0
    if found:
        message = f"{found} of {len(pairs)} layers are embedders of Z-Image"
        raise TrainingError("import_layers_refused", message)


def fits(pair: Pair, layer: nn.Module) -> bool:
    """Return whether a pair changes a layer of this size."""
    shapes = (tuple(pair.down.shape), tuple(pair.up.shape))
    weight = tuple(layer.weight.shape)
    return shapes == ((pair.rank, *weight[1:]), (weight[0], pair.rank, *(1,) * len(weight[2:])))


def recipe_of(recipe: Recipe, pairs: Mapping[str, Pair], names: Mapping[str, str]) -> Recipe:
    """Return the recipe with the ranks and layers of the file; alpha is 1 for each rank."""
    own = sorted(names[layer].split(".", 1)[1] for layer in pairs if not is_of_text(layer))
    ranks = {
        kind: max((p.rank for layer, p in pairs.items() if is_of_text(layer) is kind), default=0)
        for kind in (True, False)
    }
    rank = ranks[False] or ranks[True]
    return replace(
        recipe,
        use_dora=any(pair.lengths is not None for pair in pairs.values()),
        rank=rank,
        alpha=float(rank),
        target_modules=tuple(own),
        text_encoder_rank=ranks[True] or None,
        text_encoder_alpha=None,
        text_encoder_lr=recipe.learning_rate if ranks[True] else None,
    )


def check_size(pairs: Mapping[str, Pair], recipe: Recipe) -> None:
    """Refuse what would be no publishable file when all pairs have one rank.

    Raises:
        TrainingError: ``import_too_large``.
    """
    values = sum(
        recipe.rank_of(network_of(layer)) * (math.prod(pair.down.shape[1:]) + len(pair.up))
        for layer, pair in pairs.items()
    )
    dora = networks_of_dora(pairs)
    values += sum(len(pair.up) for layer, pair in pairs.items() if network_of(layer) in dora)
    if is_too_large(values):
        message = (
            f"it has {size_of(values) >> 20} MiB as pairs of rank {recipe.rank}; rank "
            f"{fitting_rank(recipe.rank, values)} fits"
        )
        raise TrainingError("import_too_large", message)


def network_of(layer: str) -> str:
    """Return the network of a layer that is named ``<network>.<path>``."""
    return layer.split(".", 1)[0]


def networks_of_dora(pairs: Mapping[str, Pair]) -> set[str]:
    """Return the networks of which a layer has row lengths."""
    return {network_of(layer) for layer, pair in pairs.items() if pair.lengths is not None}


def with_lengths(pairs: Mapping[str, Pair], modules: Layers) -> dict[str, Pair]:
    """Return the pairs, all with row lengths in the networks where one has them.

    The row lengths of ``W + B A`` itself change nothing.
    """
    dora = networks_of_dora(pairs)
    return {
        layer: replace(pair, lengths=own_lengths(pair, modules[layer]))
        if pair.lengths is None and network_of(layer) in dora
        else pair
        for layer, pair in pairs.items()
    }


def own_lengths(pair: Pair, layer: nn.Module) -> Tensor:
    """Return the length of every row of a layer's weight with a pair's change, (out,)."""
    change = pair.up.flatten(1) @ pair.down.flatten(1) * (pair.alpha / pair.rank)
    weight = layer.weight.detach().to(change).flatten(1)
    return torch.linalg.vector_norm(weight + change, dim=1)


def padded(pairs: Mapping[str, Pair], recipe: Recipe) -> dict[str, Tensor]:
    """Return weights by the names of ``lora.weights``, all of a network's kind of one rank.

    alpha / rank is multiplied into B; rows and columns of zeros change nothing.
    """
    weights: dict[str, Tensor] = {}
    for layer, pair in pairs.items():
        rank = recipe.rank_of(network_of(layer))
        up = pair.up * (pair.alpha / pair.rank)
        weights[f"{layer}.lora_A.weight"] = filled(pair.down, rank, 0)
        weights[f"{layer}.lora_B.weight"] = filled(up, rank, 1)
        if pair.lengths is not None:
            sides = (1, -1, 1, 1) if pair.is_convolution else (-1,)
            weights[f"{layer}.{MAGNITUDE}.weight"] = pair.lengths.reshape(sides)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise TrainingError("import_unreadable", "its values are not finite once they are scaled")
    return weights


def filled(tensor: Tensor, size: int, axis: int) -> Tensor:
    """Return a tensor with zeros behind its values, so that an axis has this size.

    >>> filled(torch.ones(2, 1), 3, 0).tolist()
    [[1.0], [1.0], [0.0]]
    """
    sides = list(tensor.shape)
    sides[axis] = size - sides[axis]
    return torch.cat([tensor, tensor.new_zeros(sides)], dim=axis)


def attach(base: Base, recipe: Recipe, weights: dict[str, Tensor]) -> lora.Networks:
    """Add the LoRA to the networks that it changes, and return these networks."""
    layers = sorted({key.rpartition(".lora_")[0] for key in weights})
    everything: lora.Networks = base.networks()
    used = {layer.split(".", 1)[0] for layer in layers}
    networks = {name: network for name, network in everything.items() if name in used}
    base.prompt_cache.clear()
    for name, network in networks.items():
        own = tuple(layer.split(".", 1)[1] for layer in layers if layer.startswith(f"{name}."))
        lora.attach(
            network,
            name,
            own,
            rank=recipe.rank_of(name),
            alpha=float(recipe.rank_of(name)),
            seed=recipe.seed,
            dora=has_lengths(name, weights),
        )
    lora.restore(networks, weights)
    return networks


def finish_import(
    job: Job, task: TrainingTask, recipe: Recipe, networks: lora.Networks
) -> TrainingResult:
    """Write the adapter files, run the gate without photos and commit the result."""
    if task.adapter is None:
        raise TrainingError("plan_invalid", "the task has no adapter to import")
    folder = task_folder(job.root, task)
    manifest = write_adapter(folder, job.base, recipe, lora.weights(networks))
    if recipe.text_encoder_lr is None:
        requests = sampling_requests(job, task, recipe)
        cache_prompts(job.base, requests.all, recipe.resolution)
    report = judge_adapter(job, Judged(task, recipe), networks)
    metrics = TrainingMetrics(steps=0, images=0, final_loss=None, train_seconds=0)
    adapter, digest = folder / ADAPTER_FOLDER, task.adapter.sha256
    card = job.base.card
    write_card(adapter, card, recipe, metrics, report, plan=NO_STEPS, imported=digest)
    failure = None if report.passed else failure_of_gate(report)
    result = TrainingResult(
        job_id=task.job_id,
        status="succeeded" if failure is None else "failed",
        adapter=manifest,
        files=list_files(folder),
        metrics=metrics,
        gate=report,
        failure=failure,
    )
    write_result(folder, result)
    job.base.prompt_cache.clear()  # the import's text encoders may have embedded prompts
    log(f"task {task.job_id} {result.status}")
    return result
