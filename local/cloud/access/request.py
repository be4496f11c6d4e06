"""A request as it arrived, and why one is refused."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

from local.cloud.typing_aliases import Stock


class RefusedError(Exception):
    """A request is not answered; `code` is AWS's name for the reason."""

    def __init__(self, code: str, message: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Request:
    """What a signature covers, except the body."""

    method: str

    path: str
    """As sent, still percent-encoded, without the query."""

    query: list[tuple[str, str]]
    """Decoded, in the order in which it was sent."""

    headers: list[tuple[str, str]]
    """Names in small letters."""

    @classmethod
    def of(cls, scope: Stock) -> "Request":
        """Read an ASGI scope."""
        return cls(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
            headers=[(n.decode("latin-1").lower(), _text(v)) for n, v in scope["headers"]],
        )

    def header(self, name: str) -> str | None:
        """Return a header's value, or None where it is not sent.

        Raises:
            RefusedError: it was sent twice, so two readers could read two values.
        """
        return self._one(name, [value for sent, value in self.headers if sent == name])

    def parameter(self, name: str) -> str | None:
        """Return a query parameter's value, or None; upper and lower case are the same name.

        Raises:
            RefusedError: it was sent twice, so two readers could read two values.
        """
        wanted = name.lower()
        return self._one(name, [value for sent, value in self.query if sent.lower() == wanted])

    @staticmethod
    def _one(name: str, values: list[str]) -> str | None:
        if len(values) > 1:
            message = f"The request has more than one {name}. Send it once."
            raise RefusedError("InvalidRequest", message, HTTPStatus.BAD_REQUEST)
        return values[0] if values else None


def _text(value: bytes) -> str:
    """Decode a header as clients encode it before they sign it."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
