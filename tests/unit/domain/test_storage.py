"""Documents in a bucket: JSON, for people too."""

from contracts.documents.erasure import ErasureSubject
from domain.ports.storage import read_document, write_document
from tests.fakes.storage import MemoryStorage


def test_a_document_is_stored_as_json_with_a_line_for_each_field() -> None:
    storage, document = MemoryStorage("models"), ErasureSubject(tenant="acme")
    write_document(storage, "a.json", document)
    assert storage.content_types["a.json"] == "application/json"
    assert '\n  "tenant": "acme"' in storage.objects["a.json"].decode()
    assert read_document(storage, "a.json", ErasureSubject) == document
