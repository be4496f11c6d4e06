"""How large an adapter of a base is for each rank, as the headers of the base's weights tell it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from contracts.base import AdapterWidths
from contracts.shared.weights.families import FAMILIES, TEXT_TARGETS
from contracts.shared.weights.pipeline_files import WEIGHTS
from likeness_client.bases.checkpoint import read_header
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.bases.folder import Pipeline
from likeness_client.printing import PrintLine

WEIGHT = ".weight"
Layer = tuple[str, int]
"""Name of a linear layer, and the sum of its inputs and outputs."""


def adapter_widths(
    pipeline: Pipeline, paths: Iterable[str], print_line: PrintLine
) -> AdapterWidths | None:
    """Return the widths of all layers that an adapter may change; None, said, if not known.

    Args:
        pipeline: the base.
        paths: the files that count, relative to its folder.
        print_line: where it is said that a file has no header.
    """
    family = FAMILIES[pipeline.family]
    files = [path for path in paths if WEIGHTS.fullmatch(path.rpartition("/")[2])]
    network: list[Layer] = []
    text: list[Layer] = []
    try:
        for path in files:
            part = path.partition("/")[0]
            if part in family.networks:
                (text if part in family.text_networks else network).extend(
                    linear_layers(pipeline.folder / path)
                )
    except BaseRefusedError as error:
        print_line(f"only the trainer will know how large an adapter is: {error}")
        return None
    return AdapterWidths(
        network={target: width_of(network, target) for target in family.target_modules},
        text=sum(width_of(text, target) for target in TEXT_TARGETS),
    )


def linear_layers(path: Path) -> Iterator[Layer]:
    """Yield the linear layers of a file of weights.

    Raises:
        BaseRefusedError: the file is damaged.
    """
    shapes, _ = read_header(path)
    for name, shape in shapes.items():
        if name.endswith(WEIGHT) and len(shape) == 2:  # noqa: PLR2004 - outputs and inputs
            yield name.removesuffix(WEIGHT), sum(shape)


def width_of(layers: Iterable[Layer], target: str) -> int:
    """Return the inputs and outputs of the layers with this name, as peft finds them.

    >>> width_of([("a.to_q", 6), ("b.to_q", 8), ("b.to_q_norm", 3)], "to_q")
    14
    """
    return sum(width for name, width in layers if f".{name}".endswith(f".{target}"))
