"""Records which role was allowed which action on which resource, for `make privileges`.

Nothing is recorded unless LIKENESS_CALL_RECORD names a file. Each line of the file is one JSON
document; a call that was recorded before is not written again. A policy that does not allow is no
denial, because another one may, so it is not recorded.
"""

import json
import os
import threading
from pathlib import Path

from ministack.core import iam_evaluator

from local.cloud.typing_aliases import Stock

VARIABLE = "LIKENESS_CALL_RECORD"
ROLE = ":assumed-role/"

_lock = threading.Lock()


def install() -> None:
    """Record whatever a role's policies allow it, if somebody asked for it."""
    name = os.environ.get(VARIABLE)
    if not name:
        return
    evaluate, file = iam_evaluator.evaluate, Path(name)
    seen: set[str] = set()

    def evaluate_and_record(context: Stock, *args: Stock, **options: Stock) -> Stock:
        result = evaluate(context, *args, **options)
        if ROLE in context.principal_arn and result.decision == "Allow":
            line = _line(context)
            with _lock:
                if line not in seen:
                    seen.add(line)
                    with file.open("a") as record:
                        record.write(line + "\n")
        return result

    iam_evaluator.evaluate = evaluate_and_record


def _line(context: Stock) -> str:
    role = context.principal_arn.partition(ROLE)[2].partition("/")[0]
    call = {"role": role, "action": context.action, "resource": context.resource_arn}
    return json.dumps(call)
