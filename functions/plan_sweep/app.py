"""Stage 1 of sweep_adapter, plan_sweep: make a job of every point of the request's grid.

In     PlanSweepInput     from train_adapter's SweepAdapter, after inspect_photos
Out    PlannedSweep       to train_adapter, once for each point
Fails  TooExpensiveError  final; all points together are above the request's max_cost_usd
       JobCanceledError   final; somebody asked to stop it
"""

from aws import settings
from aws.jobs.table import DynamoJobs
from aws.storage import S3Storage
from contracts.documents.stages import PlanSweepInput
from contracts.documents.sweep import PlannedSweep
from domain.sweeps.sweep import SweepRoom, plan_sweep
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: PlanSweepInput) -> PlannedSweep:
    room = SweepRoom(
        jobs=DynamoJobs.from_env(),
        models=S3Storage.from_env("MODELS_BUCKET"),
        bases=S3Storage.from_env("BASES_BUCKET"),
        instance_type=settings.text("TRAINING_INSTANCE_TYPE"),
    )
    return plan_sweep(given, room, now())
