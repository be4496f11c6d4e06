"""The two kinds of handler: a stage of the workflow, and a listener to AWS's events.

Both parse the event into the type of the function's parameter, bind the job's ids to every log
line, trace, and count the outcome. Of a document, only its opaque ids are logged.
"""

import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, get_type_hints

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import TypeAdapter, ValidationError

from contracts.errors import StageError, StageInputError
from runtime.log_context import ids_in
from runtime.metrics import count, report

Answer = TypeVar("Answer")
LambdaHandler = Callable[[Any, LambdaContext], Any]

logger = Logger()
tracer = Tracer()


def stage(handler: Callable[[Any], Answer]) -> LambdaHandler:
    """Make the handler of a state from a function of one document to another."""
    parse = _parser(handler)
    dump = TypeAdapter(get_type_hints(handler)["return"]).dump_python

    @wraps(handler)
    def lambda_handler(event: object, _context: LambdaContext) -> object:
        with _outcome_logged(handler):
            document = parse(event)
            bind(document)
            answer = handler(document)
            bind(answer)
            return dump(answer, mode="json")

    return _traced(lambda_handler)


def listener(handler: Callable[..., None]) -> LambdaHandler:
    """Make the handler of an AWS event from a function without an answer.

    A function without a parameter ignores the event, for example a schedule's.
    """
    parse = _parser(handler) if inspect.signature(handler).parameters else None

    @wraps(handler)
    def lambda_handler(event: object, _context: LambdaContext) -> None:
        with _outcome_logged(handler):
            if parse is None:
                handler()
                return
            document = parse(event)
            bind(document)
            handler(document)

    return _traced(lambda_handler)


def _parser(handler: Callable[..., object]) -> Callable[[object], Any]:
    """Return a function that parses an event into the handler's one parameter."""
    (name,) = inspect.signature(handler).parameters
    adapter = TypeAdapter(get_type_hints(handler)[name])

    def parse(event: object) -> object:
        try:
            return adapter.validate_python(event)
        except ValidationError as error:
            places = {".".join(map(str, problem["loc"])) for problem in error.errors()}
            raise StageInputError(fields=", ".join(sorted(places))[:200]) from None

    return parse


@contextmanager
def _outcome_logged(handler: Callable[..., object]) -> Generator[None, None, None]:
    """Count and log the outcome; a failure is logged by its name and raised again."""
    name = handler.__module__.partition(".")[0]
    logger.clear_state()
    logger.append_keys(stage=name)
    try:
        yield
    except StageError as error:
        name_of_error = type(error).__name__
        logger.warning("stage failed", expected=True, error=name_of_error, facts=error.facts)
        count("Failed", name)
        raise
    except Exception as error:
        name_of_error = type(error).__name__
        logger.error("stage failed", expected=False, error=name_of_error)  # noqa: TRY400 - no user text
        count("Crashed", name)
        report("Crashes", 1)
        raise
    logger.info("stage done")
    count("Succeeded", name)


def bind(document: object) -> None:
    """Add the opaque ids of the document's job to every later log line and to the trace."""
    for name, value in ids_in(document).items():
        logger.append_keys(**{name: value})
        tracer.put_annotation(name, value)


def _traced(handler: LambdaHandler) -> LambdaHandler:
    return tracer.capture_lambda_handler(handler, capture_response=False)
