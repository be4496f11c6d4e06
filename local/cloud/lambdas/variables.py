"""The environment variables of a function's process: those of Lambda, and nothing of the host.

Source: Lambda's developer guide, "Defined runtime environment variables".
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ministack.core import lambda_runtime

from local.cloud.typing_aliases import Json

OUR_RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"

FIXED = {
    "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "HOME": "/nonexistent",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONUNBUFFERED": "1",
    "TZ": ":UTC",
}
"""Variables that are the same for all functions; a function's own value wins."""


@dataclass(frozen=True)
class Places:
    """Where an environment finds its parts.

    Attributes:
        program: the interpreter; library_dir: the library that it needs.
        code: the function's code; layers: its layers.
        tmp: the environment's /tmp.
    """

    program: Path
    library_dir: Path
    code: Path
    layers: tuple[Path, ...]
    tmp: Path


def of_environment(config: Json, places: Places, stream: str) -> dict[str, str]:
    """Return the variables of one environment; Lambda's reserved names cannot be changed."""
    own = (config.get("Environment") or {}).get("Variables") or {}
    port = os.environ["GATEWAY_PORT"]
    return {
        **FIXED,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "LD_LIBRARY_PATH": _library_path(places),
        "TMPDIR": str(places.tmp),
        **{str(name): str(value) for name, value in own.items()},
        **_reserved(config, places, stream),
    }


def _library_path(places: Places) -> str:
    code = (places.library_dir, places.code, places.code / "lib")
    return os.pathsep.join(map(str, (*code, *(layer / "lib" for layer in places.layers))))


def _reserved(config: Json, places: Places, stream: str) -> dict[str, str]:
    _, region = lambda_runtime._account_region_from_function_config(config)
    name = config["FunctionName"]
    return {
        "_HANDLER": config["Handler"],
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{OUR_RUNTIME}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(config),
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_REGION": region,
        "LAMBDA_RUNTIME_DIR": str(Path(__file__).parent),
        "LAMBDA_TASK_ROOT": str(places.code),
        **lambda_runtime.execution_credentials(config),
    }


def log_group(config: Json) -> str:
    """Return the name of a function's log group."""
    chosen = (config.get("LoggingConfig") or {}).get("LogGroup")
    return str(chosen or f"/aws/lambda/{config['FunctionName']}")
