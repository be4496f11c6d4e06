"""RetinaFace with the network of retinaface-pytorch, for real photos.

Only the package's network, priors and decoding are used: its own code would download the weights,
read them by pickle, need albumentations, and never call ``eval()``. The weights are part of the
image (``retina_weights.py``, ``training_image/Dockerfile``).

Source: Deng et al. 2019, arXiv 1905.00641.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from retinaface.box_utils import decode, decode_landm
from retinaface.network import RetinaFace
from retinaface.prior_box import priorbox
from safetensors.torch import load_file
from torch import Tensor

from trainer.faces import Face, Pixels

MAX_SIDE = 960
"""The longer side in pixels at which faces are detected; that of the network's training."""

THRESHOLD, OVERLAP = 0.7, 0.4
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
VARIANCES = [0.1, 0.2]
MIN_SIZES, STEPS = [[16, 32], [64, 128], [256, 512]], [8, 16, 32]


def make_network() -> RetinaFace:
    """Return the network with random weights."""
    layers = {"layer2": 1, "layer3": 2, "layer4": 3}
    return RetinaFace(
        "Resnet50", pretrained=False, in_channels=256, return_layers=layers, out_channels=256
    ).eval()


class RetinaFaceDetector:
    """Detects faces of every size and pose, with their eyes."""

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        """Read the weights.

        Raises:
            OSError: the file is missing.
        """
        self._network = make_network()
        self._network.load_state_dict(load_file(weights))
        self._network.to(device)
        self._device = device

    def find(self, pixels: Pixels) -> list[Face]:
        """Return every face."""
        scale = min(1.0, MAX_SIDE / max(pixels.shape[:2]))
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        boxes, scores, landmarks = self._detect(small)
        return [
            to_face(boxes[i] / scale, scores[i], landmarks[i] / scale)
            for i in non_maximum_suppression(boxes, scores)
        ]

    def _detect(self, pixels: Pixels) -> tuple[NDArray[np.float32], ...]:
        """Return boxes (N, 4) as corners, scores (N,) and landmarks (N, 5, 2), in pixels."""
        height, width = pixels.shape[:2]
        priors = priorbox(MIN_SIZES, STEPS, clip=False, image_size=(height, width))
        with torch.no_grad():
            found = self._network(to_input(pixels).to(self._device))
        box_offsets, classes, landmarks = (answer[0].float().cpu() for answer in found)
        scores = classes.softmax(dim=-1)[:, 1]
        is_face = scores > THRESHOLD
        whole = torch.tensor([width, height], dtype=torch.float32)
        boxes = decode(box_offsets[is_face], priors[is_face], VARIANCES).view(-1, 2, 2) * whole
        points = decode_landm(landmarks[is_face], priors[is_face], VARIANCES).view(-1, 5, 2) * whole
        return boxes.view(-1, 4).numpy(), scores[is_face].numpy(), points.numpy()


def to_input(pixels: Pixels) -> Tensor:
    """Return (1, 3, H, W), normalised with ImageNet's mean and deviation."""
    scaled = (pixels.astype(np.float32) / 255 - MEAN) / DEVIATION
    return torch.from_numpy(scaled.astype(np.float32)).permute(2, 0, 1)[None]


def non_maximum_suppression(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> list[int]:
    """Return the indices of the best boxes among those that overlap."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    boxes_xywh = np.concatenate([boxes[:, :2], sizes], axis=1).tolist()
    indices = cv2.dnn.NMSBoxes(boxes_xywh, scores.tolist(), THRESHOLD, OVERLAP)
    return [int(index) for index in np.ravel(indices)]


def to_face(
    corners: NDArray[np.float32], score: np.float32, landmarks: NDArray[np.float32]
) -> Face:
    """Return a face; the first two landmarks are the eyes."""
    left, top, right, bottom = map(float, corners)
    (x1, y1), (x2, y2) = landmarks[:2].tolist()
    eyes = ((x1, y1), (x2, y2)) if x1 <= x2 else ((x2, y2), (x1, y1))
    return Face(left, top, right - left, bottom - top, float(score), eyes)
