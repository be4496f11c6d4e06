"""What the routes need: stores, a clock and limits."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain.ports.api_keys import ApiKeys
from domain.ports.erasure import Eraser
from domain.ports.models import Models
from runtime.clock import now


@dataclass(frozen=True)
class Services:
    """Everything that a route may touch."""

    eraser: Eraser
    keys: ApiKeys
    models: Models
    now: Callable[[], datetime] = now
