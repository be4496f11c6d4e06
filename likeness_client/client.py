"""Likeness: one endpoint, any model on it."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from contracts.documents.picture import PictureArguments
from contracts.shared.pictures.sampler_names import rename_arguments
from likeness_client.answer import Answer, make_request, parse_answer
from likeness_client.errors import GenerationError, translate
from likeness_client.store import PictureStore, SentRequest

PATIENCE_SECONDS = 360.0
"""SageMaker may take six minutes to load a model that nobody has used lately."""

FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 15.0

_CONFIG = Config(read_timeout=70, retries={"total_max_attempts": 1})
"""SageMaker answers within 60 seconds; the retrying is done here, where the codes are known."""


class Likeness:
    """Asks one endpoint for pictures.

    Args:
        endpoint: the endpoint's name.
        session: a boto3 session with the caller's own credentials; default: boto3's.
        patience_seconds: how long to go on when the model is loading or the base is busy.
    """

    def __init__(
        self,
        endpoint: str,
        session: Any = None,  # noqa: ANN401 (boto3 ships no types)
        patience_seconds: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint = endpoint
        self.patience_seconds = patience_seconds
        self._session = session or boto3
        self._runtime = self._session.client("sagemaker-runtime", config=_CONFIG)
        self._sleep = sleep

    def generate(
        self,
        model: str,
        prompt: str,
        negative_prompt: str | None = None,
        store: str | None = None,
        image: bytes | str | None = None,
        **arguments: Any,  # noqa: ANN401 (PictureArguments checks them)
    ) -> Answer:
        """Return pictures of a model.

        Args:
            model: the TargetModel of the notice, ``<job id>-<hash>.tar.gz``.
            prompt: what to draw; name the subject by its trigger word, or write ``<<TOK>>``.
            negative_prompt: what to avoid.
            store: ``s3://<bucket>/tenants/<tenant>``: keep request and pictures there.
            image: a PNG or JPEG to start from: the file's bytes, or the ``s3://`` address of a
                picture of the tenant's own. ``strength`` says how far to go.
            arguments: fields of PictureArguments, e.g. ``seed=1, lora_scale=0.8``, or A1111's
                names for them.

        Raises:
            GenerationError: see its ``code``; what may pass was tried again until then. A
                NotStoredError holds the answer.
            BotoCoreError: boto3 has no credentials, no Region, or no connection.
        """
        checked = choose_seed(check_arguments(arguments, has_image=image is not None))
        body = make_request(prompt, negative_prompt, checked, image)
        if store is None:
            return self._ask(model, body, checked)
        place = PictureStore(store, self._session.client("s3"))
        answer = self._ask(model, body, checked)
        sent = SentRequest(
            endpoint=self.endpoint,
            model=model,
            prompt=prompt,
            negative_prompt=negative_prompt,
            arguments=checked.model_copy(update={"mask_image": None}),  # its hash is in the info
        )
        return replace(answer, stored_at=place.keep(sent, answer))

    def _ask(self, model: str, body: bytes, arguments: PictureArguments) -> Answer:
        """Ask until there is an answer, a final error, or no patience left."""
        deadline = time.monotonic() + self.patience_seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return parse_answer(self._invoke(model, body))
            except GenerationError as error:
                if not error.retryable or time.monotonic() + pause > deadline:
                    raise
                if error.code == "adapter_not_loaded":
                    self._wake(other.model for other in arguments.adapters)
                    continue
            self._sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    async def generate_async(
        self,
        model: str,
        prompt: str,
        negative_prompt: str | None = None,
        store: str | None = None,
        image: bytes | str | None = None,
        **arguments: Any,  # noqa: ANN401 (as generate)
    ) -> Answer:
        """Do the same without holding up the event loop."""
        return await asyncio.to_thread(
            self.generate, model, prompt, negative_prompt, store, image, **arguments
        )

    def _wake(self, models: Iterable[str]) -> None:
        """Have the endpoint load the models that are to be mixed in."""
        arguments = PictureArguments(num_inference_steps=1, guidance_scale=1, seed=0)
        for model in models:
            self._ask(model, make_request("wake up", None, arguments), arguments)

    def _invoke(self, model: str, body: bytes) -> bytes:
        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=self.endpoint,
                TargetModel=model,
                ContentType="application/json",
                Body=body,
            )
        except ClientError as error:
            raise translate(error) from error
        except (ReadTimeoutError, ConnectionClosedError) as error:
            raise GenerationError("no_answer", "the endpoint did not answer in time") from error
        data: bytes = answer["Body"].read()
        return data


def choose_seed(arguments: PictureArguments) -> PictureArguments:
    """Return the arguments with a seed.

    When an answer is lost on its way, the request that is sent again asks for the same picture, and
    the endpoint has it in memory or is drawing it: nobody pays twice.
    """
    if arguments.seed is not None:
        return arguments
    return arguments.model_copy(update={"seed": secrets.randbelow(2**32)})


def check_arguments(arguments: dict[str, Any], *, has_image: bool) -> PictureArguments:
    """Return them as a document: a typo is found here, not after six minutes of loading."""
    try:
        return PictureArguments.model_validate(rename_arguments(arguments, has_image=has_image))
    except PydanticCustomError as error:
        raise GenerationError("invalid_argument", str(error)) from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise GenerationError("invalid_argument", f"{place}: {fault['msg']}") from error
