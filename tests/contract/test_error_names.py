"""Step Functions compares error names as text: classes and state machine must agree."""

import contracts.errors
from contracts.codes import CODES
from contracts.errors import StageError
from tests.contract.files import MACHINES, tasks

OURS = {
    name: kind
    for name, kind in vars(contracts.errors).items()
    if isinstance(kind, type) and issubclass(kind, StageError) and kind is not StageError
}


def retried() -> set[str]:
    return {
        name
        for machine in MACHINES
        for task in tasks(machine).values()
        for retrier in task["Retry"]
        for name in retrier["ErrorEquals"]
        if not name.startswith(("Lambda.", "Runtime.", "Sandbox.", "States."))
    }


def test_exactly_the_retryable_errors_are_retried() -> None:
    assert retried() == {name for name, kind in OURS.items() if kind.retryable}


def test_every_error_has_a_code_with_words_for_people() -> None:
    assert {kind.code for kind in OURS.values()} <= set(CODES)


def test_error_names_end_in_error() -> None:
    assert all(name.endswith("Error") for name in OURS)


def test_words_fit_on_a_phone() -> None:
    too_long = [
        code for code, entry in CODES.items() if len(entry.text) > 160 or len(entry.hint) > 160
    ]
    assert not too_long
