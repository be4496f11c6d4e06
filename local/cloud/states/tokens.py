"""Task tokens: one for each attempt, valid while that attempt waits."""

import base64
import re
import secrets
import threading
import time
from dataclasses import dataclass, field

from local.cloud.typing_aliases import Json

PREFIX = "AQCEAAAAKgAAAAMAAAAA"
_FORM = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9+/=]{100,}")
_MAX_ENDED = 10_000  # tokens of ended attempts to keep


@dataclass
class Token:
    """An attempt that waits for an answer, and the answer."""

    machine_arn: str
    answered: threading.Event = field(default_factory=threading.Event)
    last_heartbeat: float = field(default_factory=time.monotonic)
    output: str | None = None
    failure: tuple[str, str] | None = None


class UnknownTokenError(Exception):
    """No attempt waits for a token. `code` is the API's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_open: dict[str, Token] = {}
_ended: dict[str, str] = {}
_lock = threading.Lock()


def issue(machine_arn: str) -> tuple[str, Token]:
    """Return a new token's name, and the token."""
    name = PREFIX + base64.b64encode(secrets.token_bytes(96)).decode()
    token = Token(machine_arn)
    with _lock:
        _open[name] = token
    return name, token


def end(name: str) -> None:
    """End an attempt; later answers get TaskTimedOut."""
    with _lock:
        token = _open.pop(name, None)
        if token is not None:
            _ended[name] = token.machine_arn
        while len(_ended) > _MAX_ENDED:
            del _ended[next(iter(_ended))]


def waiting(name: Json) -> Token:
    """Return the attempt that waits for this token.

    Raises:
        UnknownTokenError: InvalidToken for a text that is no token, TaskTimedOut for an ended
            attempt, TaskDoesNotExist for a token of an earlier server.
    """
    with _lock:
        if name in _open:
            token = _open[name]
            if not token.answered.is_set():
                return token
        elif not isinstance(name, str) or not _FORM.fullmatch(name):
            raise UnknownTokenError("InvalidToken", "Invalid Token: 'Invalid token'")
        elif name not in _ended:
            raise UnknownTokenError("TaskDoesNotExist", "Task does not exist")
    text = "Task Timed Out: 'Provided task does not exist anymore'"
    raise UnknownTokenError("TaskTimedOut", text)


def machine_of(name: Json) -> str | None:
    """Return the ARN of the state machine that issued a token, for IAM."""
    with _lock:
        return _open[name].machine_arn if name in _open else _ended.get(name)


def reset() -> None:
    """Forget all tokens."""
    with _lock:
        _open.clear()
        _ended.clear()


def now() -> float:
    """Return the current time on the clock of `last_heartbeat`."""
    return time.monotonic()
