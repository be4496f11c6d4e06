"""Download RetinaFace's weights while the image is built, and store them as safetensors.

    python retina_weights.py URL OUT [SHA256]

The file's name ends in the first digits of its sha256 (``...-f168fae3c.zip``), which torch checks.
SHA256 checks all digits. The pickle is read with ``weights_only``, so it cannot run code.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file


def main() -> int:
    """Return 1 if the file does not have the given hash."""
    url, out, *pinned = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        weights = torch.hub.load_state_dict_from_url(
            url, folder, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
        (file,) = (path for path in Path(folder).iterdir() if path.name == Path(url).name)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if pinned and pinned[0] not in {"", digest}:
        sys.stderr.write(f"sha256 is {digest}\n")
        return 1
    save_file({name: weight.contiguous() for name, weight in weights.items()}, out)
    sys.stdout.write(f"{out}: {len(weights)} tensors of sha256 {digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
