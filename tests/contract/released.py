"""What a deployed stack holds that an update may not replace: `python -m tests.contract.released`.

Usage: PYTHONPATH=. python -m tests.contract.released VERSION
Writes golden/released/VERSION.json from the expanded template: for every resource its type and the
properties whose change would replace it, by CloudFormation's schemas in the pinned cfn-lint.
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXPANDED = ROOT / "tests" / "contract" / "golden" / "expanded_template.json"
RELEASED = ROOT / "tests" / "contract" / "golden" / "released"
SCHEMAS = "lib/python3.*/site-packages/cfnlint/data/schemas"
REGION = "us-east-1"

Fixed = dict[str, dict[str, Any]]
"""By logical id: ``Type``, and ``Fixed`` with each create-only property."""


def fixed(template: dict[str, Any]) -> Fixed:
    """Return what would replace each resource if it changed."""
    return {
        name: {
            "Type": resource["Type"],
            "Fixed": {
                path: value
                for path in create_only(resource["Type"])
                if (value := at(resource.get("Properties", {}), path)) is not None
            },
        }
        for name, resource in sorted(template["Resources"].items())
    }


@cache
def create_only(kind: str) -> tuple[str, ...]:
    """Return the paths of a type's properties whose change replaces the resource."""
    (schemas,) = (ROOT / ".venv" / "sam").glob(SCHEMAS)
    known = json.loads((schemas / "providers" / f"{REGION}.json").read_text())
    if kind not in known:  # a custom resource
        return ()
    schema = json.loads((schemas / "resources" / f"{known[kind]}.json").read_text())
    return tuple(sorted(schema.get("createOnlyProperties", [])))


def at(properties: Any, path: str) -> Any:
    """Return the value at a path such as ``/properties/Name``; None when there is none."""
    for part in path.split("/")[2:]:
        if not isinstance(properties, dict):
            return None
        properties = properties.get(part)
    return properties


def main() -> int:
    """Write the golden file of a version."""
    (version,) = sys.argv[1:]
    found = fixed(json.loads(EXPANDED.read_text()))
    rows = [f"{json.dumps(name)}: {json.dumps(row, sort_keys=True)}" for name, row in found.items()]
    (RELEASED / f"{version}.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
