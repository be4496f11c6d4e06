"""What AcceptRequest refuses in a request that can be read: consent, names, machine, base, prompts.

Each check stores what it refuses, where the owner's notice looks for it.
"""

from collections.abc import Mapping
from datetime import datetime

from contracts.base import BaseCard
from contracts.documents.upload.problems import RequestProblem, RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import InvalidRequestError
from contracts.shared import layout
from contracts.shared.base_options import unfit_options
from contracts.shared.words.name_list import has_name
from domain.appeals.allowing import is_allowed
from domain.intake.services import IntakeServices
from domain.intake.trigger_words import files_of
from domain.intake.unfit_prompts import prompts_refused_on
from domain.intake.uploads import Place
from domain.ports.storage import write_document
from domain.requests.consent import refuse_consent
from domain.requests.request_json import texts_in
from domain.requests.run_limits import run_problems


def check_consent(
    request: TrainingRequest, services: IntakeServices, place: Place, now: datetime
) -> None:
    """Refuse photos of people without the consent that the stack requires.

    Raises:
        ConsentRefusedError: what is missing is stored for the notice.
    """
    refusal = refuse_consent(request, services.consent, now)
    if refusal is not None:
        store_problems(services, place, refusal.problems)
        raise refusal.error()


def check_names(request: TrainingRequest, services: IntakeServices, place: Place) -> None:
    """Refuse a request whose words name somebody on the operator's list.

    A text that a granted appeal lets through is not refused.

    Raises:
        InvalidRequestError: with the code ``name_refused``; the notice names the fields alone.
    """
    problems = tuple(
        RequestProblem(field=field, message="It has a name that this stack does not train.")
        for field, value in request.without_consents().model_dump(mode="json").items()
        if any(
            has_name(text, services.names) and not is_allowed(text, place.tenant, services.models)
            for text in texts_in(value)
        )
    )
    if problems:
        store_problems(services, place, problems)
        raise InvalidRequestError(code="name_refused", problems=len(problems))


def check_captioner(request: TrainingRequest, captioner_id: str | None) -> None:
    """Refuse a request for automatic captions where the stack has no captioner.

    Raises:
        InvalidRequestError: with the code ``captioner_missing``.
    """
    if request.autocaption and captioner_id is None:
        raise InvalidRequestError(code="captioner_missing", problems=1)


def check_run(request: TrainingRequest, services: IntakeServices, place: Place) -> None:
    """Refuse a machine that the operator does not allow; the notice says what is allowed.

    Raises:
        InvalidRequestError: with the code ``run_not_allowed``.
    """
    problems = run_problems(request.run, services.run_limits)
    if problems:
        store_problems(services, place, problems)
        raise InvalidRequestError(code="run_not_allowed", problems=len(problems))


def check_base_options(
    request: TrainingRequest, base: BaseCard, services: IntakeServices, place: Place
) -> None:
    """Refuse options that mean nothing on the stack's base.

    Raises:
        InvalidRequestError: with the code ``option_not_for_base``.
    """
    refuse_fields(unfit_options(request, base), "option_not_for_base", services, place)


def check_prompts(
    request: TrainingRequest, base: BaseCard, services: IntakeServices, place: Place
) -> None:
    """Refuse prompts that the endpoint would refuse, as the gate draws them.

    Raises:
        InvalidRequestError: with the code ``prompt_not_drawable``.
    """
    refused = prompts_refused_on(request, base, files_of(base, services.bases))
    refuse_fields(refused, "prompt_not_drawable", services, place)


def refuse_fields(
    unfit: Mapping[str, str], code: str, services: IntakeServices, place: Place
) -> None:
    """Store the problem with each field, if there are any.

    Raises:
        InvalidRequestError: there is a problem.
    """
    if not unfit:
        return
    problems = tuple(
        RequestProblem(field=field, message=f"{why[:1].upper()}{why[1:]}.")
        for field, why in unfit.items()
    )
    store_problems(services, place, problems)
    raise InvalidRequestError(code=code, problems=len(problems))


def store_problems(
    services: IntakeServices, place: Place, problems: tuple[RequestProblem, ...]
) -> None:
    """Store a request's problems where its notice looks for them."""
    document = RequestProblems(problems=problems)
    write_document(services.models, layout.models.problems_key(*place), document)
