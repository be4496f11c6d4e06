"""The stub trainer behind a gate: it trains when the file that GATE names exists."""

import os
import sys
import time
from pathlib import Path

from bench.workflow import stub_trainer


def main() -> int:
    """Wait for the gate, then train."""
    gate = Path(os.environ["GATE"])
    while not gate.exists():
        time.sleep(0.2)
    return stub_trainer.main()


if __name__ == "__main__":
    sys.exit(main())
