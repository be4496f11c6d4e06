"""Beside the states, follow_training: answers the task tokens of trainings that are decided.

In     TrainingNews        a training job ended, or a result.json was written
Out    nothing             TrainAdapter goes on, with a TrainedAdapter or an error
Fails  anything            tried again by Lambda; reconcile finds what stays unanswered
"""

from aws.rooms import training_room
from contracts.stages import TrainingNews
from domain.following import follow
from runtime.clock import now
from runtime.stage import listener


@listener
def lambda_handler(news: TrainingNews) -> None:
    follow(training_room(), news, now())
