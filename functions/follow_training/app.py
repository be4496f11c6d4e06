"""Beside the states, follow_training: answer the task tokens of trainings with an outcome.

In     TrainingEvent       a training job ended, or it wrote a result or its progress
Out    nothing             TrainAdapter gets a TrainedAdapter or an error; receipts and progress
                           are stored in the jobs table; an ended training job joins the traces
                           of its uploads
Fails  anything            Lambda tries again; reconcile finds what stays unanswered
"""

from aws.traces import XRayTraces
from aws.wiring import training_services
from contracts.documents.stages import TrainingEvent
from domain.training.billing import settle_ended
from domain.training.following import follow
from domain.training.tracing import trace_ended
from runtime.clock import now
from runtime.cost_metrics import report_costs
from runtime.handlers import listener, logger


@listener
def lambda_handler(event: TrainingEvent) -> None:
    services = training_services()
    settled = settle_ended(services, event, now())
    follow(services, event, now())
    report_costs([settled] if settled is not None else [])
    if not trace_ended(services, XRayTraces.from_env(), event):
        logger.warning("trace incomplete", service_refused="xray")
