"""Installs the changes to ministack.

The changes use ministack's private API, so its version is pinned exactly. They replace entries of
its registries and functions of its modules; no code of ministack is copied. Each change is tested
by tests/contract/test_local_*.py.
"""

import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

from local.cloud import (
    budgets,
    call_record,
    events,
    http_apis,
    lifecycle,
    permissions,
    sessions,
    stacks,
    streams,
    tenant_policies,
    xray,
)
from local.cloud.lambdas import installation as lambdas
from local.cloud.monitoring import installation as monitoring
from local.cloud.paths import NotInstalledError
from local.cloud.states import api as states
from local.cloud.typing_aliases import Stock

PINNED = "1.5.33"


def install() -> Stock:
    """Change ministack in this process and return its ASGI module.

    Set the environment before: ministack reads it when it is imported.

    Raises:
        NotInstalledError: another version is installed, or the functions' Python is missing.
    """
    found = version("ministack")
    if found != PINNED:
        message = f"ministack {found} is installed, but {PINNED} is needed: run `make envs`"
        raise NotInstalledError(message)
    _without_docker()
    lambdas.install()
    states.install()
    permissions.install()
    sessions.install()
    events.install()
    streams.install()
    stacks.install()
    monitoring.install()
    lifecycle.install()
    budgets.install()
    http_apis.install()
    xray.install()
    call_record.install()
    if find_spec("local.sagemaker") is not None:
        import_module("local.sagemaker").register()
    tenant_policies.install()  # last: it reads the headers of SageMaker's requests too
    return import_module("ministack.app")


def _without_docker() -> None:
    """Let ministack find no Docker: each of its looks for a daemon leaves a socket open."""
    loaded: Stock = sys.modules.setdefault("docker", None)  # type: ignore[arg-type]
    if loaded is not None:  # moto has imported it; otherwise its import fails
        loaded.from_env = _refuse_docker


def _refuse_docker(**_options: Stock) -> Stock:
    raise OSError("the embedded AWS uses no Docker")
