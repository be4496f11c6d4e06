"""`likeness receipt verify`: a signature that was changed is no signature."""

from pathlib import Path

import pytest

from contracts.documents.erasure import SignedReceipt
from likeness_client.erase import NoSubjectError, is_signed_by, read
from tests.contract.files import ROOT

GOLDEN = ROOT / "tests" / "contract" / "golden"


class NoKms:
    """boto3's session without a network: whoever asks has not looked at the signature."""

    def client(self, name: str, **_more: object) -> None:
        pytest.fail(f"{name} was asked")


@pytest.mark.parametrize("signature", ["", "=", "AAA", "MEUCIQ", "no base64!", "\u00e9"])
def test_what_is_no_signature_signs_nothing(signature: str) -> None:
    (file,) = GOLDEN.rglob("SignedReceipt*.json")
    signed = SignedReceipt.model_validate_json(file.read_bytes())
    changed = signed.model_copy(update={"signature": signature})
    assert not is_signed_by(changed, "arn:aws:kms:eu-west-1:123456789012:key/1", NoKms())


def test_a_receipt_that_is_missing_and_a_file_that_is_none_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_bytes(b"\xff{}")
    with pytest.raises(NoSubjectError, match="no receipt"):
        read(tmp_path / "other.json")
    with pytest.raises(NoSubjectError, match="No such file"):
        read(tmp_path / "missing.json")
