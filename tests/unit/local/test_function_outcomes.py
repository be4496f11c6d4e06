"""Lambda's words about a function that it has ended."""

import pytest

from local.cloud.lambdas.outcome import exited, out_of_memory, timed_out


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "Runtime exited without providing a reason"),
        (3, "Runtime exited with error: exit status 3"),
        (-9, "Runtime exited with error: signal: killed"),
        (-11, "Runtime exited with error: signal: segmentation fault"),
        (-64, "Runtime exited with error: signal: 64"),
    ],
)
def test_the_end_of_a_process_is_worded_by_its_status(status: int, words: str) -> None:
    outcome = exited("abc", status)
    assert outcome.body["errorMessage"] == f"RequestId: abc Error: {words}"
    assert outcome.last_words == (f"RequestId: abc Error: {words}", "Runtime.ExitError")
    assert (outcome.failed, outcome.status, outcome.error_type) == (
        True, "error", "Runtime.ExitError",
    )  # fmt: skip


def test_a_lack_of_memory_is_a_kill_that_the_report_explains() -> None:
    outcome = out_of_memory("abc", limit_bytes=128 << 20)
    assert outcome.body == exited("abc", -9).body
    assert (outcome.error_type, outcome.used_bytes) == ("Runtime.OutOfMemory", 128 << 20)


def test_a_time_out_names_the_function_s_own_limit() -> None:
    outcome = timed_out("abc", 2.5)
    assert outcome.body == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: abc Error: Task timed out after 2.50 seconds",
    }
    assert outcome.last_words == ("abc Task timed out after 2.50 seconds",)
    assert (outcome.status, outcome.error_type) == ("timeout", "")
