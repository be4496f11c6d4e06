"""What became of one invocation."""

from dataclasses import dataclass, field

from local.cloud.lambdas.process import Line
from local.cloud.typing_aliases import Json

EXITED = "Runtime.ExitError"
OUT_OF_MEMORY = "Runtime.OutOfMemory"
TIMED_OUT = "Sandbox.Timedout"
SIGNALS = {4: "illegal instruction", 6: "aborted", 9: "killed", 11: "segmentation fault"}


@dataclass
class Outcome:
    """The answer or the error of an invocation, and what Lambda writes about it.

    Attributes:
        body: the answer, or Lambda's error document.
        failed: whether the body is an error document.
        lines: what the function has logged.
        last_words: what Lambda itself logs when it has ended the environment.
        status: "error" or "timeout" when Lambda has ended the environment; otherwise empty.
        error_type: the error type of the REPORT line when the status is "error".
        used_bytes: the most memory that was seen.
        init_ms: milliseconds of the start, if the environment was cold.
        duration_ms: milliseconds of the invocation, without the start.
    """

    body: Json
    failed: bool = False
    lines: list[Line] = field(default_factory=list)
    last_words: tuple[str, ...] = ()
    status: str = ""
    error_type: str = ""
    used_bytes: int = 0
    init_ms: float | None = None
    duration_ms: float = 0.0


def out_of_memory(request_id: str, limit_bytes: int) -> Outcome:
    """Return the outcome of a function that needed more than its MemorySize."""
    outcome = exited(request_id, -9)
    outcome.error_type, outcome.used_bytes = OUT_OF_MEMORY, limit_bytes
    return outcome


def exited(request_id: str, status: int) -> Outcome:
    """Return the outcome of a process that has ended with this status; a signal is negative."""
    words = f"RequestId: {request_id} Error: {_why(status)}"
    document = {"errorType": EXITED, "errorMessage": words}
    ended = Outcome(document, failed=True, last_words=(words, EXITED))
    ended.status, ended.error_type = "error", EXITED
    return ended


def timed_out(request_id: str, seconds: float) -> Outcome:
    """Return the outcome of a function that has not answered within its Timeout."""
    words = f"Task timed out after {seconds:.2f} seconds"
    document = {"errorType": TIMED_OUT, "errorMessage": f"RequestId: {request_id} Error: {words}"}
    last_words = (f"{request_id} {words}",)
    return Outcome(document, failed=True, last_words=last_words, status="timeout")


def _why(status: int) -> str:
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    return f"Runtime exited with error: signal: {SIGNALS.get(-status, -status)}"
