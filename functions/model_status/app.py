"""Beside the states, model_status: a returning user's models, and whether they can be called now.

In     ModelQuestion       from an application; ``wake`` starts an endpoint on demand
Out    ModelAnswer
Fails  StageInputError     the input is not a ModelQuestion
"""

from aws.endpoint.lifecycle import SageMakerEndpointLifecycle
from aws.endpoint.models import DynamoModels
from contracts.documents.hosting import ModelAnswer, ModelQuestion
from domain.serving.endpoint import answer
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(question: ModelQuestion) -> ModelAnswer:
    return answer(question, SageMakerEndpointLifecycle.from_env(), DynamoModels.from_env(), now())
