"""The models in a container's memory: loaded on demand, unloaded least recently used first."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from local.sagemaker import host
from local.sagemaker.api.errors import ServiceError
from local.sagemaker.container.calls import ContainerCalls, Reply
from local.sagemaker.hosting.model_errors import model_error, not_ready
from local.sagemaker.hosting.packages import model_name
from local.sagemaker.settings import Settings

State = Literal["loading", "ready", "draining", "failed", "gone"]

logger = logging.getLogger(__name__)


@dataclass
class Model:
    """One TargetModel of one container."""

    target: str
    state: State = "loading"
    error: ServiceError | None = None
    in_flight: int = 0
    used: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """The model's name in calls to the container."""
        return model_name(self.target)


class MultiModel:
    """The models of one container; requests may come from any thread."""

    def __init__(
        self, calls: ContainerCalls, fetch: Callable[[str], Path], settings: Settings
    ) -> None:
        self._calls = calls
        self._fetch = fetch
        self._settings = settings
        self._models: dict[str, Model] = {}
        self._changed = threading.Condition()

    def acquire(self, target: str, deadline: float) -> Model:
        """Return a loaded model that stays loaded until `release`.

        Raises:
            ServiceError: the load fails, or takes longer than the deadline and continues.
        """
        with self._changed:
            model = self._find_or_load(target)
            while model.state != "ready":
                if model.state == "failed" and model.error is not None:
                    raise model.error
                if model.state == "gone":
                    model = self._find_or_load(target)
                elif not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise not_ready(target)
            model.in_flight += 1
            model.used = time.monotonic()
            return model

    def release(self, model: Model) -> None:
        """End one request of a model."""
        with self._changed:
            model.in_flight -= 1
            self._changed.notify_all()

    def forget(self, model: Model | None = None) -> None:
        """Record that the container has lost a model, or all models after a restart."""
        with self._changed:
            for lost in [model] if model is not None else list(self._models.values()):
                if self._models.get(lost.target) is lost and lost.state == "ready":
                    self._drop(lost, "gone")

    def loaded(self) -> list[str]:
        """Return the targets in memory, least recently used first."""
        with self._changed:
            ready = [model for model in self._models.values() if model.state == "ready"]
            return [model.target for model in sorted(ready, key=lambda model: model.used)]

    def has(self, target: str) -> bool:
        """Return whether a target is in memory, or is being loaded."""
        with self._changed:
            found = self._models.get(target)
            return found is not None and found.state in {"loading", "ready"}

    def unload_one(self, keep: Model) -> bool:
        """Unload the least recently used model except `keep`; return False if there is no other."""
        with self._changed:
            others = [
                model
                for model in self._models.values()
                if model.state == "ready" and model is not keep
            ]
            if not others:
                return False
            unloaded = min(others, key=lambda model: (model.in_flight > 0, model.used))
            unloaded.state = "draining"
            while unloaded.in_flight:
                self._changed.wait()
        try:
            self._calls.unload(unloaded.name, unloaded.target)
        except OSError:
            logger.warning("a model could not be unloaded, because its container does not answer")
        with self._changed:
            self._drop(unloaded, "gone")
        return True

    def _find_or_load(self, target: str) -> Model:
        model = self._models.get(target)
        if model is None:
            model = self._models[target] = Model(target)
            loading = model
            host.in_background("load-model", lambda: self._load(loading))
        return model

    def _load(self, model: Model) -> None:
        try:
            self._load_or_raise(model)
        except ServiceError as error:
            model.error = error
        except OSError:
            model.error = ServiceError("ServiceUnavailable", "The container does not answer.", 503)
        except Exception:
            logger.exception("a model could not be loaded")
            model.error = ServiceError("InternalFailure", "An internal failure occurred.", 500)
        with self._changed:
            if model.error is not None:
                self._drop(model, "failed")
            else:
                model.state = "ready"
                model.used = time.monotonic()
            self._changed.notify_all()

    def _load_or_raise(self, model: Model) -> None:
        folder = self._fetch(model.target)
        while len(self.loaded()) >= self._settings.max_loaded_models and self.unload_one(model):
            continue
        reply = self._ask_to_load(model, folder)
        while reply.status == HTTPStatus.INSUFFICIENT_STORAGE and self.unload_one(model):
            reply = self._ask_to_load(model, folder)
        if reply.status not in {HTTPStatus.OK, HTTPStatus.CONFLICT}:  # 409: it is already loaded
            raise model_error(reply)

    def _ask_to_load(self, model: Model, folder: Path) -> Reply:
        try:
            return self._calls.load(model.name, model.target, folder, self._settings.load_limit)
        except TimeoutError as error:
            raise not_ready(model.target) from error

    def _drop(self, model: Model, state: State) -> None:
        if self._models.get(model.target) is model:
            del self._models[model.target]
        model.state = state
        self._changed.notify_all()
