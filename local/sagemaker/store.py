"""The state of the laptop's SageMaker: documents by name, for each account and region.

The state survives a restart of the server; processes and threads are not part of it.
"""

import threading
import time
from typing import Final

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import host

lock: Final = threading.RLock()
"""Held for every change of the state, and never during a wait."""

_KINDS = ("jobs", "pools", "models", "configs", "endpoints", "tags")
_stores: dict[str, Stock] = {}


def _store(kind: str) -> Stock:
    if kind not in _stores:
        _stores[kind] = host.scoped_store()
    return _stores[kind]


def jobs() -> Stock:
    """Return DescribeTrainingJob's documents by name."""
    return _store("jobs")


def pools() -> Stock:
    """Return warm pools by the name of the job that left them."""
    return _store("pools")


def models() -> Stock:
    """Return DescribeModel's documents by name."""
    return _store("models")


def configs() -> Stock:
    """Return DescribeEndpointConfig's documents by name."""
    return _store("configs")


def endpoints() -> Stock:
    """Return DescribeEndpoint's documents by name."""
    return _store("endpoints")


def tags() -> Stock:
    """Return a dict of tags by ARN."""
    return _store("tags")


def now() -> float:
    """Return the time in AWS's JSON form, in seconds with milliseconds."""
    return round(time.time(), 3)


def everything() -> Json:
    """Return the state that a restart loads."""
    with lock:
        return {kind: _store(kind) for kind in _KINDS}


def restore(state: Json) -> None:
    """Load a state that `everything` returned."""
    with lock:
        for kind in _KINDS:
            _store(kind).update(state.get(kind, {}))


def forget() -> None:
    """Clear the state of all accounts and regions."""
    with lock:
        for kind in _KINDS:
            _store(kind).clear()
