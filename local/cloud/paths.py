"""Files and folders of the embedded AWS. Everything that it writes is under .local/."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local"
LOGS = STATE / "logs"
LAYERS = STATE / "layers"
INTERPRETERS = STATE / "interpreters"
LAMBDA_PYTHON = ROOT / ".venv" / "lambda" / "bin" / "python"


class NotInstalledError(Exception):
    """An environment under .venv/ is missing, or holds another version than the pinned one."""


def lambda_code(port: int) -> Path:
    """Return the folder for the unpacked functions of the server on this port."""
    return STATE / "functions" / str(port)


def log_file(port: int) -> Path:
    """Return the log of the server on this port."""
    return LOGS / f"cloud-{port}.log"


def access_key_file(port: int) -> Path:
    """Return the file that holds the root key of the server on this port."""
    return STATE / "access_keys" / f"{port}.ini"


def pid_file(port: int) -> Path:
    """Return the file that names the process of the server on this port."""
    return STATE / f"cloud-{port}.pid"


def running_server(port: int) -> int | None:
    """Return the process of the server on this port, if the pid file still tells the truth."""
    try:
        pid = int(pid_file(port).read_text())
    except (OSError, ValueError):
        return None
    return pid if is_server(pid) else None


def is_server(pid: int) -> bool:
    """Return whether this process is an embedded AWS: another program may have its number."""
    try:
        return b"local.cloud" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
