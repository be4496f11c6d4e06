"""Stage 6, notify_owner: record the model and tell the owner that it is ready.

In     NotifyOwnerInput   from warm_model
       DryRunInput        from inspect_photos, for a request that asked for no training
Out    Told               the end of a good execution; the Notice itself is published to the topic
Fails  nothing on purpose
"""

from aws.jobs import DynamoJobs
from aws.models import DynamoModels
from aws.notifier import SnsNotifier
from aws.rooms import training_room
from aws.storage import S3Storage
from contracts.notice import Told
from contracts.stages import DryRunInput, NotifyOwnerInput
from domain.billing import settle_so_far
from domain.dry_runs import answer_dry_run
from domain.notices import Desk, notify_owner
from runtime.clock import now
from runtime.stage import stage


@stage
def lambda_handler(given: NotifyOwnerInput | DryRunInput) -> Told:
    desk = Desk(
        documents=S3Storage.from_env("MODELS_BUCKET"),
        jobs=DynamoJobs.from_env(),
        notifier=SnsNotifier.from_env(),
    )
    if isinstance(given, DryRunInput):
        return Told.of(answer_dry_run(given, desk, now()))
    room, trained = training_room(), given.trained
    settle_so_far(room, trained.training_job_name, trained.job_id, now())
    return Told.of(notify_owner(given, desk, DynamoModels.from_env(), now()))
