"""What the rules need of an experiment tracker such as MLflow."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Measurement(NamedTuple):
    """One value of a metric."""

    name: str
    value: float
    step: int


class ExperimentRun(NamedTuple):
    """One training as a tracker shows it; no text of a user and no id of a person is in it."""

    training: str
    """Name of the training job and id of the job; a run is stored once for each."""
    name: str
    """What people see in lists."""
    succeeded: bool
    started_at: datetime
    ended_at: datetime
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    measurements: Sequence[Measurement]


class Experiments(Protocol):
    """An experiment of a tracker, with a run for each training."""

    def log(self, run: ExperimentRun) -> None:
        """Store a run; a run that is stored to its end stays as it is.

        Raises:
            TrackerRefusedError: the tracker could not be reached, or refused it.
        """
        ...
