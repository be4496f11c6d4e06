"""Beside the states, follow_training: answers the task tokens of trainings that are decided.

In     TrainingNews        a training job ended, or wrote a result or how far it is
Out    nothing             TrainAdapter goes on, with a TrainedAdapter or an error; receipts and
                           progress stand in the jobs table
Fails  anything            tried again by Lambda; reconcile finds what stays unanswered
"""

from aws.wiring import training_room
from contracts.documents.stages import TrainingNews
from domain.training.billing import settle_ended
from domain.training.following import follow
from runtime.clock import now
from runtime.cost_metrics import report_costs
from runtime.handlers import listener


@listener
def lambda_handler(news: TrainingNews) -> None:
    room = training_room()
    settled = settle_ended(room, news, now())
    follow(room, news, now())
    report_costs([settled] if settled is not None else [])
