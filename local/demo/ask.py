"""`python -m local.demo.ask`: one more picture from a model on the laptop's endpoint."""

import argparse

from local.cloud import paths
from local.cloud.server import HOST, Cloud
from local.demo.picture import generate


def main() -> None:
    """Ask for one picture and write it as PNG."""
    parser = argparse.ArgumentParser(prog="python -m local.demo.ask", description=__doc__)
    parser.add_argument("prompt")
    parser.add_argument("--model", required=True, help="the TargetModel of a notice")
    parser.add_argument("--endpoint", default="likeness-endpoint")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cloud = Cloud(f"http://{HOST}:{options.port}", options.port)
    image = generate(cloud, options.endpoint, options.model, options.prompt, seed=options.seed)
    path = paths.STATE / "demo" / "answer.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize((512, 512)).save(path)
    print(path.relative_to(paths.ROOT))


if __name__ == "__main__":
    main()
