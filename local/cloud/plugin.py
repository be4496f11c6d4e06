"""Installs the changes to ministack.

The changes use ministack's private API, so its version is pinned exactly. They replace entries of
its registries and functions of its modules; no code of ministack is copied. Each change is tested
by tests/contract/test_local_*.py.
"""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

from local.cloud import events, lambdas, permissions, sessions, streams, xray
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
    lambdas.install()
    states.install()
    permissions.install()
    sessions.install()
    events.install()
    streams.install()
    xray.install()
    if find_spec("local.sagemaker") is not None:
        import_module("local.sagemaker").register()
    return import_module("ministack.app")
