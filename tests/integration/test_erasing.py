"""What an erasure asks of S3, SQS and KMS: fakes, embedded AWS and moto behave alike."""

from __future__ import annotations

import uuid
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from aws.erasure.dead_letters import SqsDeadLetters
from aws.erasure.signer import KmsSigner
from aws.erasure.versions import S3Versions
from domain.ports.erasure import DeadLetters, Held, VersionedBucket
from tests.fakes.erasure import MemoryDeadLetters, MemoryVersions
from tests.fakes.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud.server import Cloud
    from tests.moto_cloud import Moto

MINE, OTHERS = "tenants/acme/", "tenants/acme-two/"
"""The name of one tenant begins with the name of the other."""


class Bucket(NamedTuple):
    """A bucket with versions, and how files come and go in it."""

    versions: VersionedBucket
    put: Callable[[str], Any]
    delete: Callable[[str], Any]
    begin: Callable[[str], Any]
    """Begins an upload in parts."""


@pytest.fixture(params=["memory", "cloud", "moto"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "memory":
        storage = MemoryStorage()
        fake = MemoryVersions(storage)
        put = lambda key: storage.write(key, b"photo")  # noqa: E731
        return Bucket(fake, put, storage.delete, fake.unfinished.append)
    s3, name = request.getfixturevalue(request.param).client("s3"), f"bucket-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return Bucket(
        S3Versions(name, s3),
        lambda key: s3.put_object(Bucket=name, Key=key, Body=b"photo"),
        lambda key: s3.delete_object(Bucket=name, Key=key),
        lambda key: s3.create_multipart_upload(Bucket=name, Key=key),
    )


def test_nothing_is_left_of_what_was_replaced_deleted_or_never_finished(bucket: Bucket) -> None:
    for key in (f"{MINE}1.jpg", f"{MINE}1.jpg", f"{MINE}2.jpg", f"{OTHERS}1.jpg"):
        bucket.put(key)
    bucket.delete(f"{MINE}2.jpg")
    bucket.begin(f"{MINE}3.jpg")
    bucket.begin(f"{OTHERS}3.jpg")
    assert bucket.versions.held(MINE) == Held(4, 1), "a marker counts"
    assert bucket.versions.keys(MINE) == [f"{MINE}1.jpg", f"{MINE}2.jpg"]
    for _ in range(2):
        bucket.versions.purge(MINE)
        assert bucket.versions.held(MINE) == Held(0, 0)
    assert bucket.versions.held(OTHERS) == Held(1, 1)


def test_only_the_present_version_stays_of_a_file_that_others_need(bucket: Bucket) -> None:
    keys = (f"{MINE}plan.json", f"{MINE}plan.json.bak")
    for key in (*keys, *keys):
        bucket.put(key)
    bucket.versions.purge_older(keys[0])
    assert bucket.versions.held(keys[0]) == Held(1 + 2, 0), "its namesake keeps both"
    assert bucket.versions.keys(MINE) == list(keys)


@pytest.fixture(params=["memory", "cloud", "moto"])
def letters(request: pytest.FixtureRequest) -> DeadLetters:
    """Twelve events, more than SQS answers at once, of which two speak of acme."""
    texts = [f'{{"tenant": "t{number}"}}' for number in range(10)]
    texts += ['{"tenant": "acme"}', '{"key": "tenants/acme/1.jpg"}']
    if request.param == "memory":
        return MemoryDeadLetters(*texts)
    sqs = request.getfixturevalue(request.param).client("sqs")
    url = sqs.create_queue(QueueName=f"dead-{uuid.uuid4().hex}")["QueueUrl"]
    for text in texts:
        sqs.send_message(QueueUrl=url, MessageBody=text)
    return SqsDeadLetters(url, sqs)


def test_events_that_speak_of_somebody_go_and_the_others_are_seen_again(
    letters: DeadLetters,
) -> None:
    words = ['"acme"', "tenants/acme/"]
    assert letters.count(words) == 2
    letters.purge(words)
    assert (letters.count(words), letters.count(["tenant"])) == (0, 10)


class Signed(NamedTuple):
    """A signature over a digest, and the public half of the key that made it."""

    digest: bytes
    signature: bytes
    key: EllipticCurvePublicKey


def signed(kms: Any) -> Signed:
    """Sign a digest as SignReceipt does."""
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    digest = sha256(b"receipt").digest()
    key = load_der_public_key(kms.get_public_key(KeyId=made["Arn"])["PublicKey"])
    assert isinstance(key, EllipticCurvePublicKey)
    return Signed(digest, KmsSigner(made["Arn"], kms).sign(digest), key)


OF_A_DIGEST = ECDSA(Prehashed(SHA256()))


def test_a_receipt_s_signature_is_checked_with_the_public_key_alone(cloud: Cloud) -> None:
    made = signed(cloud.client("kms"))
    made.key.verify(made.signature, made.digest, OF_A_DIGEST)
    with pytest.raises(InvalidSignature):
        made.key.verify(made.signature, sha256(b"another").digest(), OF_A_DIGEST)


def test_moto_hashes_a_digest_once_more(moto: Moto) -> None:
    """AWS says that KMS skips the hashing of a DIGEST; docs/differences.md has the line."""
    made = signed(moto.client("kms"))
    with pytest.raises(InvalidSignature):
        made.key.verify(made.signature, made.digest, OF_A_DIGEST)
    made.key.verify(made.signature, made.digest, ECDSA(SHA256()))
