"""A payload that is signed chunk by chunk, against the example of S3's API Reference."""

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.cloud.access import chunks
from local.cloud.access.request import RefusedError

SEED = chunks.Seed(
    "20130524T000000Z",
    "20130524/us-east-1/s3/aws4_request",
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
)
SIGNATURES = (
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)
"""Signatures of AWS's example: 65 KiB of the letter a in chunks of 64 KiB (S3 API Reference,
"Transferring a payload in multiple chunks")."""


def body(*sizes: int) -> bytes:
    parts = zip(sizes, SIGNATURES, strict=True)
    return b"\r\n".join(
        f"{size:x};chunk-signature={signature}\r\n".encode() + b"a" * size
        for size, signature in parts
    )


def sign(text: str) -> str:
    key = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    request = AWSRequest()
    request.context["timestamp"] = SEED.time
    return str(S3SigV4Auth(key, "s3", "us-east-1").signature(text, request))


def test_the_example_of_the_reference_passes() -> None:
    chunks.check(body(65536, 1024, 0) + b"\r\n", chunks.PLAIN, SEED, sign)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (body(65536, 1024, 0).replace(b"aa", b"ab", 1), "SignatureDoesNotMatch"),
        (body(65536, 1024, 0)[: 65536 + 200], "IncompleteBody"),
        (body(65536, 1024, 0) + b"\r\nmore", "IncompleteBody"),
        (body(65536, 1023, 0), "SignatureDoesNotMatch"),
        (b"400;chunk-signature=x\r\n", "IncompleteBody"),
        (b"", "IncompleteBody"),
    ],
    ids=["another byte", "cut", "more", "shorter", "no signature", "empty"],
)
def test_what_was_changed_on_its_way_is_refused(sent: bytes, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        chunks.check(sent, chunks.PLAIN, SEED, sign)
    assert refused.value.code == code


def test_a_chunk_is_bound_to_the_request_before_it() -> None:
    other = SEED._replace(signature="0" * 64)
    with pytest.raises(RefusedError):
        chunks.check(body(65536, 1024, 0), chunks.PLAIN, other, sign)


def test_a_trailer_must_be_signed() -> None:
    with pytest.raises(RefusedError) as refused:
        chunks.check(body(65536, 1024, 0), chunks.WITH_TRAILER, SEED, sign)
    assert refused.value.code == "IncompleteBody"
