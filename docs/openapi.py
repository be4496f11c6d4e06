"""Write the OpenAPI document: docs/openapi.json, and the copy behind GET /v1/openapi.json.

Usage: PYTHONPATH=functions:. python docs/openapi.py [--check]
--check writes nothing and fails when a copy is old.
"""

import json
import sys
from pathlib import Path

from http_api.document import document
from http_api.front import make_app

ROOT = Path(__file__).resolve().parents[1]
COPIES = (ROOT / "docs" / "openapi.json", ROOT / "functions" / "http_api" / "openapi.json")


def main() -> int:
    """Write the copies, or with --check only compare them; return the exit status."""
    text = json.dumps(document(make_app()), indent=1, sort_keys=True) + "\n"
    stale = [path for path in COPIES if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        return len(stale)
    for path in stale:
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
