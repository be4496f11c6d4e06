"""Stage 5, warm_model: call the endpoint until the published model answers with a valid picture.

In     WarmModelInput        from publish_adapter
Out    WarmModelReport       to notify_owner
Fails  ModelNotReadyError    the workflow waits and tries again
       EndpointStartingError the endpoint is being created; the workflow waits for it
       EndpointMissingError  final until an operator creates the endpoint and redrives
       WarmUpFailedError     final; an operator looks at the endpoint's log
"""

from aws.endpoint.invoker import SageMakerEndpointInvoker
from aws.endpoint.lifecycle import SageMakerEndpointLifecycle
from aws.jobs.table import DynamoJobs
from contracts.documents.package import WarmModelReport
from contracts.documents.stages import WarmModelInput
from domain.serving.warm_up import warm
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: WarmModelInput) -> WarmModelReport:
    DynamoJobs.from_env().advance(given.job.job_id, "WarmModel", now())
    return warm(
        given.package,
        SageMakerEndpointInvoker.from_env(),
        SageMakerEndpointLifecycle.from_env(),
        now,
    )
