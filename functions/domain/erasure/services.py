"""What the stages of erase_subject need of the world."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.ports.callbacks import Callbacks
from domain.ports.erasure import DeadLetters, Erasures, Executions, VersionedBucket, WarmPools
from domain.ports.jobs import Jobs
from domain.ports.people import TenantPeople
from domain.ports.storage import Storage
from domain.ports.trainer import Trainer


@dataclass(frozen=True)
class ErasureServices:
    """The tables and the buckets."""

    erasures: Erasures
    uploads: Storage
    models: Storage
    uploads_versions: VersionedBucket
    models_versions: VersionedBucket


@dataclass(frozen=True)
class RowServices(ErasureServices):
    """What counting a subject's rows needs beside them."""

    people: TenantPeople


@dataclass(frozen=True)
class StoppingServices(RowServices):
    """What stopping work under way needs beside them."""

    jobs: Jobs
    trainer: Trainer
    callbacks: Callbacks
    executions: Executions


@dataclass(frozen=True)
class ErasingServices(RowServices):
    """What emptying the stores needs beside them."""

    dead_letters: DeadLetters
    pools: WarmPools
    hub_versions: VersionedBucket | None
    """The hub's bucket; None: the stack has none."""
    has_time: Callable[[], bool] = lambda: True
    """Asked before each training's data: whether there is time for it."""
