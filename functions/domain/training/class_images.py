"""Class images between training jobs: stored when one job made them, given to every later job.

A set is found by base, class prompt, size and count. The trainer decides whether a set fits its
precision and recipe; it makes a set that does not fit anew, and the new one replaces the old one.
"""

import re
from collections.abc import Iterable

from contracts.base import BaseCard
from contracts.documents.class_images import ClassImageSet, class_image_key, orders_of
from contracts.documents.training import TrainingTask
from contracts.shared import layout
from domain.ports.storage import Storage, find_document, read_document, write_document

MADE_CLASS_IMAGES = (
    layout.models.made_class_images_prefix("([0-9a-f]{32})", "([0-9a-f]{32})")
    + layout.container.CLASS_IMAGES_FILE
)


def find_class_images(
    models: Storage, tasks: Iterable[TrainingTask], card: BaseCard
) -> list[ClassImageSet]:
    """Return the stored sets that these tasks can use, each once."""
    orders = [order for task in tasks for order in orders_of(task.request, card.resolution)]
    keys = dict.fromkeys(class_image_key(card.sha256, order) for order in orders)
    documents = [
        layout.models.class_images_prefix(key) + layout.container.CLASS_IMAGES_FILE for key in keys
    ]
    found = [find_document(models, document, ClassImageSet) for document in documents]
    return [images for images in found if images is not None]


def class_images_manifest(models: Storage, sets: Iterable[ClassImageSet]) -> list[object]:
    """Return SageMaker's ManifestFile: a common prefix, then each set's document and file."""
    files = [
        f"{images.key}/{name}"
        for images in sets
        for name in (layout.container.CLASS_IMAGES_FILE, images.file)
    ]
    return [{"prefix": models.uri(layout.models.CLASS_IMAGES_PREFIX)}, *files]


def is_made_class_images(key: str) -> bool:
    """Return whether this is the key of a set's document that a training job has made."""
    return re.fullmatch(MADE_CLASS_IMAGES, key) is not None


def keep_class_images(models: Storage, key: str) -> None:
    """Store a set that a training job has made for later jobs: its file first, then its document.

    A stored set of the same recipe stays.

    Raises:
        ObjectMissingError: the file is not in S3 yet; SageMaker promises no order.
    """
    made = read_document(models, key, ClassImageSet)
    prefix = layout.models.class_images_prefix(made.key)
    stored = find_document(models, prefix + layout.container.CLASS_IMAGES_FILE, ClassImageSet)
    if stored is not None and stored.recipe_sha256 == made.recipe_sha256:
        return
    models.copy(
        key.removesuffix(layout.container.CLASS_IMAGES_FILE) + made.file, prefix + made.file
    )
    write_document(models, prefix + layout.container.CLASS_IMAGES_FILE, made)
