"""Documents that were ever written can still be read: golden files are added, never edited."""

import importlib.util
import json
from pathlib import Path

import pytest

from contracts.document import Document
from tests.contract.files import ROOT

GOLDEN = sorted((ROOT / "tests" / "contract" / "golden").glob("*.v*.json"))


def documents() -> dict[str, type[Document]]:
    spec = importlib.util.spec_from_file_location("schemas", ROOT / "docs" / "schemas.py")
    assert spec is not None
    assert spec.loader is not None
    schemas = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(schemas)
    return {kind.__name__: kind for kind in schemas.border_documents()}


DOCUMENTS = documents()


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_version_ever_released_still_loads(path: Path) -> None:
    kind = DOCUMENTS[path.name.split(".")[0]]
    document = kind.model_validate_json(path.read_text())
    assert kind.model_validate_json(document.model_dump_json()) == document


@pytest.mark.parametrize(
    "path", [path for path in GOLDEN if "-" not in path.stem], ids=lambda path: path.stem
)
def test_documents_are_written_under_the_names_that_stored_ones_have(path: Path) -> None:
    """Rows, objects, events and states of running executions keep the names of their fields."""
    kind = DOCUMENTS[path.name.split(".")[0]]
    written = json.loads(kind.model_validate_json(path.read_text()).model_dump_json())
    assert names(json.loads(path.read_text())) <= names(written)


def names(found: object, prefix: str = "") -> set[str]:
    """The path of every field."""
    if isinstance(found, list):
        return set().union(*(names(item, prefix) for item in found))
    if not isinstance(found, dict):
        return set()
    own = {f"{prefix}{name}" for name in found}
    return own.union(*(names(value, f"{prefix}{name}.") for name, value in found.items()))


def test_every_document_has_a_golden_file_of_its_version() -> None:
    versions = {
        name: kind.model_fields["schema_version"].default
        for name, kind in DOCUMENTS.items()
        if "schema_version" in kind.model_fields
    }
    wanted = {f"{name}.v{version}.json" for name, version in versions.items()}
    assert wanted <= {path.name for path in GOLDEN}
