"""Writes a tiny untrained SDXL as one file of the original layout, and its tokenizer beside it.

python -m bench.bases.make FOLDER
"""

import sys
from pathlib import Path

from local.embedded_base.tokenizer import make_tokenizer
from tests.smoke.original_layout import make_networks, write_single_file

TOKENS = 77


def main(folder: Path) -> None:
    """Write ``tiny-sdxl.safetensors`` and ``tokenizer/`` to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {"modelspec.resolution": "64x64", "modelspec.license": "Apache-2.0"}
    write_single_file(make_networks("sdxl"), folder / "tiny-sdxl.safetensors", metadata)
    make_tokenizer(TOKENS).save_pretrained(folder / "tokenizer")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
