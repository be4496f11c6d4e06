"""Retry and Catch of a state."""

import random
from collections import Counter
from collections.abc import Callable

from ministack.services import stepfunctions as stock

from local.cloud.states.failures import Failed, matches
from local.cloud.states.input_output import State, is_jsonata
from local.cloud.states.run import Run
from local.cloud.typing_aliases import Json

MAX_ATTEMPTS = 3
INTERVAL_SECONDS = 1
BACKOFF_RATE = 2.0


def guarded(state: State, data: Json, run: Run, work: Callable[[], Json]) -> tuple[Json, str]:
    """Run a state's work under its Retry and Catch; return its output and the next state."""
    used: Counter[int] = Counter()
    entered = run.context["State"]
    while True:
        run.context["State"] = {**entered, "RetryCount": used.total()}
        try:
            return work(), stock._next_or_end(state)
        except Failed as failure:
            delay = _delay(state, failure.error, used)
            if delay is None:
                return _caught(state, data, run, failure)
        run.pause(delay)


def _delay(state: State, error: str, used: Counter[int]) -> float | None:
    """Return the seconds until the next attempt, or None when there is none.

    Only the first retrier that names the error is used.
    """
    for index, retrier in enumerate(state.get("Retry", [])):
        if matches(retrier["ErrorEquals"], error):
            if used[index] >= retrier.get("MaxAttempts", MAX_ATTEMPTS):
                return None
            used[index] += 1
            return backoff(retrier, used[index] - 1)
    return None


def backoff(retrier: dict[str, Json], attempts: int) -> float:
    """Return a retrier's delay in seconds after this many earlier attempts."""
    rate = retrier.get("BackoffRate", BACKOFF_RATE)
    delay = float(retrier.get("IntervalSeconds", INTERVAL_SECONDS) * rate**attempts)
    delay = min(delay, float(retrier.get("MaxDelaySeconds", delay)))
    if retrier.get("JitterStrategy") == "FULL":
        return random.uniform(0, delay)  # noqa: S311 - jitter, not a secret
    return delay


def _caught(state: State, data: Json, run: Run, failure: Failed) -> tuple[Json, str]:
    language = "JSONata" if is_jsonata(state, run) else "JSONPath"
    report = {"Error": failure.error, "Cause": failure.cause}
    for catcher in state.get("Catch", []):
        if matches(catcher["ErrorEquals"], failure.error):
            output = stock._apply_catcher(catcher, data, run.context, language, report)
            return output, catcher["Next"]
    raise failure
