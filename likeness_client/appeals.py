"""``likeness appeals``: an operator lists appeals, reads them, and grants or refuses them."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from contracts.documents.appeal import AppealAnswer, AppealOrder, AppealRow
from likeness_client.exit_codes import ExitCode
from likeness_client.functions import NotDecidedError, call

OUTCOMES = {
    "granted": "granted: within seconds exactly this is let through for the tenant",
    "refused": "refused: it is not let through",
}


def run_appeals(options: Any) -> int:  # noqa: ANN401 (argparse's namespace)
    """Carry out the command.

    Raises:
        NotDecidedError: nothing was decided; the message says why.
        FunctionFailedError: the function failed.
    """
    order = order_of(options)
    answer = call(options.function, order, AppealAnswer)
    if answer.outcome == "unknown":
        raise NotDecidedError("there is no such appeal; `likeness appeals list` shows all")
    show(answer.appeals)
    if order.action == "read":
        show_text(answer)
    if answer.outcome in OUTCOMES:
        sys.stdout.write(f"{OUTCOMES[answer.outcome]}\n")
    return ExitCode.DONE


def order_of(options: Any) -> AppealOrder:  # noqa: ANN401
    """Return the order that the command's words give.

    Raises:
        NotDecidedError: the words give none.
    """
    if options.what != "list" and options.appeal is None:
        raise NotDecidedError("name the appeal, as `likeness appeals list` shows it")
    if options.what == "refuse" and options.why is None:
        raise NotDecidedError("say why by --why: the tenant and the audit trail are told")
    try:
        return AppealOrder(action=options.what, appeal_id=options.appeal, why=options.why)
    except ValidationError:
        raise NotDecidedError("an appeal is ap_ and 32 digits") from None


def show(rows: Sequence[AppealRow]) -> None:
    """Print one line for each appeal."""
    sys.stdout.writelines(
        f"{one.appeal_id}  {one.status}  {one.code}  tenant {one.tenant}  {one.refusal_id}"
        f"  asked {one.asked_at}\n"
        for one in rows
    )


def show_text(answer: AppealAnswer) -> None:
    """Print what was refused, as JSON: it is a stranger's, and may try to look like our lines."""
    if answer.text is None:
        sys.stdout.write("  what was refused has expired\n")
        return
    for texts in answer.text.texts:
        sys.stdout.writelines(f"  refused {json.dumps(text)}\n" for text in texts if text)
    if answer.text.picture is not None:
        sys.stdout.write(f"  request {answer.text.picture.text}\n")
        sys.stdout.write("  the picture was kept nowhere; a grant lets this one request through\n")
    sys.stdout.write(f"  words   {json.dumps(answer.text.words)}\n")
