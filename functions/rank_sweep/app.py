"""Stage 3 of sweep_adapter, rank_sweep: choose the best point by what the gate measured.

In     RankSweepInput    from train_adapter, every point's adapter or failure
Out    BestPoint         to publish_adapter; the SweepReport lies in the models bucket
Fails  SweepFailedError  final; no point has an adapter that passed
       JobCanceledError  final; somebody asked to stop it
"""

from aws.jobs.table import DynamoJobs
from aws.storage import S3Storage
from contracts.documents.stages import RankSweepInput
from contracts.documents.sweep import BestPoint
from domain.sweeps.sweep import rank_sweep
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: RankSweepInput) -> BestPoint:
    models = S3Storage.from_env("MODELS_BUCKET")
    return rank_sweep(given, DynamoJobs.from_env(), models, now())
