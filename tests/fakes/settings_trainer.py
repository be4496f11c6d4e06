"""A training container that does not train, and keeps what it was told beside its checkpoints."""

import json
import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SEEN_FILE = "seen.json"


def main() -> int:
    sys.path[:0] = [str(REPOSITORY / "functions"), str(REPOSITORY)]
    from bench.workflow import stub_trainer  # noqa: PLC0415 (reads its environment at import)

    root = Path(os.environ["SAGEMAKER_BASE_DIR"])
    hyperparameters = json.loads((root / "input/config/hyperparameters.json").read_text())
    channels = sorted(path.name for path in (root / "input/data").iterdir())
    seen = {
        "environment": dict(os.environ),
        "hyperparameters": hyperparameters,
        "channels": channels,
    }
    (root / "checkpoints").mkdir(exist_ok=True)
    (root / "checkpoints" / SEEN_FILE).write_text(json.dumps(seen))
    return stub_trainer.main()


if __name__ == "__main__":
    sys.exit(main())
