"""Memory-mapped weights equal what safetensors itself reads. Needs torch, but no pipeline."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from contracts.shared.weights.safetensors import read_layout
from serving.adapters.mmap import copy_values, map_file, split_tensors

pytestmark = pytest.mark.serving

TYPES = {
    "one type": [torch.float32] * 4,
    "half precision": [torch.bfloat16] * 4,
    "types in turn": [torch.float16, torch.float32, torch.float16, torch.bfloat16],
}


@pytest.mark.parametrize("kind", TYPES)
def test_the_tensors_are_the_file_s(tmp_path: Path, kind: str) -> None:
    generator, file = torch.Generator().manual_seed(0), tmp_path / "weights.safetensors"
    shapes = [(4, 6), (6, 4), (4, 3), (5, 4)]
    tensors = {
        f"layer{index}": torch.randn(shape, generator=generator).to(dtype)
        for index, (shape, dtype) in enumerate(zip(shapes, TYPES[kind], strict=True))
    }
    save_file(tensors, file, metadata={"format": "pt"})
    content = map_file(file)
    start, entries = read_layout(content)
    parts = split_tensors(copy_values(content, start, entries), entries)
    wanted = load_file(file)
    assert parts.keys() == wanted.keys()
    for name, part in parts.items():
        assert part.shape == wanted[name].shape
        assert torch.equal(part.float(), wanted[name].float())


def test_the_copy_outlives_the_file(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    save_file({"layer": torch.ones(1000)}, file)
    content = map_file(file)
    start, entries = read_layout(content)
    values = copy_values(content, start, entries)
    content.close()
    file.write_bytes(b"")
    assert values.sum() == 1000
