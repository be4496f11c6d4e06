"""SageMaker's quotas for instances: their names, and the sentence in which AWS refuses.

The launcher parses the sentence, ``likeness doctor`` looks quotas up by name and shows the sentence
before AWS has a reason to say it.

Source: ResourceLimitExceeded as CreateTrainingJob and CreateEndpoint answer it, for example
https://github.com/gabehollombe-aws/jupyter-notebooks/issues/1.
"""

import re
from typing import Literal, NamedTuple

Use = Literal["training job", "spot training job", "training warm pool", "endpoint"]
"""What an instance is used for: each use has a quota of its own for each instance type."""

_LIMIT = re.compile(r"service limit '(?P<name>[^']{1,200})' is (?P<limit>\d{1,9}) ")

MAX_SENTENCE = 500
"""Characters of AWS's sentence that are kept."""


class QuotaLimit(NamedTuple):
    """A quota, as a refusal names it."""

    name: str
    limit: int
    """Number of instances."""


def quota_name(instance_type: str, use: Use) -> str:
    """Return the quota's name in Service Quotas.

    >>> quota_name("ml.g5.2xlarge", "spot training job")
    'ml.g5.2xlarge for spot training job usage'
    """
    return f"{instance_type} for {use} usage"


def refusal_sentence(name: str, limit: int, wanted: int = 1) -> str:
    """Return the sentence in which AWS refuses one more instance, where none is in use.

    >>> quota_in(refusal_sentence("ml.g5.2xlarge for training job usage", 0))
    QuotaLimit(name='ml.g5.2xlarge for training job usage', limit=0)
    """
    return (
        f"The account-level service limit '{name}' is {limit} Instances, with current utilization"
        f" of 0 Instances and a request delta of {wanted} Instances. Please use AWS Service Quotas"
        " to request an increase for this quota. If AWS Service Quotas is not available, contact"
        " AWS support to request an increase for this quota."
    )


def quota_in(sentence: str) -> QuotaLimit | None:
    """Return the quota that a refusal names; None when it names none.

    >>> quota_in("Rate exceeded") is None
    True
    """
    found = _LIMIT.search(sentence)
    return None if found is None else QuotaLimit(found["name"], int(found["limit"]))
