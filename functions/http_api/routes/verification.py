"""/v1/verifications: whether this stack has made a picture, for anybody who has it."""

from contracts.documents.api.problem import FieldProblem
from contracts.documents.api.verification import PictureToVerify, PictureVerdict
from http_api.asking import new_router, services
from http_api.problems import ApiError
from http_api.rates import DAY_SECONDS, HOUR_SECONDS, hashed_source, spend
from http_api.services import Services

router = new_router()


@router.post("/v1/verifications", summary="Who made a picture", tags=["pictures"])
def verify_picture(body: PictureToVerify) -> PictureVerdict:
    """Return whether this stack has made a picture, when, and which marks say so.

    No account is needed, and the picture is not kept. It takes up to 25 seconds where there is no
    mark.
    """
    stores = services(router)
    spend_verification(stores)
    verdict = stores.verifier.verify(body)
    if verdict is None:
        problem = FieldProblem(field="body.picture", message="is no picture that can be read")
        raise ApiError("invalid_call", errors=[problem])
    return verdict


def spend_verification(stores: Services) -> None:
    """Count a picture of this address in this hour, and all pictures of this day.

    The limit is also what keeps somebody from editing a picture until its mark is not found.

    Raises:
        ApiError: there were too many.
    """
    whose = hashed_source(router.context["source"], stores.now())
    spend(stores, f"verify#{whose}", HOUR_SECONDS, stores.limits.verifications_per_hour)
    spend(stores, "verifications", DAY_SECONDS, stores.limits.verifications_per_day)
