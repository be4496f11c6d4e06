"""Class images between training jobs: kept when one job made them, given to every later one.

Sets are told apart by base, class prompt, size and count. Whether a set fits the trainer's
precision and generation, the trainer sees; one that does not is made anew and takes the place.
"""

import re
from collections.abc import Iterable

from contracts.base import BaseCard
from contracts.documents.prior import PriorSet, order_of, prior_key
from contracts.documents.training import TrainingTask
from contracts.shared import layout
from domain.ports.storage import Storage, find_document, read_document, write_document

MADE_PRIOR = layout.made_prior_prefix("([0-9a-f]{32})", "([0-9a-f]{32})") + layout.PRIOR_FILE


def find_priors(models: Storage, tasks: Iterable[TrainingTask], card: BaseCard) -> list[PriorSet]:
    """Return the sets that are ready for these tasks, each once."""
    orders = [order_of(task.request, card.resolution) for task in tasks]
    keys = dict.fromkeys(prior_key(card.sha256, order) for order in orders if order is not None)
    documents = [layout.prior_prefix(key) + layout.PRIOR_FILE for key in keys]
    found = [find_document(models, document, PriorSet) for document in documents]
    return [prior for prior in found if prior is not None]


def priors_manifest(models: Storage, priors: Iterable[PriorSet]) -> list[object]:
    """Return SageMaker's ManifestFile: a common prefix, then each set's document and file."""
    files = [f"{prior.key}/{name}" for prior in priors for name in (layout.PRIOR_FILE, prior.file)]
    return [{"prefix": models.uri(layout.PRIORS_PREFIX)}, *files]


def is_made_prior(key: str) -> bool:
    """Whether this is the document of a set that a training job has made."""
    return re.fullmatch(MADE_PRIOR, key) is not None


def keep_prior(models: Storage, key: str) -> None:
    """Keep a set that a training job has made: its file first, then its document.

    A set that was kept from elsewhere stays, if it is of the same recipe.

    Raises:
        ObjectMissingError: the file did not reach S3 yet; SageMaker promises no order.
    """
    prior = read_document(models, key, PriorSet)
    place = layout.prior_prefix(prior.key)
    kept = find_document(models, place + layout.PRIOR_FILE, PriorSet)
    if kept is not None and kept.recipe_sha256 == prior.recipe_sha256:
        return
    models.copy(key.removesuffix(layout.PRIOR_FILE) + prior.file, place + prior.file)
    write_document(models, place + layout.PRIOR_FILE, prior)
