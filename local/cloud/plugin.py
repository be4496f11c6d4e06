"""What is changed in ministack, in which order.

All of it is private API, so the version is exact. ministack's own code stays out of ours: we
replace entries of its registries and functions of its modules, and tests/contract/test_local_*.py
hold each change.
"""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

from local.cloud import events, lambdas, permissions, streams
from local.cloud.paths import NotInstalledError
from local.cloud.states import api as states
from local.cloud.typing_aliases import Stock

PINNED = "1.5.33"


def install() -> Stock:
    """Change ministack in this process and return its ASGI module.

    The environment must be set before: ministack reads it when it is imported.

    Raises:
        NotInstalledError: another version is installed, or the functions' Python is missing.
    """
    found = version("ministack")
    if found != PINNED:
        message = f"ministack {PINNED} is needed, {found} is installed: run `make envs`"
        raise NotInstalledError(message)
    lambdas.install()
    states.install()
    permissions.install()
    events.install()
    streams.install()
    if find_spec("local.sagemaker") is not None:
        import_module("local.sagemaker").register()
    return import_module("ministack.app")
