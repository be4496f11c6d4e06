"""Address, key, bodies and answers of the HTTP API: what the sync and the async client share."""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
from pydantic import BaseModel, RootModel, ValidationError

from contracts.codes import CODES
from contracts.documents.api.pictures import ANY_SEED, MAX_SEED, NewPicture
from contracts.documents.api.problem import Problem
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.layout.uploads import API_ADAPTER_FILE
from likeness_client.api.errors import ApiError, NotUnderstoodError

ADDRESS, KEY = "LIKENESS_API", "LIKENESS_API_KEY"
"""Environment variables; a key never stands in a command line, where every process sees it."""

TIMEOUT = httpx.Timeout(40.0, connect=10.0)
"""Seconds: the service itself answers within 30, also where it waits for a change."""

WAIT_SECONDS = 20
"""How long the service holds one question back until there is news."""

LOOPBACK = {"127.0.0.1", "::1", "localhost"}

GATEWAY_CODES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.TOO_MANY_REQUESTS: "too_many_requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal_error",
    HTTPStatus.BAD_GATEWAY: "internal_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "internal_error",
    HTTPStatus.GATEWAY_TIMEOUT: "internal_error",
}
"""Our code for what API Gateway answers itself, without a code."""

D = TypeVar("D", bound=BaseModel)


C = TypeVar("C", httpx.Client, httpx.AsyncClient)
T_co = TypeVar("T_co", covariant=True)


class Page(Protocol[T_co]):
    """Some entries of a list."""

    @property
    def data(self) -> tuple[T_co, ...]:
        """The entries, the newest first."""

    @property
    def next(self) -> str | None:
        """What is sent as ``after`` for the next page; None: this is the last one."""


class AnyObject(RootModel[dict[str, Any]]):
    """An answer that is any JSON object."""


@dataclass(frozen=True)
class Call(Generic[D]):
    """One call of the API."""

    method: str

    path: str

    answer: type[D]

    query: Mapping[str, int | str | None] = field(default_factory=dict)

    body: BaseModel | None = None

    idempotency_key: str | None = None
    """Absent: each POST gets one of its own."""


class NoAddressError(Exception):
    """Nothing says where the API is or who calls, or the key would be sent in the clear."""


def address_of(given: str | None) -> str:
    """Return the API's address without a slash at its end.

    Raises:
        NoAddressError: there is none, or it is neither https nor on this machine.
    """
    address = (given or os.environ.get(ADDRESS, "")).rstrip("/")
    if not address:
        raise NoAddressError(f"name the API's address, the stack's output ApiUrl, in {ADDRESS}")
    try:
        parts = urlsplit(address)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        known = False
    if not known:
        raise NoAddressError("the API's address is none such as https://api.example.org")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise NoAddressError("the API's address must begin with https: the key would be readable")
    return address


def opened(make: Callable[[], C]) -> C:
    """Return a client of httpx, which reads proxies and certificates from the environment.

    Raises:
        NoAddressError: one of them cannot be used.
    """
    try:
        return make()
    except ImportError:
        words = "a proxy of the environment is a SOCKS proxy: pip install 'httpx[socks]'"
    except OSError:
        words = "SSL_CERT_FILE or SSL_CERT_DIR names no certificates that can be read"
    except (ValueError, httpx.InvalidURL):
        words = "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY has no address such as http://proxy"
    raise NoAddressError(words)


def key_of(given: str | None) -> str:
    """Return the API key.

    Raises:
        NoAddressError: there is none.
    """
    key = (given or os.environ.get(KEY, "")).strip()
    if not key or not key.isascii() or not key.isprintable():
        raise NoAddressError(f"put an API key into {KEY}; `likeness keys create` makes one")
    return key


def headers_of(key: str, method: str, idempotency_key: str | None) -> dict[str, str]:
    """Return the headers of a call; a POST has one Idempotency-Key for all its tries."""
    headers = {"Authorization": f"Bearer {key}", "User-Agent": USER_AGENT}
    if method == "POST":
        headers["Idempotency-Key"] = idempotency_key or uuid4().hex
    return headers


def body_of(body: BaseModel | None) -> dict[str, Any] | None:
    """Return a body as JSON; an order of pictures gets its seed here.

    When an answer is lost on its way, the order that is sent again names the same pictures.
    """
    if isinstance(body, NewPicture) and body.seed in {None, ANY_SEED}:
        body = body.model_copy(update={"seed": secrets.randbelow(MAX_SEED)})
    return None if body is None else body.model_dump(mode="json", exclude_unset=True)


def import_request(request: TrainingRequest | Mapping[str, Any]) -> TrainingRequest:
    """Return a request as that of the LoRA that is the only file of its upload."""
    if isinstance(request, TrainingRequest):
        fields = request.model_dump(exclude_unset=True)
    else:
        fields = dict(request)
    return TrainingRequest.model_validate(fields | {"adapter_file": API_ADAPTER_FILE})


def query_of(query: Mapping[str, int | str | None]) -> dict[str, int | str]:
    """Return what stands behind the question mark; None is left out."""
    return {name: value for name, value in query.items() if value is not None}


def part(text: str | int) -> str:
    """Return an id as a part of a path: whatever it is, it names nothing beside the path.

    >>> part("a/../b:c"), part("..")
    ('a%2F%2E%2E%2Fb%3Ac', '%2E%2E')
    """
    return quote(str(text), safe="").replace(".", "%2E")


def read(kind: type[D], response: httpx.Response) -> D:
    """Return an answer; fields that a newer service has added are left out.

    Raises:
        ApiError: the API has refused the request.
        NotUnderstoodError: the answer is none of the API's.
    """
    if not response.is_success:
        raise problem_of(response)
    try:
        return kind.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        raise NotUnderstoodError(str(response.url.copy_with(query=None))) from None


def problem_of(response: httpx.Response) -> ApiError | NotUnderstoodError:
    """Return what an answer without success says."""
    after = seconds_of(response.headers.get("Retry-After", ""))
    try:
        found = Problem.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        code = GATEWAY_CODES.get(response.status_code)
        if code is None:
            return NotUnderstoodError(str(response.url.copy_with(query=None)))
        found = problem_with(code, response.status_code)
    return ApiError(found, after)


def problem_with(code: str, status: int) -> Problem:
    """Return a problem in the words of docs/codes.md."""
    entry = CODES[code]
    return Problem(
        type=f"urn:likeness:code:{code}",
        title=entry.title,
        status=status,
        detail=entry.text,
        code=code,
        hint=entry.hint,
        retryable=entry.retryable,
        request_id="",
    )


def seconds_of(text: str) -> float:
    """Return Retry-After in seconds.

    >>> seconds_of("2"), seconds_of("Wed, 21 Oct 2026 07:28:00 GMT")
    (2.0, 0.0)
    """
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _version() -> str:
    try:
        return version("likeness")
    except PackageNotFoundError:  # a checkout
        return "0"


USER_AGENT = f"likeness-python/{_version()}"
