"""What an operator sets of the front."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from serving.forwarding import request_seconds

HOPELESS = 3
"""Exit status of the front when only a new container helps."""

READY = "front.ready"
"""File in LIKENESS_RUN_DIR that exists when the front listens."""

DRAIN_SECONDS = 2.0
"""Time that requests in flight have to end before an unload drops them."""

MAX_REQUEST_BYTES = 6_291_456
"""The largest body that SageMaker's own model of InvokeEndpoint allows."""


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
    max_request_bytes: int = MAX_REQUEST_BYTES


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
