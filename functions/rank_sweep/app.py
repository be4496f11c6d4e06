"""Stage 3 of sweep_adapter, rank_sweep: choose the best trial by the gate's scores.

In     RankSweepInput    from train_adapter, every trial's adapter or failure
Out    BestTrial         to publish_adapter; the SweepReport is stored in the models bucket
Fails  SweepFailedError  final; no trial has an adapter that passed
       JobCanceledError  final; the sweep is being cancelled
"""

from aws.jobs.table import DynamoJobs
from aws.storage import S3Storage
from contracts.documents.stages import RankSweepInput
from contracts.documents.sweep import BestTrial
from domain.sweeps.sweep import rank_sweep
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: RankSweepInput) -> BestTrial:
    models = S3Storage.from_env("MODELS_BUCKET")
    return rank_sweep(given, DynamoJobs.from_env(), models, now())
