"""Event sources of functions: batches that keep failing are skipped, and parameters are numbers.

Stock tries a stream's batch for ever. It also compares the number of messages under way with a
MaximumConcurrency that a template took from a parameter, which is a text: then no queue of the
account is read.
"""

import contextvars
from collections import Counter

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import dynamodb, lambda_svc

from local.cloud.resources import apply_after
from local.cloud.typing_aliases import Json

EXHAUSTED = "RetryAttemptsExhausted"

_failures: Counter[str] = Counter()
_last_pause: dict[str, float] = {}


def install() -> None:
    """Skip the batches that failed too often after each poll, and read numbers as numbers."""
    apply_after("AWS::Lambda::EventSourceMapping", _read_numbers)
    poll = lambda_svc._poll_dynamodb_streams

    def polled() -> bool:
        advanced: bool = poll()
        for account, region, mapping in lambda_svc._iter_all_esms():
            if ":dynamodb:" in mapping["EventSourceArn"]:
                contextvars.copy_context().run(_count_failures, account, region, mapping)
        return advanced

    lambda_svc._poll_dynamodb_streams = polled


def _read_numbers(name: str, _properties: Json) -> None:
    scaling = lambda_svc._esms[name].get("ScalingConfig")
    if scaling:
        lambda_svc._esms[name]["ScalingConfig"] = {
            key: int(value) for key, value in scaling.items()
        }


def _count_failures(account: str, region: str, mapping: Json) -> None:
    """Count a mapping's consecutive failures; stock sets a new pause after each failure."""
    set_request_account_id(account)
    set_request_region(region)
    name = mapping["UUID"]
    pause = lambda_svc._esm_backoff_until.get(name)
    if pause is None:
        _failures.pop(name, None)
    elif pause != _last_pause.get(name):
        _last_pause[name] = pause
        _failures[name] += 1
        limit = int(mapping.get("MaximumRetryAttempts", -1))
        if 0 <= limit < _failures[name]:
            _skip_batch(mapping)


def _skip_batch(mapping: Json) -> None:
    """Send the batch to the OnFailure destination, and continue after it."""
    name, source = mapping["UUID"], mapping["EventSourceArn"]
    table = source.split("/stream/")[0].rsplit("/", 1)[-1]
    positions = lambda_svc._dynamodb_stream_positions
    size = mapping.get("BatchSize", 100)
    batch = dynamodb.stream_records_since(table, positions[name], size)
    qualifier = mapping.get("Qualifier")
    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], qualifier)
    lambda_svc._send_ddb_stream_failure_record(mapping, function, batch, source, {}, EXHAUSTED)
    with lambda_svc._dynamodb_stream_positions_lock:
        positions[name] += len(batch)
    lambda_svc._esm_backoff_until.pop(name, None)
    _failures.pop(name, None)
