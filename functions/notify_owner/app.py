"""Stage 6, notify_owner: record the model and tell the owner that it is ready.

In     NotifyOwnerInput   from warm_model
       DryRunInput        from inspect_photos, for a request that asked for no training
Out    Told               the end of a good execution; the Notice itself is published to the topic
Fails  nothing on purpose
"""

from aws.jobs.table import DynamoJobs
from aws.models import DynamoModels
from aws.notifier import SnsNotifier
from aws.storage import S3Storage
from aws.wiring import training_room
from contracts.documents.notice import Told
from contracts.documents.stages import DryRunInput, NotifyOwnerInput
from domain.notices.dry_run import answer_dry_run
from domain.notices.notices import Desk, notify_owner
from domain.training.billing import settle_so_far
from runtime.clock import now
from runtime.handlers import stage


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
