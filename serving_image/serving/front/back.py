"""Triton behind the front: hands a request on, and returns what it answers."""

from collections.abc import Mapping

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from serving.front.errors import LOST, Reply

PASSED = ("accept", "content-type", "inference-header-content-length")
"""Headers that are handed on, beside SageMaker's own."""

AMAZON = "x-amzn-"
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


class Back:
    """Triton's SageMaker port."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.session: ClientSession | None = None

    async def open(self) -> None:
        """Make connections possible; any number of requests may be in flight."""
        self.session = ClientSession(
            connector=TCPConnector(limit=0), timeout=ClientTimeout(total=None)
        )

    async def close(self) -> None:
        """End all connections."""
        if self.session is not None:
            await self.session.close()

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """Return Triton's answer, or the one that says that it has gone."""
        if self.session is None:
            return LOST
        try:
            async with self.session.request(
                method, self.address + path, data=body or None, headers=headers
            ) as answer:
                content = await answer.read()
                kind = answer.headers.get("Content-Type", "application/json")
                return Reply(answer.status, content, kind, answer.headers.get(ATTRIBUTES))
        except (ClientError, OSError):
            return LOST


def passed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that Triton may see."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() in PASSED or name.lower().startswith(AMAZON)
    }
