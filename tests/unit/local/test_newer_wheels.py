"""What the laptop's layer has beyond Lambda's Python 3.11."""

from local.newer_wheels import REQUIREMENTS, left_out
from tests.contract.files import ROOT


def test_the_layer_of_lambda_s_python_3_11_reads_no_content_credentials() -> None:
    names = [pin.partition("==")[0] for pin in left_out((ROOT / REQUIREMENTS).read_text())]
    assert names == ["c2pa-python", "cryptography"]
