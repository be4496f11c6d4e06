"""The training job's name, built and parsed: ``likeness-<plan id>-<attempt>``; a stack's name.

SageMaker never frees a name, so every attempt has its own. Behind the attempt come parameters for
people who read a list of jobs, such as ``-1200steps-3users``; the tags have all of them. A name has
at most 63 characters: letters, digits and single hyphens inside. The template's filters and
permissions use the prefix, and people find the log of a plan by it (docs/runbooks).
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

TRAINING_JOB_PREFIX = "likeness-"

MAX_TRAINING_JOB_NAME = 63
"""SageMaker's limit, in characters."""

_PLAN_ID = "[0-9a-f]{32}"
_PARAMETER = "-[0-9]*[a-z]+"
_NAME = re.compile(
    rf"{re.escape(TRAINING_JOB_PREFIX)}({_PLAN_ID})-([1-9][0-9]*)((?:{_PARAMETER})*)"
)


MAX_STACK_NAME = 40
STACK_NAME = f"^[a-z][a-z0-9-]{{0,{MAX_STACK_NAME - 1}}}$"
"""Pattern of a stack's name, which template.yaml repeats.

It begins the names of functions (at most 64 characters) and of the endpoint (at most 63), and the
ARNs of SageMaker are in lower case."""


class TrainingJobName(NamedTuple):
    """The parts of a training job's name."""

    plan_id: str
    attempt: int
    """Number of the attempt, from 1."""
    parameters: tuple[str, ...] = ()
    """What people read of the training, such as ``1200steps``."""


def captions_plan_id(job_id: str) -> str:
    """Return the id of the plan that only describes a job's photos; each attempt has the same.

    >>> captions_plan_id("0" * 32) == captions_plan_id("0" * 32) != "0" * 32
    True
    """
    return sha256(f"captions\n{job_id}".encode()).hexdigest()[:32]


def build_training_job_name(plan_id: str, attempt: int, parameters: Sequence[str] = ()) -> str:
    """Return the name of a plan's training job; parameters that do not fit are left out.

    >>> build_training_job_name("0" * 32, 2, ["1200steps"])
    'likeness-00000000000000000000000000000000-2-1200steps'

    Raises:
        ValueError: the name could not be parsed back, or SageMaker would refuse it.
    """
    name = f"{TRAINING_JOB_PREFIX}{plan_id}-{attempt}"
    longer = "-".join((name, *parameters))
    if len(longer) <= MAX_TRAINING_JOB_NAME:
        name = longer
    found = parse_training_job_name(name)
    if found is None or found[:2] != (plan_id, attempt):
        message = "a training job is named by a plan id of 32 hex digits and an attempt from 1"
        raise ValueError(message)
    return name


def parse_training_job_name(name: str) -> TrainingJobName | None:
    """Return the parts of a name; None for a training job that is not of Likeness.

    >>> parse_training_job_name("somebody-elses") is None
    True
    """
    found = _NAME.fullmatch(name) if len(name) <= MAX_TRAINING_JOB_NAME else None
    if found is None:
        return None
    return TrainingJobName(found[1], int(found[2]), tuple(filter(None, found[3].split("-"))))


def plan_id_of_name(name: str) -> str:
    """Return the plan's id from the name of a training job of Likeness.

    Raises:
        ValueError: the name has another form.
    """
    found = parse_training_job_name(name)
    if found is None:
        message = "not the name of a training job of Likeness"
        raise ValueError(message)
    return found.plan_id
