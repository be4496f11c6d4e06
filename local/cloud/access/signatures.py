"""Signature Version 4, in the header and in the query, as AWS checks it.

botocore's own signers sign the request again; the two signatures must be the same.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.cloud.access import chunks
from local.cloud.access.request import RefusedError, Request
from local.cloud.typing_aliases import Stock

ALGORITHM = "AWS4-HMAC-SHA256"
CLOCK_SKEW = timedelta(minutes=15)
MAX_EXPIRES = 7 * 24 * 3600
"""Seconds that a presigned URL may be good for."""

NOT_SIGNED_BY_HEADER = frozenset({"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
"""Payloads that the signature leaves out; a trailer's checksum is ministack's to check."""

QUERY_NAMES = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature")
OLD_QUERY_NAMES = ("AWSAccessKeyId", "Signature")

_SCOPE = r"(?P<key_id>\w+)/(?P<day>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request"
_CREDENTIAL = re.compile(_SCOPE)
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential={_SCOPE}, *SignedHeaders=(?P<headers>[\w;-]+),"
    r" *Signature=(?P<signature>[0-9a-f]{64})"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Signature:
    """What a request says of its own signature."""

    key_id: str
    day: str
    region: str
    service: str
    signed_headers: frozenset[str]
    signature: str
    time: str
    token: str | None
    expires: int | None
    """Seconds after `time`, of a presigned URL; None: the signature is in the header."""


def read(request: Request) -> Signature:
    """Return the signature that a request carries.

    Raises:
        RefusedError: it has none, an incomplete one, or one of another kind.
    """
    authorization = request.header("authorization")
    in_query = [n for n in (*QUERY_NAMES, *OLD_QUERY_NAMES) if request.parameter(n) is not None]
    if authorization is not None and in_query:
        message = "Only one way to sign is allowed: the Authorization header or the query."
        raise RefusedError("InvalidArgument", message, HTTPStatus.BAD_REQUEST)
    if authorization is not None:
        return _of_header(request, authorization)
    if in_query:
        return _of_query(request)
    message = (
        "Missing Authentication Token: the request is not signed. Sign it with the keys that"
        " `make up` printed."
    )
    raise RefusedError("MissingAuthenticationToken", message)


def check_time(signature: Signature, now: datetime) -> None:
    """Pass a signature that is made now, or is still good.

    Raises:
        RefusedError: it is too old, or of the future.
    """
    made = _moment(signature.time)
    if made.strftime("%Y%m%d") != signature.day:
        message = "The date in the credential scope is not that of the request."
        raise RefusedError("SignatureDoesNotMatch", message)
    if signature.expires is not None and now > made + timedelta(seconds=signature.expires):
        raise RefusedError("AccessDenied", "Request has expired")
    too_old = signature.expires is None and now - made > CLOCK_SKEW
    if too_old or made - now > CLOCK_SKEW:
        message = "The difference between the request time and the current time is too large."
        raise RefusedError("RequestTimeTooSkewed", message)


def check(request: Request, signature: Signature, body: bytes, secret: str) -> None:
    """Pass a request that was signed with this secret and arrived as it was signed.

    Raises:
        RefusedError: another secret signed it, or something in it was changed.
    """
    _check_signed_headers(request, signature)
    if not hmac.compare_digest(
        _signed_again(request, signature, body, secret), signature.signature
    ):
        message = (
            "The request signature we calculated does not match the signature you provided."
            " Use the keys that `make up` printed; each start makes new ones."
        )
        raise RefusedError("SignatureDoesNotMatch", message)
    declared = request.header("x-amz-content-sha256")
    if declared in chunks.SIGNED:
        _check_chunks(declared, signature, body, secret)
    else:
        _check_payload(declared, body)


def _of_header(request: Request, authorization: str) -> Signature:
    found = _AUTHORIZATION.fullmatch(authorization)
    if not found:
        raise _incomplete("The Authorization header is not a complete SigV4 signature.")
    return Signature(
        key_id=found["key_id"],
        day=found["day"],
        region=found["region"],
        service=found["service"],
        signed_headers=frozenset(found["headers"].split(";")),
        signature=found["signature"],
        time=request.header("x-amz-date") or "",
        token=request.header("x-amz-security-token"),
        expires=None,
    )


def _of_query(request: Request) -> Signature:
    found = _CREDENTIAL.fullmatch(request.parameter("X-Amz-Credential") or "")
    if not found or request.parameter("X-Amz-Algorithm") != ALGORITHM:
        message = (
            "The query is not a complete SigV4 signature. boto3 presigns with SigV4 when its client"
            " has Config(signature_version='s3v4')."
        )
        raise _incomplete(message)
    expires = request.parameter("X-Amz-Expires") or ""
    if not re.fullmatch(r"\d{1,6}", expires, re.ASCII) or not 0 < int(expires) <= MAX_EXPIRES:
        raise _incomplete(f"X-Amz-Expires must be between 1 and {MAX_EXPIRES} seconds.")
    return Signature(
        key_id=found["key_id"],
        day=found["day"],
        region=found["region"],
        service=found["service"],
        signed_headers=frozenset((request.parameter("X-Amz-SignedHeaders") or "").split(";")),
        signature=request.parameter("X-Amz-Signature") or "",
        time=request.parameter("X-Amz-Date") or "",
        token=request.parameter("X-Amz-Security-Token"),
        expires=int(expires),
    )


def _incomplete(message: str) -> RefusedError:
    return RefusedError("IncompleteSignature", message, HTTPStatus.BAD_REQUEST)


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete("X-Amz-Date must be like 20261128T140500Z.") from None


def _check_signed_headers(request: Request, signature: Signature) -> None:
    """Refuse a header that changes what a request asks for and that nobody signed."""
    if "host" not in signature.signed_headers:
        raise RefusedError("SignatureDoesNotMatch", "'host' must be a signed header.")
    ours = {name for name, _ in request.headers if name.startswith("x-amz-")}
    if signature.expires is not None:
        ours.discard("x-amz-content-sha256")  # compared with the body all the same
    if ours - signature.signed_headers:
        message = "There were headers present in the request which were not signed."
        raise RefusedError("AccessDenied", message)


def _signed_again(request: Request, signature: Signature, body: bytes, secret: str) -> str:
    """Return the signature that the holder of the secret would have made."""
    signer = _signer(signature, secret)
    sent = AWSRequest(
        method=request.method,
        url=f"http://{request.header('host')}{request.path}",
        data=body,
        params=[(n, v) for n, v in request.query if n.lower() != "x-amz-signature"],
    )
    for name, value in request.headers:
        if name in signature.signed_headers:
            sent.headers.add_header(name, value)
    sent.context["timestamp"] = signature.time
    text = signer.string_to_sign(sent, signer.canonical_request(sent))
    return str(signer.signature(text, sent))


def _signer(signature: Signature, secret: str) -> Stock:
    """Return botocore's signer: S3 signs the path as it is, and no payload of a presigned URL."""
    kind = SigV4Auth
    if signature.service == "s3":
        kind = S3SigV4Auth if signature.expires is None else S3SigV4QueryAuth
    credentials = Credentials(signature.key_id, secret, signature.token)
    return kind(credentials, signature.service, signature.region)


def _check_chunks(declared: str, signature: Signature, body: bytes, secret: str) -> None:
    """Compare each chunk with its own signature."""
    signer, sent = _signer(signature, secret), AWSRequest()
    sent.context["timestamp"] = signature.time
    scope = f"{signature.day}/{signature.region}/{signature.service}/aws4_request"
    seed = chunks.Seed(signature.time, scope, signature.signature)
    chunks.check(body, declared, seed, lambda text: str(signer.signature(text, sent)))


def _check_payload(declared: str | None, body: bytes) -> None:
    """Compare the body with its declared hash; without one, the signature was over the body."""
    if declared is None or declared in NOT_SIGNED_BY_HEADER:
        return
    if not _SHA256.fullmatch(declared):  # as of the kinds for ECDSA, of which nothing is checked
        message = "The laptop checks no payload of this kind. Sign with AWS4-HMAC-SHA256."
        raise RefusedError("NotImplemented", message, HTTPStatus.NOT_IMPLEMENTED)
    if not hmac.compare_digest(hashlib.sha256(body).hexdigest(), declared):
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise RefusedError("XAmzContentSHA256Mismatch", message, HTTPStatus.BAD_REQUEST)
