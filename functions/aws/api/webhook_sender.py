"""POSTs to webhooks: implements domain.ports.webhooks.Sender.

The name is looked up once, every address of it is checked, and the connection goes to the address
that was checked, with the certificate of the name. Redirects are answers, and are not followed.
"""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import urllib3
from botocore.httpsession import get_cert_path

from aws import settings
from contracts.documents.api.webhooks import Failure
from domain.ports.webhooks import Answer
from domain.webhooks.addresses import AddressRefusedError, Target, choose_address, parse_url

TIMEOUT = urllib3.Timeout(connect=5.0, read=10.0)
DEADLINE_SECONDS = 15.0
"""Seconds in which a receiver must have answered, whatever it sends meanwhile."""

MAX_ANSWER_BYTES = 1024
"""What is read of an answer, so that its status is known to have come whole."""

SUCCESS = range(200, 300)
REDIRECTS = range(300, 400)


class HttpSender:
    """A sender for public addresses, or on a laptop for private ones too."""

    def __init__(self, *, private: bool) -> None:
        self._private = private

    @classmethod
    def from_env(cls) -> "HttpSender":
        """Allow what WEBHOOK_ADDRESSES says: ``public`` or ``any``."""
        return cls(private=settings.text("WEBHOOK_ADDRESSES") == "any")

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """POST the body to the address; never raise for what the receiver does."""
        try:
            target = parse_url(url, private=self._private)
            address = choose_address(_look_up(target), private=self._private)
        except AddressRefusedError:
            return Answer(None, "address_refused")
        given = {
            "Host": _host_header(target),
            "Content-Type": "application/json",
            "User-Agent": "Likeness-Webhooks/1",
            **headers,
        }
        deadline = _Deadline(DEADLINE_SECONDS)
        try:
            with deadline:
                status = _post(target, address, body, given, deadline)
        except urllib3.exceptions.NewConnectionError:  # a kind of time-out to urllib3
            return Answer(None, "no_answer")
        except urllib3.exceptions.TimeoutError:
            return Answer(None, "too_slow")
        except (urllib3.exceptions.HTTPError, OSError):
            return Answer(None, "too_slow" if deadline.has_passed else "no_answer")
        if deadline.has_passed:
            return Answer(None, "too_slow")
        return Answer(status, _failure(status))


class _Deadline:
    """Ends a connection after some seconds: a socket's own time-out begins anew with every byte."""

    def __init__(self, seconds: float) -> None:
        self.has_passed = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        for one in self._sockets:
            one.close()

    def watching(self, kind: Any) -> Any:  # noqa: ANN401 - a class of urllib3
        """Return the class of connections with the socket of each watched."""
        watch = self._sockets.append

        class Watched(kind):  # type: ignore[misc]
            def _new_conn(self) -> socket.socket:
                made: socket.socket = super()._new_conn()
                watch(made.dup())  # TLS takes the socket itself over
                return made

        return Watched

    def _end(self) -> None:
        self.has_passed = True
        for one in self._sockets:
            with suppress(OSError):  # it has ended by itself
                one.shutdown(socket.SHUT_RDWR)


def _look_up(target: Target) -> list[str]:
    """Return the addresses of a host's name; none, where it has none now."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found))


def _post(
    target: Target, address: str, body: bytes, headers: dict[str, str], deadline: _Deadline
) -> int:
    pool: Any
    if target.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address,
            target.port,
            timeout=TIMEOUT,
            ca_certs=get_cert_path(True),
            server_hostname=target.host,
            assert_hostname=target.host,
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, target.port, timeout=TIMEOUT)
    pool.ConnectionCls = deadline.watching(pool.ConnectionCls)
    with pool:
        answer = pool.urlopen(
            "POST",
            target.path,
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
        )
        answer.read(MAX_ANSWER_BYTES)
        answer.close()
        return int(answer.status)


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    standard = {"https": 443, "http": 80}[target.scheme]
    return host if target.port == standard else f"{host}:{target.port}"


def _failure(status: int) -> Failure | None:
    if status in SUCCESS:
        return None
    return "redirected" if status in REDIRECTS else "not_accepted"
