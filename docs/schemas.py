"""Write what others read of the contracts: JSON Schemas, and the codes for people.

Usage: PYTHONPATH=functions python docs/schemas.py [--check]
--check only says whether the committed copies are up to date.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import contracts
from contracts.codes import CODES, CodeEntry
from contracts.document import Document

DOCS = Path(__file__).resolve().parent
WIRE = {"GenerationInfo", "PictureArguments"}
"""JSON inside Triton's tensors: never stored, so without a version."""

STUDIO_CODES = DOCS.parent / "functions/studio/site/words/codes.en.json"

WHO = {"owner": "Owner", "operator": "Operator", "nobody": "Nobody"}
CODES_HEAD = """# Codes

Every notice, photo verdict and error answer carries a code. A code never changes its meaning.
This page is written by `docs/schemas.py` from `functions/contracts/codes.py`.

| code | what happened | what to do | who acts | same again may help |
|---|---|---|---|---|
"""


def border_documents() -> Iterator[type[Document]]:
    """Yield every document that is stored or sent between programs."""
    for module in pkgutil.walk_packages(contracts.__path__, "contracts."):
        if module.ispkg:
            continue
        for kind in vars(importlib.import_module(module.name)).values():
            if not isinstance(kind, type) or not issubclass(kind, Document):
                continue
            kept = "schema_version" in kind.model_fields or kind.__name__ in WIRE
            if kind.__module__ == module.name and kept:
                yield kind


def schema(kind: type[Document]) -> str:
    """Return the JSON Schema of a document, as text that does not change by itself."""
    return json.dumps(kind.model_json_schema(), indent=2, sort_keys=True) + "\n"


def codes_page() -> str:
    """Return the page that lists every code."""
    return CODES_HEAD + "".join(_row(code, entry) for code, entry in sorted(CODES.items()))


def studio_codes() -> str:
    """Return title and hint of each code: the English part of the Studio's catalogue."""
    words = {code: [entry.title, entry.hint] for code, entry in sorted(CODES.items())}
    return json.dumps(words, indent=1) + "\n"


def pages() -> dict[Path, str]:
    """Return every generated file and its text."""
    schemas = {
        DOCS / "schemas" / f"{kind.__name__}.json": schema(kind) for kind in border_documents()
    }
    return {**schemas, DOCS / "codes.md": codes_page(), STUDIO_CODES: studio_codes()}


def main() -> int:
    """Write the files, or with --check only compare them; return the exit status."""
    wanted = pages()
    kept = {path for path in (DOCS / "schemas").glob("*.json") if path not in wanted}
    stale = {p for p, text in wanted.items() if not p.exists() or p.read_text() != text}
    if "--check" in sys.argv[1:]:
        return len(stale | kept)
    (DOCS / "schemas").mkdir(exist_ok=True)
    for path in stale:
        path.write_text(wanted[path])
    for path in kept:
        path.unlink()
    return 0


def _row(code: str, entry: CodeEntry) -> str:
    again = "yes" if entry.retryable else "no"
    return f"| `{code}` | {entry.text} | {entry.hint} | {WHO[entry.who]} | {again} |\n"


if __name__ == "__main__":
    sys.exit(main())
