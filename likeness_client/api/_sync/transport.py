"""One call of the HTTP API: sent, tried again where that is safe, and read."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import httpx
from pydantic import BaseModel

from likeness_client.api.errors import LikenessError, NotReachedError
from likeness_client.api.requests import (
    TIMEOUT,
    Call,
    address_of,
    body_of,
    headers_of,
    key_of,
    opened,
    query_of,
    read,
)
from likeness_client.api.retries import PATIENCE_SECONDS, Retries

D = TypeVar("D", bound=BaseModel)
T = TypeVar("T")


class Transport:
    """Sends calls to one API with one key.

    Args:
        address: the stack's output ApiUrl; absent: the environment variable LIKENESS_API.
        key: an API key; absent: the environment variable LIKENESS_API_KEY.
        patience_seconds: how long one call goes on when the service is busy or away.
        http: another client of httpx, for a proxy or a certificate of one's own.

    Raises:
        NoAddressError: address or key is missing, the address is not safe, or the environment's
            proxy or certificates cannot be used.
    """

    def __init__(
        self,
        address: str | None = None,
        key: str | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = address_of(address)
        self._key = key_of(key)
        self._patience_seconds = patience_seconds
        tunnel = self.address.startswith("https")  # else a proxy of the environment reads the key
        self._http = http or opened(lambda: httpx.Client(timeout=TIMEOUT, trust_env=tunnel))
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, call: Call[D]) -> D:
        """Send a call until it is answered; all its tries have one body and one key.

        Raises:
            ApiError: the API has refused the call.
            NotReachedError: no answer came within the client's patience.
            NotUnderstoodError: what answers is none of our APIs.
        """
        request = self._http.build_request(
            call.method,
            self.address + call.path,
            params=query_of(call.query),
            json=body_of(call.body),
            headers=headers_of(self._key, call.method, call.idempotency_key),
        )

        def once() -> D:
            return read(call.answer, self._http.send(request))

        return self._repeat(once)

    def _repeat(self, once: Callable[[], T]) -> T:
        """Return what a call brings, which is made again after what may pass.

        Raises:
            LikenessError: it does not pass, or not within the client's patience.
        """
        retries = Retries(self._patience_seconds)
        while True:
            try:
                return once()
            except httpx.TransportError as error:
                failure: LikenessError = NotReachedError(type(error).__name__)
            except LikenessError as error:
                failure = error
            self._sleep(retries.pause(failure))
