"""Beside the states, authorize: who calls the HTTP API; API Gateway keeps the answer for a minute.

In     AuthorizerEvent      from API Gateway, for each request with an Authorization header
Out    AuthorizerAnswer     the tenant, the scopes; or why the credential is refused
Fails  IssuerUnreachableError    the issuer of people's tokens does not answer; the caller gets 500
"""

from functools import cache

from aws.api.api_keys import DynamoApiKeys
from aws.api.issuer import IssuerKeys, issuer_from_env, issuer_keys_from_env
from contracts.documents.api.callers import AuthorizerAnswer, AuthorizerEvent
from domain.callers.calling import Doors, identify
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(event: AuthorizerEvent) -> AuthorizerAnswer:
    doors = Doors(DynamoApiKeys.from_env(), issuer_from_env(), _issuer_keys().find)
    return AuthorizerAnswer(context=identify(event.headers, doors, now()))


@cache
def _issuer_keys() -> IssuerKeys:
    """Keep the issuer's keys from one request to the next."""
    return issuer_keys_from_env()
