"""Keys of the bases bucket, which the operator brings: base models and what belongs to them."""


def base_prefix(base_id: str) -> str:
    """Prefix of a base model's diffusers folder with its ``base.json``: the ``base`` channel."""
    return f"bases/{base_id}/"


BASE_FILE = "base.json"
"""File name of BaseCard in a base's folder."""


def card_key(base_id: str) -> str:
    """Key of a base's BaseCard."""
    return f"{base_prefix(base_id)}{BASE_FILE}"


SPEEDS_PREFIX = "speeds/"
"""Prefix of the measured speeds, outside of the bases' folders, which are hashed."""


def speeds_key(base_id: str) -> str:
    """Key of how fast a base trains on each instance type."""
    return f"{SPEEDS_PREFIX}{base_id}.json"


def captioner_prefix(captioner_id: str) -> str:
    """Prefix of a captioner's folder: the ``captioner`` channel."""
    return f"captioners/{captioner_id}/"


def safety_prefix(checker_id: str) -> str:
    """Prefix of a safety checker's folder, which the server fetches."""
    return f"safety/{checker_id}/"


def classifier_prefix(classifier_id: str) -> str:
    """Prefix of a picture classifier's folder, for intake and server."""
    return f"classifiers/{classifier_id}/"


def names_key(list_id: str) -> str:
    """Key of a list of names that nobody may train or draw with."""
    return f"names/{list_id}.txt"
