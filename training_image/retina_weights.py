"""Download RetinaFace's weights while the image is built, and store them as safetensors.

    python retina_weights.py check DETECTOR SHA256
    python retina_weights.py fetch DETECTOR SHA256 URL OUT

DETECTOR is the image's face detector; weights belong to ``retinaface`` only, so with another one
nothing is downloaded. All 64 digits of the file's hash are compared before the file is opened. The
pickle is read with ``weights_only``, so it cannot run code. ``check`` runs before anything is
installed.
"""

import re
import sys
import tempfile
from pathlib import Path

RETINAFACE = "retinaface"
DETECTORS = ("", "dlib", RETINAFACE, "haar", "none")
"""An empty one leaves the choice to each base's card."""

UNPINNED = """\
RETINAFACE_SHA256 is {found!r}: the face detector's weights need all 64 digits of their hash, and
the release names the first nine only (f168fae3c). Compute it once, and compare those nine:
  curl --location {url} | sha256sum
Then build with RETINAFACE_SHA256=<64 digits>, or without weights: FACE_DETECTOR= (each base's card
chooses its detector), FACE_DETECTOR=haar or FACE_DETECTOR=none.
"""
URL = (
    "https://github.com/ternaus/retinaface/releases/download/0.01/"
    "retinaface_resnet50_2020-07-20-f168fae3c.zip"
)


def main() -> int:
    """Return 1 if the arguments cannot give weights that are known."""
    command, detector, sha256, *rest = sys.argv[1:]
    problem = problem_of(detector, sha256)
    if problem:
        sys.stderr.write(problem)
        return 1
    if command == "fetch" and detector == RETINAFACE:
        url, out = rest
        sys.stdout.write(f"{out}: {fetch(url, sha256, Path(out))} tensors of sha256 {sha256}\n")
    return 0


def problem_of(detector: str, sha256: str) -> str:
    """Return why the image cannot be built with these arguments; empty if it can.

    >>> problem_of("haar", ""), problem_of("retinaface", 64 * "0")
    ('', '')
    """
    if detector not in DETECTORS:
        known = ", ".join(name for name in DETECTORS if name)
        return f"FACE_DETECTOR is {detector!r}; the trainer knows {known}, or none named at all.\n"
    if detector == RETINAFACE and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return UNPINNED.format(found=sha256, url=URL)
    return ""


def fetch(url: str, sha256: str, out: Path) -> int:
    """Download the weights, compare their hash, write them as safetensors; return their number.

    Raises:
        RuntimeError: the file has another hash.
    """
    import torch  # noqa: PLC0415 (`check` runs before safetensors is installed)
    from safetensors.torch import save_file  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, Path(url).name)
        torch.hub.download_url_to_file(url, str(file), hash_prefix=sha256, progress=False)
        weights = torch.hub.load_state_dict_from_url(
            url, folder, map_location="cpu", progress=False, weights_only=True
        )
    save_file({name: weight.contiguous() for name, weight in weights.items()}, out)
    return len(weights)


if __name__ == "__main__":
    sys.exit(main())
