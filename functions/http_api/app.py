"""Beside the states, http_api: the HTTP API of docs/api.md; routes/ has a file for each resource.

In     an HTTP request of API Gateway (payload 2.0), with what ``authorize`` has found out
Out    an HTTP response; errors are problem+json with a code of docs/codes.md
Fails  nothing on purpose: what goes wrong is answered as ``internal_error``
"""

from typing import Any

from aws.api_keys import DynamoApiKeys
from aws.eraser import LambdaEraser
from aws.models import DynamoModels
from http_api.front import make_app
from http_api.services import Services
from runtime.handlers import stage

APP = make_app()


@stage
def lambda_handler(event: dict[str, Any]) -> dict[str, Any]:
    return APP.answer(event, _services())


def _services() -> Services:
    """Open the stores that the template's variables name."""
    return Services(
        eraser=LambdaEraser.from_env(),
        keys=DynamoApiKeys.from_env(),
        models=DynamoModels.from_env(),
    )
