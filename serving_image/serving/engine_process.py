"""The engine's process: holds the base, draws, and answers the Triton model that forwards to it.

It is no model of Triton's, as Triton answers nobody any more when a model's process dies with
requests in it. ``serve`` starts this process again, and the forwarding model sends again what was
unanswered.
"""

import gc
import itertools
import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from threading import Lock, Thread

import torch

from contracts.documents.package import GenerationInfo
from contracts.shared.instances.gpu_check import NoGpuError
from serving import markers
from serving.adapters.cache import AdapterCache
from serving.adapters.reader import AdapterReader
from serving.answer_cache import Answer, AnswerCache
from serving.device import INSTANCE_TYPE, refuse_cpu
from serving.devices import DEVICE, DEVICE_SHARE, own_socket
from serving.engine.engine import Engine
from serving.engine.warm_up import NoMemoryError, OverflowingBaseError, make_plan, try_plan, warm_up
from serving.forwarding import HELLO, Cancel, Request, Response, short_name
from serving.generator import Generator
from serving.names_file import read_names
from serving.output.marks import make_marker
from serving.output.pictures_bucket import open_bucket
from serving.output.safety import SafetySettings, make_checker
from serving.precision import PrecisionError
from serving.requests import Inputs, Reply
from serving.service import Limits, PictureService
from serving.settings import SettingError, read_settings
from serving.supervision import MARKS_FILE, NAMES_FILE


class UnloadableBaseError(Exception):
    """The base's files are the right ones, and no pipeline comes of them."""


STARTUP_ERRORS = (
    *(NoGpuError, NoMemoryError, OverflowingBaseError, PrecisionError, SettingError),
    UnloadableBaseError,
)
"""What another start would not mend."""


def main() -> int:
    """Load the base, then answer requests until the process is ended."""
    run_dir = Path(os.environ["LIKENESS_RUN_DIR"])
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    device = torch.device(os.environ[DEVICE])
    try:
        if not torch.cuda.is_available():
            refuse_cpu(os.environ.get(INSTANCE_TYPE, ""))
        service = make_service(Path(os.environ["LIKENESS_BASE_DIR"]), device, run_dir)
    except STARTUP_ERRORS as error:
        sys.stderr.write(f"engine: {error}\n")
        return 2
    # The imported libraries are half a million objects that live as long as the process. Unless
    # they are frozen, every full collection scans them for a third of a second.
    gc.collect()
    gc.freeze()
    service.engine.thread.start()
    markers.follow(run_dir, service.drop_models, service.allow_models)
    answer_requests(service, own_socket(run_dir))
    return 0


def load_generator(base: Path, device: torch.device) -> Generator:
    """Load the base.

    Raises:
        UnloadableBaseError: diffusers cannot load it.
    """
    try:
        return Generator(base, device)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"the base cannot be loaded ({type(error).__name__}: {error})"
        raise UnloadableBaseError(reason) from error


def make_service(base: Path, device: torch.device, run_dir: Path) -> PictureService:
    """Load the base, and make all that answers requests; its engine's thread is not started."""
    settings = read_settings()
    generator = load_generator(base, device)
    warm_up(generator)
    plan = make_plan(generator, settings.adapter_bytes, int(os.environ[DEVICE_SHARE]))
    plan, speed = try_plan(generator, plan, settings.rows_per_pass)
    card = generator.card
    reader = AdapterReader(card.sha256, generator.layers, device, generator.dtype)
    adapters = AdapterCache(reader.read, settings.adapter_bytes)
    return PictureService(
        engine=Engine(
            generator,
            plan,
            speed,
            settings.rows_per_pass,
            free_memory=lambda: adapters.shrink(0),
            weights=settings.tenant_weights,
        ),
        card=card,
        adapters=adapters,
        answers=AnswerCache(settings.answer_bytes),
        marker=make_marker(os.environ.get(MARKS_FILE), os.environ),
        checker=make_checker(SafetySettings.from_environment(), device),
        bucket=open_bucket(settings.pictures_bucket),
        limits=Limits(
            requests=settings.queue_size + settings.rows_per_pass,
            seconds=settings.request_seconds,
            request_work=settings.request_work,
            model_work=settings.model_work,
            blocked_words=settings.blocked_words,
            blocked_names=read_names(os.environ.get(NAMES_FILE)),
        ),
        count_chunks=generator.count_chunks,
        run_dir=run_dir,
    )


def answer_requests(service: PictureService, address: Path) -> None:
    """Take requests from every connection; one comes when the forwarding model starts."""
    address.unlink(missing_ok=True)  # of a process that died
    with short_name(address) as name, Listener(name, family="AF_UNIX") as listener:
        for number in itertools.count():
            connection = listener.accept()
            arguments = (service, connection, f"{number}.")
            Thread(target=take_requests, args=arguments, daemon=True).start()


def take_requests(
    service: PictureService, connection: "Connection[Response, Request | Cancel]", prefix: str
) -> None:
    """Hand the requests of one connection to the service until the other side has gone.

    Then nobody waits for what is not drawn yet. ``prefix`` makes the ids of the connection's
    requests different from those of others.
    """
    sending = Lock()
    with suppress(EOFError, OSError):
        connection.send(HELLO)
        while True:
            message = connection.recv()
            if isinstance(message, Cancel):
                service.drop(f"{prefix}{message.number}")
                continue
            service.submit(
                Inputs(
                    prompt=message.prompt,
                    negative_prompt=message.negative_prompt,
                    gen_args=message.gen_args,
                    image=message.image,
                    adapter=message.adapter,
                    request_id=f"{prefix}{message.number}",
                    received=message.received,
                    reply=make_reply(connection, sending, message.number),
                )
            )
    service.drop_all(prefix)


def make_reply(
    connection: "Connection[Response, Request | Cancel]", sending: Lock, number: int
) -> Reply:
    """Return the function that answers one request."""

    def reply(result: Answer | Exception) -> None:
        # When the forwarding model has died, nobody waits for the answer.
        with sending, suppress(OSError):
            connection.send(make_response(number, result))

    return reply


def make_response(number: int, result: Answer | Exception) -> Response:
    """Return the answer as it is sent."""
    if isinstance(result, Exception):
        return Response(number, (), b"", str(result))
    return Response(number, result.pictures, dump_info(result.info), "")


def dump_info(info: GenerationInfo) -> bytes:
    """Return JSON without the fields that say nothing here: older readers refuse them."""
    omitted = {"strength", "image_sha256"} if info.image_sha256 is None else set()
    omitted |= {
        name
        for name in ("scheduler_options", "stored", "hires", "refiner")
        if not getattr(info, name)
    }
    return info.model_dump_json(exclude=omitted).encode()


if __name__ == "__main__":
    sys.exit(main())
