"""The stack's signing key in KMS: implements domain.ports.erasure.Signer."""

from typing import Any

from aws import settings
from aws.clients import client
from contracts.documents.erasure import SIGNING_ALGORITHM


class KmsSigner:
    """Signs digests; the private key never leaves KMS."""

    def __init__(self, key_arn: str, kms: Any) -> None:  # noqa: ANN401 - a boto3 client
        self.key_arn = key_arn
        self._kms = kms

    @classmethod
    def from_env(cls) -> "KmsSigner":
        """Use the key that RECEIPT_KEY_ARN names."""
        return cls(settings.text("RECEIPT_KEY_ARN"), client("kms"))

    def sign(self, digest: bytes) -> bytes:
        """Return the signature over a SHA-256 digest (ECDSA on P-256, DER)."""
        answer = self._kms.sign(
            KeyId=self.key_arn,
            Message=digest,
            MessageType="DIGEST",
            SigningAlgorithm=SIGNING_ALGORITHM,
        )
        signature: bytes = answer["Signature"]
        return signature
