"""``likeness takedown``: an operator lists reports, and accepts, refuses or restores."""

import sys
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from contracts.documents.takedown import TakedownAnswer, TakedownCase, TakedownOrder
from likeness_client.exit_codes import ExitCode
from likeness_client.functions import NotDecidedError, call

OUTCOMES = {
    "disabled": "disabled: within seconds nothing is drawn with the models",
    "refused": "refused",
    "restored": "restored: within seconds the models draw again",
}
REFUSED = {
    "unknown": "there is no such case; `likeness takedown list` shows all",
    "no_model": "the picture's marks name no model: name one by --model, or refuse with no_mark",
    "unknown_model": "there is no model of this id, so nothing was disabled: correct --model",
    "decided": "the case was decided before in another way, as the list shows",
}


def run_takedown(options: Any) -> int:  # noqa: ANN401 (argparse's namespace)
    """Carry out the command.

    Raises:
        NotDecidedError: nothing was decided; the message says why.
        FunctionFailedError: the function failed.
    """
    order = order_of(options)
    answer = call(options.function, order, TakedownAnswer)
    if answer.outcome in REFUSED:
        raise NotDecidedError(REFUSED[answer.outcome])
    show(answer.cases)
    if answer.outcome in OUTCOMES:
        sys.stdout.write(f"{OUTCOMES[answer.outcome]}\n")
    return ExitCode.DONE


def order_of(options: Any) -> TakedownOrder:  # noqa: ANN401
    """Return the order that the command's words give.

    Raises:
        NotDecidedError: the words give none.
    """
    if options.what != "list" and options.case is None:
        raise NotDecidedError("name the case, as `likeness takedown list` shows it")
    if options.what == "refuse" and options.why is None:
        raise NotDecidedError("say why by --why: the audit trail keeps it")
    try:
        return TakedownOrder(
            action=options.what, case_id=options.case, models=options.model, why=options.why
        )
    except ValidationError:
        raise NotDecidedError("a case is td_ and 32 digits; a model is its id of 32") from None


def show(cases: Sequence[TakedownCase]) -> None:
    """Print one line for each case and one for each of its models."""
    for case in cases:
        mark = {True: "watermark", False: "no watermark", None: "not looked at yet"}[case.watermark]
        appealed = f"  appealed {case.appealed_at}" if case.appealed_at else ""
        sys.stdout.write(
            f"{case.case_id}  {case.status}  {case.reason}  due {case.due_at}  {mark},"
            f" credentials {case.credentials or '-'}{appealed}\n"
        )
        sys.stdout.writelines(f"  model {model}\n" for model in case.models)
