"""`likeness receipt verify`: a signature that was changed is no signature."""

import pytest

from contracts.documents.erasure import SignedReceipt
from likeness_client.erase import is_signed_by
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
