"""The front door: CORS of HTTP APIs, and forms with which a browser sends files to S3."""

from collections.abc import Awaitable, Callable

from ministack.services import apigateway, s3

from local.cloud.resources import apply_after
from local.cloud.typing_aliases import Json, Stock


def install() -> None:
    """Let an API answer the pages that its template names, and S3 take signed forms only."""
    s3._enforce_post_policy_size = _unsigned
    apigateway._handle_execute_in_scope = _with_guarded_preflights(
        apigateway._handle_execute_in_scope
    )
    apply_after("AWS::ApiGatewayV2::Api", _cors)


def _cors(api_id: str, properties: Json) -> None:
    """Store CorsConfiguration by the names of the API's own calls; stock keeps CloudFormation's."""
    configured = properties.get("CorsConfiguration")
    if configured:
        lowered = {f"{name[0].lower()}{name[1:]}": value for name, value in configured.items()}
        apigateway._apis[api_id]["corsConfiguration"] = lowered


def _with_guarded_preflights(handle: Callable[..., Awaitable[Stock]]) -> Callable[..., Stock]:
    """Refuse a preflight whose route asks for a caller; stock answers it before it looks for one.

    API Gateway answers preflights by itself, but a route with the method ANY takes them first.
    """

    async def handled(api_id: str, stage: str, path: str, method: str, *more: Stock) -> Stock:
        if method == "OPTIONS":
            route = apigateway._match_route(api_id, method, "/" + path.lstrip("/"))
            kind = (route or {}).get("authorizationType") or "NONE"
            if kind.upper() != "NONE":
                return 401, {"Content-Type": "application/json"}, b'{"message":"Unauthorized"}'
        return await handle(api_id, stage, path, method, *more)

    return handled


def _unsigned(_policy: str, _size: int) -> Stock:
    """Refuse a form without a signature: stock takes it from anybody."""
    return s3._error("AccessDenied", "The form is not signed.", 403)
