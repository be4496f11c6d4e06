"""An execution environment: a process with its own /tmp and log stream, kept while it is warm."""

import itertools
import os
import shutil
import threading
import time
from pathlib import Path

from local.cloud import paths
from local.cloud.lambdas import deployed_code, interpreter, layers, logs, variables
from local.cloud.lambdas.invocation import Invocation
from local.cloud.lambdas.outcome import Outcome
from local.cloud.lambdas.process import RuntimeProcess
from local.cloud.typing_aliases import Json, Stock

RUNTIME = Path(__file__).with_name("runtime.py")

_numbers = itertools.count(1)


class UnsupportedRuntimeError(Exception):
    """The function's runtime is not the laptop's Python."""

    def __init__(self, runtime: str) -> None:
        ours = variables.OUR_RUNTIME
        message = f"the laptop runs {ours}, but this function needs {runtime}"
        super().__init__(f"{message}: deploy with LambdaRuntime={ours}")


class ExecutionEnvironment:
    """One environment; ministack keeps it in its pool, and ends it when it has been idle for long.

    A process that had to be ended is replaced at the next call: then the environment is a new one,
    with an empty /tmp and another log stream.
    """

    def __init__(self, func_name: str, config: Stock, code_zip: bytes) -> None:
        self.func_name = func_name
        self.config = config
        self.in_use = False  # ministack's, as the next one
        self.last_used = time.time()
        self.stream = ""
        self._code_zip = code_zip
        self._proc: RuntimeProcess | None = None  # ministack's: it ends the process and forgets it
        self._started: RuntimeProcess | None = None
        self._home: Path | None = None
        self._lock = threading.Lock()

    def call(self, event: Json, request_id: str, trace_id: str | None) -> Outcome:
        """Run one invocation; start a process first if none runs.

        Raises:
            UnsupportedRuntimeError: the function needs another runtime than the laptop's Python.
        """
        with self._lock:
            process = self._proc
            cold = process is None or process.poll() is not None
            if process is None or cold:
                process = self._start()
            outcome = Invocation(process, self.config, request_id).run(event, trace_id, cold=cold)
            self.last_used = time.time()
            return outcome

    def _start(self) -> RuntimeProcess:
        runtime = self.config.get("Runtime", "")
        if runtime != variables.OUR_RUNTIME:
            raise UnsupportedRuntimeError(runtime)
        self._discard_tmpdir()
        self.stream = logs.stream_name(self.config)
        places = self._places()
        given = variables.of_environment(self.config, places, self.stream)
        args = [str(places.program), "-P", str(RUNTIME), self._title()]
        self._proc = self._started = RuntimeProcess(args, places.code, given)
        self._started.send(self._init(places))
        return self._started

    def _title(self) -> str:
        """Return a word that names the server and the function in a list of processes."""
        return f"/{os.environ['GATEWAY_PORT']}/{self.config['FunctionName']}/"

    def _places(self) -> variables.Places:
        """Return where the parts of a new environment are, with a /tmp of its own."""
        home = paths.lambda_code(int(os.environ["GATEWAY_PORT"]))
        self._home = home / f"environment-{next(_numbers)}"
        self._home.mkdir(parents=True)
        found = interpreter.find(paths.LAMBDA_PYTHON, paths.INTERPRETERS)
        return variables.Places(
            program=found.program,
            library_dir=found.library_dir,
            code=deployed_code.unpacked(self._code_zip),
            layers=tuple(layers.unpacked(layer) for layer in self.config.get("Layers") or []),
            tmp=self._home,
        )

    def _init(self, places: variables.Places) -> dict[str, Json]:
        module, _, handler = str(self.config["Handler"]).rpartition(".")
        return {
            "code": str(places.code),
            "layers": [str(layer) for layer in places.layers],
            "module": module.replace("/", "."),
            "handler": handler,
            "executable": str(places.program),
            "timeout_seconds": float(self.config.get("Timeout", 3)),
        }

    def _discard_tmpdir(self) -> None:
        """End the process and remove its /tmp; ministack calls this at the environment's end."""
        if self._started is not None:
            self._started.close()
            self._started = None
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None
