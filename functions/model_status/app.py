"""Beside the states, model_status: a returning user's models, and whether they can be called now.

In     ModelQuestion       an application invokes it; ``wake`` starts an endpoint that sleeps
Out    ModelAnswer
Fails  StageInputError     the question is not one
"""

from aws.hosting import SageMakerHosting
from aws.models import DynamoModels
from contracts.documents.hosting import ModelAnswer, ModelQuestion
from domain.serving.endpoint import answer
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(question: ModelQuestion) -> ModelAnswer:
    return answer(question, SageMakerHosting.from_env(), DynamoModels.from_env(), now())
