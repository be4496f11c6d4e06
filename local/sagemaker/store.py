"""The memory of this SageMaker: plain documents by name, for each account and region.

Processes and threads live elsewhere; what stands here survives a restart of the server.
"""

import threading
import time
from typing import Final

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import host

lock: Final = threading.RLock()
"""Held for every change, never while waiting for anything."""

_KINDS = ("jobs", "pools", "models", "configs", "endpoints", "tags")
_stores: dict[str, Stock] = {}


def _store(kind: str) -> Stock:
    if kind not in _stores:
        _stores[kind] = host.scoped_store()
    return _stores[kind]


def jobs() -> Stock:
    """Training jobs: DescribeTrainingJob's document by name."""
    return _store("jobs")


def pools() -> Stock:
    """Warm pools by the job that left them."""
    return _store("pools")


def models() -> Stock:
    """DescribeModel's document by name."""
    return _store("models")


def configs() -> Stock:
    """DescribeEndpointConfig's document by name."""
    return _store("configs")


def endpoints() -> Stock:
    """DescribeEndpoint's document by name."""
    return _store("endpoints")


def tags() -> Stock:
    """Tags by ARN: a dict each."""
    return _store("tags")


def now() -> float:
    """Return the time as AWS's JSON writes it: seconds, to the millisecond."""
    return round(time.time(), 3)


def everything() -> Json:
    """Return what a restart needs."""
    with lock:
        return {kind: _store(kind) for kind in _KINDS}


def restore(state: Json) -> None:
    """Take back what `everything` gave."""
    with lock:
        for kind in _KINDS:
            _store(kind).update(state.get(kind, {}))


def forget() -> None:
    """Empty it, for all accounts and regions."""
    with lock:
        for kind in _KINDS:
            _store(kind).clear()
