"""A payload that is signed chunk by chunk: each chunk signs itself and the signature before it.

S3's API Reference, "Signature calculations: transferring a payload in multiple chunks", and the
page on chunks with trailing headers. SDKs for Java, Go and Rust send files in this way over HTTP.
ministack takes the chunks apart afterwards.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from local.cloud.access.request import RefusedError

PLAIN = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
WITH_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
SIGNED = frozenset({PLAIN, WITH_TRAILER})
"""Values of x-amz-content-sha256."""

TRAILER_SIGNATURE = b"x-amz-trailer-signature"
NOTHING = hashlib.sha256(b"").hexdigest()

_HEAD = re.compile(rb"([0-9a-fA-F]{1,16});chunk-signature=([0-9a-f]{64})")

MAX_HEAD = 128
"""Bytes within which the line before a chunk ends."""

Sign = Callable[[str], str]
"""Signs a text with the key of the request's day, Region and service."""


class Seed(NamedTuple):
    """What the chunks' signatures begin with: time, scope and signature of the request itself."""

    time: str
    scope: str
    signature: str


class _Chunk(NamedTuple):
    data: bytes
    signature: str


def check(body: bytes, declared: str, seed: Seed, sign: Sign) -> None:
    """Pass a body each of whose chunks was signed by the holder of the key.

    Args:
        body: the chunks as they were sent.
        declared: the request's x-amz-content-sha256, one of SIGNED.
        seed: of the request's own signature, which was checked before.
        sign: signs with the key of the caller.

    Raises:
        RefusedError: a chunk or the trailer was changed, left out or put elsewhere.
    """
    found, rest = _read(body)
    before = seed.signature
    for chunk in found:
        digest = hashlib.sha256(chunk.data).hexdigest()
        text = _text("AWS4-HMAC-SHA256-PAYLOAD", seed, before, f"{NOTHING}\n{digest}")
        before = _same(chunk.signature, sign(text))
    if declared == WITH_TRAILER:
        _check_trailer(rest, seed, before, sign)
    elif rest.strip(b"\r\n"):
        raise _incomplete("There is something after the last chunk.")


def _read(body: bytes) -> tuple[list[_Chunk], bytes]:
    """Return the chunks, the last of which is empty, and what follows them."""
    found: list[_Chunk] = []
    place = 0
    while not found or found[-1].data:
        line = body.find(b"\r\n", place, place + MAX_HEAD)
        head = _HEAD.fullmatch(body, place, max(line, place))
        if not head:
            raise _incomplete("A chunk must begin with its size and its chunk-signature.")
        begin, size = line + 2, int(head[1], 16)
        place = begin + size + 2 if size else begin  # a trailer may follow the empty one
        if size and body[begin + size : place] != b"\r\n":
            raise _incomplete("A chunk is shorter or longer than it says.")
        found.append(_Chunk(body[begin : begin + size], head[2].decode()))
    return found, body[place:]


def _check_trailer(rest: bytes, seed: Seed, before: str, sign: Sign) -> None:
    lines = [line for line in rest.split(b"\r\n") if line]
    if not lines or not lines[-1].startswith(TRAILER_SIGNATURE + b":"):
        raise _incomplete("The trailer has no x-amz-trailer-signature.")
    own = b"".join(line.replace(b": ", b":", 1) + b"\n" for line in lines[:-1])
    text = _text("AWS4-HMAC-SHA256-TRAILER", seed, before, hashlib.sha256(own).hexdigest())
    _same(lines[-1].partition(b":")[2].strip().decode("latin-1"), sign(text))


def _text(kind: str, seed: Seed, before: str, end: str) -> str:
    return f"{kind}\n{seed.time}\n{seed.scope}\n{before}\n{end}"


def _same(sent: str, wanted: str) -> str:
    if not hmac.compare_digest(sent.encode(), wanted.encode()):
        message = "The signature of a chunk does not match what was sent."
        raise RefusedError("SignatureDoesNotMatch", message)
    return wanted


def _incomplete(message: str) -> RefusedError:
    return RefusedError("IncompleteBody", message, HTTPStatus.BAD_REQUEST)
