"""What an operator sets of the front."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.shared.limits import MAX_PAYLOAD_BYTES
from serving.forwarding import request_seconds

HOPELESS = 3
"""Exit status of the front when only a new container helps."""

READY = "front.ready"
"""File in LIKENESS_RUN_DIR that exists when the front listens."""

DRAIN_SECONDS = 2.0
"""Time that requests in flight have to end before an unload drops them."""


@dataclass(frozen=True)
class FrontSettings:
    """The settings of the front's process."""

    port: int
    """SageMaker's."""
    back: int
    """Triton's."""
    host: str
    """The address to listen on."""
    request_seconds: float
    drain_seconds: float = DRAIN_SECONDS
    max_bytes: int = MAX_PAYLOAD_BYTES
    """The largest body of a request, and of an answer."""


def is_wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the front stands before Triton."""
    return environment.get("LIKENESS_FRONT", "on") != "off"


def read_settings(port: int, back: int, host: str) -> FrontSettings:
    """Return the settings, from the environment."""
    return FrontSettings(
        port=port,
        back=back,
        host=host,
        request_seconds=request_seconds(),
        drain_seconds=float(os.environ.get("LIKENESS_DRAIN_SECONDS", DRAIN_SECONDS)),
    )
