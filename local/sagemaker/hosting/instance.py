"""One instance of an endpoint: a serving container, restarted when it ends, with its models."""

import secrets
import shutil
import threading
import time
import uuid
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from http import HTTPStatus

from contracts.shared.ports import is_free
from local.cloud.typing_aliases import Json
from local.sagemaker import host, settings
from local.sagemaker import s3 as s3_module
from local.sagemaker.api.errors import ContainerFault, ServiceError
from local.sagemaker.container import folders
from local.sagemaker.container.calls import ContainerCalls, Reply
from local.sagemaker.container.images import find_program
from local.sagemaker.container.logs import LogShipper
from local.sagemaker.container.process import Container
from local.sagemaker.hosting.model_errors import ModelError, model_error, timed_out
from local.sagemaker.hosting.multi_model import Model, MultiModel
from local.sagemaker.hosting.packages import Packages

SAFE_PORTS = 16
LOWEST_PORT, EPHEMERAL_PORTS = 20_000, 32_768
"""Linux gives ports from the second on to outgoing connections, unless it is set otherwise."""
STARTUP_SECONDS = 600
STOP_SECONDS = 10
PING_EVERY = 0.1
STARTS = 3
"""How often a container is started that ends before it answers /ping. SageMaker goes on until the
time is up, which would be ten minutes here."""


class Instance:
    """One container for one variant of an endpoint."""

    def __init__(self, endpoint: str, variant: Json, model: Json) -> None:
        self.variant: str = variant["VariantName"]
        self._startup = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS)
        self._definition = model["PrimaryContainer"]
        self._settings = settings.current()
        self._id = f"i-{uuid.uuid4().hex[:17]}"
        self._root = folders.work("endpoints", f"{endpoint}-{self._id[-8:]}")
        self._log_file = folders.log("endpoints", f"{endpoint}-{self._id[-8:]}")
        self._session = host.assume(model["ExecutionRoleArn"], "SageMaker")
        self._calls = ContainerCalls()
        packages = Packages(
            s3_module.client(self._session),
            self._definition["ModelDataUrl"],
            self._root / "models",
        )
        self.models = MultiModel(self._calls, packages.fetch, self._settings)
        self._logs = LogShipper(
            s3_module.client(self._session, "logs"),
            f"/aws/sagemaker/Endpoints/{endpoint}",
            f"{self.variant}/{self._id}",
            self._log_file,
        )
        self._wakeup = threading.Event()
        self._stopped = False
        self._container: Container | None = None
        self.healthy = False
        """Whether the container has answered /ping since it was started."""

    def start(self) -> None:
        """Return when the container answers /ping.

        Raises:
            ContainerFault: the container ended at every start, or did not answer in time.
        """
        self._launch()
        starts, deadline = 1, time.monotonic() + self._startup
        while not self._calls.ping():
            self._logs.ship()
            ended = self._container is None or self._container.status() is not None
            late = self._stopped or time.monotonic() >= deadline
            if late or (ended and starts == STARTS):
                self.stop()
                self._logs.ship(last=True)
                raise ContainerFault(
                    f"The primary container for production variant {self.variant} did not pass "
                    "the ping health check. Please check CloudWatch logs for this endpoint."
                )
            if ended:
                self._launch()
                starts += 1
            self._wakeup.wait(PING_EVERY)
            self._wakeup.clear()
        self.healthy = True
        host.in_background("endpoint-instance", self._supervise)

    def stop(self) -> None:
        """Stop the container and remove its files."""
        self._stopped = True
        self._wakeup.set()
        if self._container is not None:
            self._container.stop(STOP_SECONDS)
        shutil.rmtree(self._root, ignore_errors=True)

    def invoke(self, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        """Invoke a model; load it first if it is not loaded.

        Raises:
            ServiceError: an error of InvokeEndpoint.
        """
        deadline = time.monotonic() + self._settings.invocation_limit
        for attempt in (1, 2):
            model = self.models.acquire(target, deadline)
            reply = self._ask(model, body, headers, deadline)
            lost = reply.status == HTTPStatus.NOT_FOUND
            full = reply.status == HTTPStatus.INSUFFICIENT_STORAGE
            if attempt == 1 and lost:
                self.models.forget(model)
            elif attempt == 1 and full and self.models.unload_one(model):
                continue
            else:
                break
        if not 200 <= reply.status < 300:  # noqa: PLR2004 - HTTP
            raise model_error(reply)
        return reply

    def _ask(self, model: Model, body: bytes, headers: dict[str, str], deadline: float) -> Reply:
        """Invoke on a new thread, so that the model stays in use until the container answers."""
        answer: Future[Reply] = Future()

        def ask() -> None:
            try:
                limit = self._settings.load_limit
                answer.set_result(self._calls.invoke(model.name, body, headers, limit))
            except OSError as error:
                answer.set_exception(error)
            finally:
                self.models.release(model)

        threading.Thread(target=ask, daemon=True, name="invocation").start()
        try:
            return answer.result(max(0.0, deadline - time.monotonic()))
        except ConnectionRefusedError as error:
            message = "The container restarts. Please try again."
            raise ServiceError("ServiceUnavailable", message, 503) from error
        except (TimeoutError, FutureTimeoutError) as error:
            raise timed_out() from error
        except OSError as error:
            raise ModelError(0, "The container closed the connection.") from error

    def _launch(self) -> None:
        image = self._definition["Image"]
        program = find_program(self._settings.images, image)
        if program is None:
            reason = f"The image '{image}' does not exist or cannot be pulled."
            raise ContainerFault(reason)
        (self._root / "models").mkdir(parents=True, exist_ok=True)
        self._calls.port = first = _free_ports(SAFE_PORTS)
        environment = {
            **self._definition.get("Environment", {}),
            "SAGEMAKER_MULTI_MODEL": "true",
            "SAGEMAKER_BIND_TO_PORT": str(first),
            "SAGEMAKER_SAFE_PORT_RANGE": f"{first + 1}-{first + SAFE_PORTS - 1}",
            "SAGEMAKER_BASE_DIR": str(self._root),
            **host.client_environment(self._session),
        }
        self._container = Container(program, environment, self._root, self._log_file, self._wakeup)

    def _supervise(self) -> None:
        """Restart the container whenever it ends; its models load again on demand."""
        while not self._stopped:
            self._wakeup.wait(self._settings.sync_every)
            self._wakeup.clear()
            self._logs.ship()
            ended = self._container is not None and self._container.status() is not None
            if ended and not self._stopped:
                self.healthy = False
                self._launch()
                self.models.forget()
            elif not self.healthy:
                self.healthy = self._calls.ping()
        self._logs.ship(last=True)


def _free_ports(count: int) -> int:
    """Return the first of `count` consecutive free ports.

    They are below those that Linux gives to outgoing connections: the container binds them only
    when its base is loaded, and until then a connection may have taken them.
    """
    while True:
        first = LOWEST_PORT + secrets.randbelow(EPHEMERAL_PORTS - LOWEST_PORT - count)
        if all(map(is_free, range(first, first + count))):
            return first
