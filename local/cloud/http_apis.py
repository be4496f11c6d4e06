"""The front door: CORS settings of HTTP APIs, and forms with which a browser sends files to S3."""

from ministack.services import apigateway, s3

from local.cloud.resources import apply_after
from local.cloud.typing_aliases import Json, Stock


def install() -> None:
    """Let an API answer the pages that its template names, and S3 take signed forms only."""
    s3._enforce_post_policy_size = _unsigned
    apply_after("AWS::ApiGatewayV2::Api", _cors)


def _cors(api_id: str, properties: Json) -> None:
    """Store CorsConfiguration by the names of the API's own calls; stock keeps CloudFormation's."""
    configured = properties.get("CorsConfiguration")
    if configured:
        lowered = {f"{name[0].lower()}{name[1:]}": value for name, value in configured.items()}
        apigateway._apis[api_id]["corsConfiguration"] = lowered


def _unsigned(_policy: str, _size: int) -> Stock:
    """Refuse a form without a signature: stock takes it from anybody."""
    return s3._error("AccessDenied", "The form is not signed.", 403)
