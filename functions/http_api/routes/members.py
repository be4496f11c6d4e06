"""/v1/members: the people of a tenant, who sign in with their own names."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from contracts.documents.api.callers import Caller
from contracts.documents.api.members import (
    MemberId,
    MemberList,
    MemberRemoved,
    MemberView,
    NewMember,
    NewRole,
)
from contracts.documents.api.problem import FieldProblem
from domain.ports.people import PersonKnownError
from http_api.asking import caller, existing, new_router, services
from http_api.problems import ApiError
from http_api.services import Services

MemberPath = Annotated[MemberId, Path()]

router = new_router()


@router.get("/v1/members", summary="List people", tags=["callers"])
def list_members() -> MemberList:
    """Return the tenant's people, with what each may do."""
    who = caller(router, "admin")
    return MemberList(data=tuple(services(router).people.of(who.tenant)))


@router.post("/v1/members", summary="Invite a person", tags=["callers"])
def invite_member(body: NewMember) -> MemberView:
    """Make a sign-in for a person, who gets a first password by e-mail; it is good for a week."""
    who = caller(router, "admin")
    try:
        return services(router).people.invite(who.tenant, body.email, body.role)
    except PersonKnownError:
        raise ApiError("person_known") from None


@router.post("/v1/members/<member_id>:role", summary="Change a role", tags=["callers"])
def change_role(member_id: MemberPath, body: NewRole) -> MemberView:
    """Change what a person may do; it counts with the person's next token, within 15 minutes."""
    who, stores = caller(router, "admin"), services(router)
    member = other_member(stores, who, member_id)
    stores.people.give_role(member_id, body.role)
    return member.model_copy(update={"role": body.role})


@router.delete("/v1/members/<member_id>", summary="Remove a person", tags=["callers"])
def remove_member(member_id: MemberPath) -> MemberRemoved:
    """Delete a person's sign-in; a token that was given out ends within 15 minutes."""
    who, stores = caller(router, "admin"), services(router)
    other_member(stores, who, member_id)
    stores.people.remove(member_id)
    return MemberRemoved(id=member_id)


def other_member(stores: Services, who: Caller, member_id: str) -> MemberView:
    """Return one of the tenant's people, who is not the caller: a tenant keeps an owner.

    Raises:
        ApiError: it is the caller; or there is none, or another tenant's, and nobody learns which.
    """
    found = existing(stores.people.find(who.tenant, member_id))
    if who.subject == f"person:{member_id}":
        words = "another owner changes or removes you"
        raise ApiError("forbidden", errors=[FieldProblem(field="path.member_id", message=words)])
    return found
