"""Stage 1 of sweep_adapter, plan_sweep: make a job of every trial of the request's grid.

With successive halving it comes again after each rung, and makes jobs of the trials that go on.

In     PlanSweepInput     from train_adapter's SweepAdapter, after inspect_photos; then the outcomes
Out    SweepTrials        to train_adapter, once for each trial
Fails  TooExpensiveError  final; all trials together cost more than the request's max_cost_usd
       PriceUnknownError  final; the request has max_cost_usd, and the operator gave no price
       JobCanceledError   final; the sweep is being cancelled
"""

from aws.wiring import pricing_services
from contracts.documents.stages import PlanSweepInput
from contracts.documents.sweep import SweepTrials
from domain.sweeps.sweep import plan_sweep
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: PlanSweepInput) -> SweepTrials:
    return plan_sweep(given, pricing_services(), now())
