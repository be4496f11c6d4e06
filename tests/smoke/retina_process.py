"""A process that runs RetinaFace's network with seeded weights: WEIGHTS in, faces out.

torchvision's native library is built for CUDA and does not load with a CPU torch. Only its Python
code is needed here, so the two operators that the library would declare are declared without a
body. In the training image the library loads, and nothing is declared. transformers must not import
this torchvision.
"""

import json
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

FACES = Path(sys.prefix) / "faces"
ROOT = Path(__file__).parents[2]
sys.path += [str(FACES), str(ROOT / "functions"), str(ROOT / "training_image")]
warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402

if FACES.is_dir():
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from trainer.faces.retina import RetinaFaceDetector, make_network  # noqa: E402


def write_weights(path: Path) -> None:
    """Write seeded weights whose heads detect a face in each large window of the coarsest map."""
    torch.manual_seed(0)
    network = make_network()
    with torch.no_grad():
        for heads in (network.ClassHead, network.BboxHead, network.LandmarkHead):
            for head in heads:
                head.conv1x1.weight.zero_()
                head.conv1x1.bias.zero_()
        for head in network.ClassHead:
            head.conv1x1.bias[0::2] = 5.0  # no face
        network.ClassHead[2].conv1x1.bias[2:] = torch.tensor([-5.0, 5.0])  # but at 512 pixels
        for head in network.LandmarkHead:  # of five points, the first two are the eyes
            head.conv1x1.bias.view(-1, 10)[:, :4] = torch.tensor([1.0, -1.0, -1.0, -1.0])
    torch.save(network.state_dict(), path)


def main() -> None:
    """Write the weights, or print the faces that a detector with them finds on a grey photo."""
    if sys.argv[1] == "write":
        write_weights(Path(sys.argv[2]))
        return
    height, width = map(int, sys.argv[3:])
    detector = RetinaFaceDetector(Path(sys.argv[2]))
    found = detector.find(np.full((height, width, 3), 127, np.uint8))
    print(json.dumps([asdict(face) for face in found]))  # noqa: T201


if __name__ == "__main__":
    main()
