"""Triton's entry point of the resident base; the code is in serving/."""

import sys
from pathlib import Path

IMAGE = Path(__file__).resolve().parents[2]  # serving_image/: `serve` links this folder
sys.path[:0] = [str(IMAGE), str(IMAGE.parent / "functions")]

from serving.triton_model import TritonPythonModel  # noqa: E402

__all__ = ["TritonPythonModel"]
