"""Stands between the embedded AWS's guard and ministack, and lets calls of functions go wrong."""

import asyncio
import os
import threading
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from bench.faults.calls import Call, action_of, caller_of
from bench.faults.processes import kill, of_function, processes
from local.cloud.access import signatures
from local.cloud.access.request import Request
from local.cloud.typing_aliases import Stock

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

Passing = Literal["killed before", "killed after", "answer lost", "throttled", "server error"]
Lasting = Literal["denied", "throttled for ever"]
Kind = Passing | Lasting

PASSING: tuple[Passing, ...] = get_args(Passing)
"""These strike one call, or its first tries. The upload must end as if nothing had happened.

killed before   the function's process is killed before the call has an effect.
killed after    the call has its effect, then the process is killed.
answer lost     the call has its effect, and the function hears of an internal error.
throttled       the call and its first repeats are refused as too many.
server error    the same with internal errors.
"""

LASTING: tuple[Lasting, ...] = get_args(Lasting)
"""These strike every call of a function and action until they are taken away."""

PERFORMED = frozenset({"killed after", "answer lost"})
"""The call has its effect."""

KILLING = frozenset({"killed before", "killed after"})

REFUSALS = 2
"""How many tries of a throttled or failing call are refused; the SDK's third is answered."""

ERRORS: dict[Kind, tuple[str, int]] = {
    "answer lost": ("InternalFailure", 500),
    "throttled": ("ThrottlingException", 400),
    "server error": ("InternalFailure", 500),
    "denied": ("AccessDenied", 403),
    "throttled for ever": ("ThrottlingException", 400),
}


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and at which call; lasting ones strike every number."""

    kind: Kind
    call: Call

    def strikes(self, call: Call) -> bool:
        """Return whether it strikes this call."""
        if (call.function, call.action) != (self.call.function, self.call.action):
            return False
        if self.kind in LASTING:
            return True
        tries = REFUSALS if self.kind in {"throttled", "server error"} else 1
        return 0 <= call.number - self.call.number < tries

    def __str__(self) -> str:
        return f"{self.kind}: {self.call}"


class Injector:
    """An ASGI application around another; it counts calls, and is armed with one fault at most."""

    def __init__(self, app: Stock, stack: str = "likeness") -> None:
        self._app = app
        self._stack = stack
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._fault: Fault | None = None
        self.struck = 0
        """How many calls the fault has struck."""

    def begin(self, fault: Fault | None = None) -> None:
        """Count from 0 again, armed with this fault."""
        with self._lock:
            self._counts.clear()
            self._fault, self.struck = fault, 0

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._fault = None

    def calls(self) -> Iterator[Call]:
        """Yield each call since the beginning."""
        with self._lock:
            counts = dict(self._counts)
        for (function, action), count in sorted(counts.items()):
            yield from (Call(function, action, number) for number in range(1, count + 1))

    async def __call__(self, scope: Stock, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request.of(scope) if scope["type"] == "http" else None
        function = caller_of(request, self._stack) if request else None
        if request is None or function is None:
            await self._app(scope, receive, send)
            return
        first = await receive()  # the guard hands on the whole body at once
        kind = self._count(function, action_of(request, first.get("body", b"")))
        if kind is None or kind in PERFORMED:
            answer = send if kind is None else _nowhere
            await self._app(scope, _again(first, receive), answer)
        if kind in KILLING:
            await asyncio.to_thread(kill_function, f"{self._stack}-{function}")
        elif kind is not None:
            await _refuse(*ERRORS[kind], request, send)

    def _count(self, function: str, action: str) -> Kind | None:
        with self._lock:
            self._counts[function, action] += 1
            call = Call(function, action, self._counts[function, action])
            if self._fault is None or not self._fault.strikes(call):
                return None
            self.struck += 1
            return self._fault.kind


def kill_function(name: str) -> None:
    """Kill the processes of a function of this laptop AWS; another one's function lives on."""
    kill(processes(of_function(int(os.environ["GATEWAY_PORT"]), f"{name}/")))


def _again(first: Stock, receive: Receive) -> Receive:
    messages = [first]

    async def received() -> Any:  # noqa: ANN401 - ASGI's message
        return messages.pop() if messages else await receive()

    return received


async def _nowhere(_message: Stock) -> None:
    """Lose an answer."""


async def _refuse(code: str, status: int, request: Request, send: Send) -> None:
    """Answer with an error, in the protocol of the service that was asked."""
    from ministack.core import iam_actions  # noqa: PLC0415 - after its environment is set

    _, headers, body = iam_actions.access_denied_response(
        signatures.read(request).service, "", "", str(uuid.uuid4()),
        error_code=code, message=f"injected: {code}", headers=dict(request.headers),
    )  # fmt: skip
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
