"""The ASGI application before ministack: a request passes when a holder of a key signed it.

ministack takes any Origin, any Host, and any signature of the root key. It allows every web page
to read its answers (`Access-Control-Allow-Origin: *`). So any page in the developer's browser could
create a function here, and run it on this machine.
"""

import asyncio
import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from local.cloud.access import origins, signatures
from local.cloud.access.request import RefusedError, Request
from local.cloud.access.root_key import AccessKey
from local.cloud.access.signatures import Signature
from local.cloud.typing_aliases import Stock

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

HEALTH = "/_ministack/health"
CONTROL = "/_ministack/"
HTTP_API = "/_aws/execute-api/"
"""Where the HTTP APIs of stacks are; each knows its own callers and the pages that may ask."""

HTTP_API_CALL = re.compile(re.escape(HTTP_API) + "[A-Za-z0-9]+/.*", re.DOTALL)
"""A call of one. Of a shorter address, ministack asks the query which service is called."""

LARGE = 1 << 20
"""Bytes; a larger body is hashed on a thread, so that other requests go on."""

CUSTOM_RESOURCE_ANSWER = re.compile(r"/_ministack/cfn-response/[0-9a-f-]{36}")
"""Where a custom resource's function puts its answer; on AWS a presigned URL. The random name is
made for this one answer, and only the function is told."""

PUBLIC_KEYS = re.compile(
    r"/[a-z0-9-]+_[A-Za-z0-9]+/\.well-known/(jwks|openid-configuration)(\.json)?"
)
"""The public keys of a user pool."""

FORM, BUCKET = "multipart/form-data;", re.compile(r"/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/?")
"""A form with which a file is sent to S3; it carries its own signature."""

SIGN_IN = frozenset(
    f"AWSCognitoIdentityProviderService.{name}"
    for name in (
        *("InitiateAuth", "RespondToAuthChallenge", "RevokeToken", "GetUser"),
        *("ForgotPassword", "ConfirmForgotPassword", "ChangePassword"),
        *("AssociateSoftwareToken", "VerifySoftwareToken", "SetUserMFAPreference"),
    )
)
"""What a person without AWS credentials may ask a user pool, here as on AWS."""

log = logging.getLogger(__name__)


class DisconnectedError(Exception):
    """The client went away before its request was whole."""


class Guard:
    """Answers in ministack's place what it must not see."""

    def __init__(self, app: Stock, port: int, root: AccessKey) -> None:
        self._app = app
        self._port = port
        self._root = root

    async def __call__(self, scope: Stock, receive: Receive, send: Send) -> None:
        """Serve one connection of hypercorn's."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:  # a browser opens a WebSocket to any address, and nothing of ours needs one
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Stock, receive: Receive, send: Send) -> None:
        request = Request.of(scope)
        signature: Signature | None = None
        try:
            for_api = HTTP_API_CALL.fullmatch(request.path) is not None
            origins.check(request, self._port, any_page=for_api)
            if not for_api and not _is_open(request):
                signature = signatures.read(request)
                receive = await self._admit(request, signature, receive)
        except RefusedError as error:
            log.warning("refused a request: %s: %s", error.code, error.message)
            await _refuse(send, error, request, signature)
        except DisconnectedError:
            log.info("a client went away before its request was whole")
        else:
            await self._app(scope, receive, send if for_api else _without_cors(send))

    async def _admit(self, request: Request, signature: Signature, receive: Receive) -> Receive:
        """Check who signed, before the body is taken at all; return a `receive` with the body."""
        signatures.check_time(signature, datetime.now(UTC))
        secret = self._secret(request, signature)
        body = await _body(receive)
        if len(body) > LARGE:
            await asyncio.to_thread(signatures.check, request, signature, body, secret)
        else:
            signatures.check(request, signature, body, secret)
        return _again(body, receive)

    def _secret(self, request: Request, signature: Signature) -> str:
        """Return the secret of a key that this AWS gave out.

        Raises:
            RefusedError: it gave out no such key, or with another session token.
        """
        if signature.key_id == self._root.key_id and signature.token is None:
            return self._root.secret
        if unquote(request.path).startswith(CONTROL):
            raise RefusedError("AccessDenied", "Only the root key may use /_ministack/.")
        return _secret_of_session_or_user(signature)


def _is_open(request: Request) -> bool:
    """Say whether AWS, too, asks for no signature: it reads nothing, or its name is the secret."""
    if request.method == "GET":
        return request.path == HEALTH or PUBLIC_KEYS.fullmatch(request.path) is not None
    if request.method == "POST" and request.header("x-amz-target") in SIGN_IN:
        return request.path == "/" and not request.query
    if request.method == "POST" and (request.header("content-type") or "").startswith(FORM):
        return _is_for_bucket(request)  # ministack checks the form's signature
    return request.method == "PUT" and CUSTOM_RESOURCE_ANSWER.fullmatch(request.path) is not None


def _is_for_bucket(request: Request) -> bool:
    """Say whether S3 gets a form: ministack asks headers and query, too, whose a request is."""
    from ministack.core.router import detect_service  # noqa: PLC0415 - after its environment is set

    named = request.header("x-amz-target") or request.header("authorization")
    if named or request.query or BUCKET.fullmatch(request.path) is None:
        return False
    return bool(detect_service("POST", request.path, dict(request.headers), {}) == "s3")


def _secret_of_session_or_user(signature: Signature) -> str:
    # Here, because ministack reads its environment when it is imported.
    from ministack.core import iam_evaluator, responses  # noqa: PLC0415

    account = iam_evaluator.find_iam_access_key_account(signature.key_id)
    account = account or responses._account_from_sts_session(signature.key_id)
    found = iam_evaluator.resolve_credential(signature.key_id, account, signature.token or "")
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        raise RefusedError(found.code, found.message)
    return str(found.secret_access_key)


async def _body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise DisconnectedError
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that begins with the body that was read already."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Any:
        return messages.pop() if messages else await receive()

    return received


def _without_cors(send: Send) -> Send:
    """Take back what would let a web page read an answer."""

    async def sent(message: Stock) -> None:
        if message["type"] == "http.response.start":
            kept = [h for h in message["headers"] if not _is_cors(h[0])]
            message = {**message, "headers": kept}
        await send(message)

    return sent


def _is_cors(name: bytes) -> bool:
    return name.lower().startswith(b"access-control-")


async def _refuse(
    send: Send, error: RefusedError, request: Request, signature: Signature | None
) -> None:
    """Answer in the protocol of the service that was asked, as far as that is known."""
    status, headers, body = _plain(error)
    if signature is not None:
        status, headers, body = _in_protocol(error, request, signature.service)
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})


def _plain(error: RefusedError) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"__type": error.code, "message": error.message})
    return int(error.status), {"Content-Type": "application/json"}, body.encode()


def _in_protocol(
    error: RefusedError, request: Request, service: str
) -> tuple[int, dict[str, str], bytes]:
    from ministack.core import iam_actions  # noqa: PLC0415 - after its environment is set

    status, headers, body = iam_actions.access_denied_response(
        service, "", "", str(uuid.uuid4()),
        error_code=error.code, message=error.message, headers=dict(request.headers),
    )  # fmt: skip
    return status, headers, body
