"""Runs tritonserver under SageMaker's multi-model contract, with the base loaded at start-up.

The flags are those of SageMaker's own ``serve`` script and those that the resident base needs. In
the image the server is in /opt/tritonserver. On a laptop it is in the nvidia-pytriton wheel, which
keeps its files in several folders, so they are put into one folder first.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from contracts.documents.package import RESIDENT_BASE
from contracts.shared.ports import free_port, is_free
from serving.front.settings import is_wanted
from serving.names import BASE_PID_FILE, region_prefix
from serving.preload import LOOPBACK, REPOSITORY_LOCK, find_preload
from serving.supervision import STARTUP_ERROR, Process

IMAGE_TRITON = Path("/opt/tritonserver")
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (Triton's Python backend keeps its regions there)
PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 0.5
"""How often the processes beside tritonserver are looked at."""

THREADS_PER_MODEL = 8
"""Threads of each user's model, each of which waits for one answer of the base.

Triton's default is about 35. A model's further requests wait in its own process."""

EXIT_SECONDS = 10
"""Time that requests in flight have to end when the server must stop."""

DEAD_BASE_SECONDS = 60.0
"""How long the forwarding model's process may be gone before the server ends itself.

A request starts the base again (see the users' model.py). When no request comes, /ping would stay
200, so the server ends and SageMaker replaces the container."""


class NoTritonError(Exception):
    """No tritonserver is installed."""


@dataclass(frozen=True)
class Triton:
    """Paths of the server's program, backends and libraries."""

    program: Path
    backends: Path
    libraries: tuple[Path, ...]
    preloads: tuple[Path, ...]
    """C libraries that correct the server's faults; see preload/."""


def find_triton(run_dir: Path) -> Triton:
    """Return the image's server, or the wheel's when there is none.

    Raises:
        NoTritonError: neither is installed.
        NoCompilerError: a preload library was not built with the image, and there is no C compiler.
    """
    if (program := IMAGE_TRITON / "bin/tritonserver").is_file():
        # Behind the front nobody else may reach Triton's port, as on a laptop.
        names = (REPOSITORY_LOCK, LOOPBACK) if is_wanted() else (REPOSITORY_LOCK,)
        preloads = tuple(find_preload(name, run_dir) for name in names)
        return Triton(program, IMAGE_TRITON / "backends", (), preloads)
    try:
        root = Path(str(distribution("nvidia-pytriton").locate_file("pytriton/tritonserver")))
    except PackageNotFoundError:
        message = (
            "no tritonserver: install the nvidia-pytriton wheel, or run this in the serving image"
        )
        raise NoTritonError(message) from None
    libraries = (Path(sysconfig.get_config_var("LIBDIR")), root.parents[1] / "nvidia_pytriton.libs")
    program, backends = root / "bin/tritonserver", assemble_backends(root, run_dir)
    preloads = tuple(find_preload(name, run_dir) for name in (REPOSITORY_LOCK, LOOPBACK))
    return Triton(program, backends, libraries, preloads)


def assemble_backends(root: Path, run_dir: Path) -> Path:
    """Put the Python backend and the stub for this Python version into one folder."""
    python = run_dir / "backends/python"
    python.mkdir(parents=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = root / f"python_backend_stubs/{version}/triton_python_backend_stub"
    for name in ("libtriton_python.so", "triton_python_backend_utils.py"):
        (python / name).symlink_to(root / "backends/python" / name)
    shutil.copy(stub, python / stub.name)
    (python / stub.name).chmod(0o755)
    return python.parent


def make_repository(base_model: Path, run_dir: Path) -> Path:
    """Return a model repository that holds only the base."""
    repository = run_dir / "base_repository"
    repository.mkdir()
    (repository / RESIDENT_BASE).symlink_to(base_model)
    return repository


class NoPortError(Exception):
    """Something else listens on every port that the server may use."""


class Ports(NamedTuple):
    """Where SageMaker's calls arrive, and where Triton takes them."""

    sagemaker: int
    triton: int
    """The same when there is no front."""


def choose_ports() -> Ports:
    """Return SageMaker's port, and a free one for Triton when the front stands before it.

    Raises:
        NoPortError: SageMaker's range has no free port.
    """
    sagemaker = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    if not is_wanted():
        return Ports(sagemaker, sagemaker)
    if allowed := os.environ.get("SAGEMAKER_SAFE_PORT_RANGE"):
        first, _, last = allowed.partition("-")
        given = range(int(first), int(last) + 1)
        free = next((port for port in given if port != sagemaker and is_free(port)), None)
        if free is None:
            message = f"no port of SAGEMAKER_SAFE_PORT_RANGE {allowed} is free for tritonserver"
            raise NoPortError(message)
        return Ports(sagemaker, free)
    return Ports(sagemaker, free_port())


def listening_host() -> str:
    """Return the address on which the front listens: a laptop is not called from outside."""
    return "0.0.0.0" if (IMAGE_TRITON / "bin/tritonserver").is_file() else "127.0.0.1"  # noqa: S104


def make_command(triton: Triton, repository: Path, run_dir: Path, port: int) -> list[str]:
    """Return tritonserver's command line; ``port`` is where it takes SageMaker's calls."""
    empty = run_dir / "no_models"
    empty.mkdir()
    return [
        str(triton.program),
        "--allow-sagemaker=true",
        "--allow-http=false",
        "--allow-grpc=false",
        "--allow-metrics=false",
        f"--sagemaker-port={port}",
        "--model-control-mode=explicit",
        # SageMaker's script turns it on; then the load of another model can lose a request's model
        "--model-namespacing=false",
        f"--model-repository={empty}",  # SageMaker adds the users' repositories one by one
        f"--model-repository={repository}",
        f"--load-model={RESIDENT_BASE}",  # loaded before the port opens: /ping waits for it
        f"--backend-directory={triton.backends}",
        "--disable-auto-complete-config",  # a user's model loads 10 times faster
        f"--backend-config=python,thread-pool-size={THREADS_PER_MODEL}",
        f"--backend-config=python,shm-region-prefix-name={region_prefix(os.getpid())}",
        f"--exit-timeout-secs={EXIT_SECONDS}",
        *optional_flags(),
    ]


def optional_flags() -> list[str]:
    """Return the flags for SageMaker's own environment variables."""
    python = "--backend-config=python"
    flags = {
        "SAGEMAKER_SAFE_PORT_RANGE": "--sagemaker-safe-port-range={}",
        "SAGEMAKER_TRITON_LOG_VERBOSE": "--log-verbose={}",
        "SAGEMAKER_TRITON_MODEL_LOAD_THREAD_COUNT": "--model-load-thread-count={}",
        "SAGEMAKER_TRITON_SHM_DEFAULT_BYTE_SIZE": f"{python},shm-default-byte-size={{}}",
        "SAGEMAKER_TRITON_SHM_GROWTH_BYTE_SIZE": f"{python},shm-growth-byte-size={{}}",
    }
    chosen = [flag.format(os.environ[name]) for name, flag in flags.items() if name in os.environ]
    return chosen + os.environ.get("SAGEMAKER_TRITON_ADDITIONAL_ARGS", "").split()


def make_environment(triton: Triton, run_dir: Path) -> dict[str, str]:
    """Return the server's environment, which every model's process inherits."""
    environment = dict(os.environ)
    prepend(environment, "LD_LIBRARY_PATH", triton.libraries)
    prepend(environment, "LD_PRELOAD", triton.preloads)  # an operator's jemalloc stays preloaded
    # Triton's embedded Python finds its packages through the first python on PATH.
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment.get('PATH', '')}"
    environment["LIKENESS_RUN_DIR"] = str(run_dir)
    # In the mode "ready", /ping fails when any user's model fails to load.
    environment.setdefault("SAGEMAKER_TRITON_PING_MODE", "live")
    # Models load on many threads; an arena for each thread would let memory grow for longer.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    environment.setdefault(
        "OMP_NUM_THREADS", "1"
    )  # two spinning threads on two busy cores are 12 times slower
    return environment


def prepend(environment: dict[str, str], name: str, paths: Sequence[Path]) -> None:
    """Put these paths in front of those that the variable already holds."""
    present = [environment[name]] if environment.get(name) else []
    environment[name] = ":".join([*map(str, paths), *present])


def run(command: list[str], environment: dict[str, str], beside: Sequence[Process]) -> int:
    """Run the server to its end, forward our signals to it, and return its exit status.

    Args:
        command: tritonserver's.
        environment: tritonserver's.
        beside: the processes that run beside it: the engine, and the front where there is one.
    """
    forward = Forward()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)  # before the server starts: a signal may come at any time
    server = subprocess.Popen(command, env=environment, preexec_fn=die_with_parent)  # noqa: PLW1509
    forward.to(server)
    base = BaseWatch(Path(environment["LIKENESS_RUN_DIR"]))
    if erased := environment.get("LIKENESS_ERASED_URI"):
        from serving import markers  # noqa: PLC0415 - while the server starts

        disabled = environment["LIKENESS_DISABLED_URI"]
        allowed = environment.get("LIKENESS_ALLOWED_URI")
        used = environment.get("LIKENESS_USED_URI")
        markers.watch(erased, disabled, Path(environment["LIKENESS_RUN_DIR"]), allowed, used)
    try:
        while server.poll() is None:
            reason = next(filter(None, [process.look() for process in beside]), None)
            if base.gone_seconds() > DEAD_BASE_SECONDS:
                reason = "the base's model has died and no request restarted it"
            if reason:
                sys.stderr.write(f"serve: {reason}; stopping\n")
                server.kill()
                server.wait()
                return STARTUP_ERROR
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(LOOK_SECONDS)
        return server.returncode
    finally:
        for process in beside:
            process.stop()
        sweep_regions()


class Forward:
    """A signal handler that hands signals on to a process, also those from before its start."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def __call__(self, received: int, _frame: object) -> None:
        """Hand a signal on, or keep it."""
        if self._process is None:
            self._early.append(received)
        else:
            self._process.send_signal(received)

    def to(self, process: subprocess.Popen[bytes]) -> None:
        """Hand on what has come, and from now on everything."""
        self._process = process
        for received in self._early:
            process.send_signal(received)


class BaseWatch:
    """Measures for how long the forwarding model's process has been gone."""

    def __init__(self, run_dir: Path) -> None:
        self.pid_file = run_dir / BASE_PID_FILE
        self.seen_alive = time.monotonic()

    def gone_seconds(self) -> float:
        """Return the seconds; 0 while it runs, or before its first start."""
        pid = self.pid_file.read_text() if self.pid_file.exists() else "self"
        if Path("/proc", pid, "exe").exists():  # a zombie process has no exe
            self.seen_alive = time.monotonic()
        return time.monotonic() - self.seen_alive


def die_with_parent() -> None:
    """Ask the kernel to send SIGTERM when the parent dies, even by SIGKILL."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def use_region() -> None:
    """Tell boto3 the stack's Region, before anything calls AWS.

    boto3 reads AWS_DEFAULT_REGION and no other variable. SageMaker promises no container that one.
    """
    region = os.environ.get("LIKENESS_REGION") or os.environ.get("AWS_REGION")
    if region and not os.environ.get("AWS_DEFAULT_REGION"):
        os.environ["AWS_DEFAULT_REGION"] = region


def sweep_regions() -> None:
    """Remove the shared memory regions of this server and of servers that no longer run."""
    for region in SHARED_MEMORY.glob("likeness_*"):
        owner = region.name.split("_")[1]
        if owner == str(os.getpid()) or not Path("/proc", owner).exists():
            region.unlink(missing_ok=True)
