"""HTTP APIs of API Gateway: the CORS settings of a template, which stock reads by other names."""

from ministack.services import apigateway

from local.cloud.resources import apply_after
from local.cloud.typing_aliases import Json


def install() -> None:
    """Let an API of a template answer the pages that it names."""
    apply_after("AWS::ApiGatewayV2::Api", _cors)


def _cors(api_id: str, properties: Json) -> None:
    """Store CorsConfiguration by the names of the API's own calls; stock keeps CloudFormation's."""
    configured = properties.get("CorsConfiguration")
    if configured:
        lowered = {f"{name[0].lower()}{name[1:]}": value for name, value in configured.items()}
        apigateway._apis[api_id]["corsConfiguration"] = lowered
