"""`likeness import`: what is refused before anything is uploaded."""

import json
from pathlib import Path
from typing import Any

import pytest

from likeness_client.aws_imports import check_consent
from likeness_client.imports import NotImportedError, Order, request_of
from local.demo.upload import consent

ASKING: dict[str, Any] = {
    "Parameters": [{"ParameterKey": "RequireConsent", "ParameterValue": "true"}]
}


def written(folder: Path, fields: dict[str, Any]) -> Path:
    (file := folder / "consent.json").write_text(json.dumps(fields))
    return file


def order(subject: str = "person", file: Path | None = None) -> Order:
    return Order(Path("a.safetensors"), "ohwx", subject, file)


def test_a_person_s_lora_needs_a_consent_where_the_stack_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(NotImportedError, match="--consent"):
        check_consent(request_of(order()), ASKING)
    check_consent(request_of(order()), {})
    check_consent(request_of(order("dog")), ASKING)
    given = request_of(order(file=written(tmp_path, consent())))
    check_consent(given, ASKING)
    assert given.consent is not None
    assert given.consent.given_by == "drawn-person"


def test_a_file_that_holds_no_consent_is_named_with_its_fields(tmp_path: Path) -> None:
    file = written(tmp_path, consent() | {"given_by": "Anna Schmidt"})
    with pytest.raises(NotImportedError, match="given_by") as caught:
        request_of(order(file=file))
    assert "Anna" not in str(caught.value)
    with pytest.raises(NotImportedError, match="cannot be read"):
        request_of(order(file=tmp_path / "none.json"))
