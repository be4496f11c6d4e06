"""The stack's Cognito user pool: implements domain.ports.people.

A tenant's people are a group of its name, because Cognito lists no users by an attribute of ours.
What a person may do stands in the attributes, which are in every token.

An address that signs in for another tenant is not invited, and its inviter does not learn that: the
pool gets a user whom nobody can be, with an address under ``.invalid`` and the real one beside it.
"""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any, get_args

from botocore.exceptions import ClientError

from aws import settings
from aws.clients import client
from contracts.documents.api.members import MemberRole, MemberStatus, MemberView
from domain.ports.people import NoUserPoolError, PersonKnownError

TENANT, ROLE = "custom:tenant", "custom:role"
INVITED = "preferred_username"
"""Attribute of a user whom nobody can be: the address that was invited."""

DEFAULT_ROLE: MemberRole = "viewer"
_STATUS: dict[str, MemberStatus] = {"FORCE_CHANGE_PASSWORD": "invited"}


class CognitoPeople:
    """One user pool; None: the stack has none."""

    def __init__(self, pool: str | None, cognito: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._pool, self._cognito = pool, cognito

    @classmethod
    def from_env(cls) -> "CognitoPeople":
        """Open the pool that USER_POOL_ID names."""
        return cls(settings.optional("USER_POOL_ID"), client("cognito-idp"))

    def of(self, tenant: str) -> list[MemberView]:
        """Return the tenant's people, the newest first."""
        pages = self._cognito.get_paginator("list_users_in_group").paginate(
            **self._in_pool(), GroupName=tenant
        )
        try:
            users = [user for page in pages for user in page["Users"]]
        except self._cognito.exceptions.ResourceNotFoundException:
            return []
        known = [_member(user, user["Attributes"], tenant) for user in users]
        return sorted((one for one in known if one), key=lambda one: one.created_at, reverse=True)

    def find(self, tenant: str, member_id: str) -> MemberView | None:
        """Return one of the tenant's people; None for anybody else."""
        try:
            user = self._cognito.admin_get_user(**self._in_pool(), Username=member_id)
        except self._cognito.exceptions.UserNotFoundException:
            return None
        return _member(user, user["UserAttributes"], tenant)

    def invite(self, tenant: str, email: str, role: MemberRole) -> MemberView:
        """Make a sign-in, and send its owner a first password; see the Protocol."""
        nobody = _nobody(tenant, email)
        if self.find(tenant, email) or self.find(tenant, nobody):
            raise PersonKnownError
        given = {"email": email, "email_verified": "true", TENANT: tenant, ROLE: role}
        try:
            made = self._create(given, DesiredDeliveryMediums=["EMAIL"])
        except self._cognito.exceptions.UsernameExistsException:  # another tenant's
            given |= {"email": nobody, "email_verified": "false", INVITED: email}
            made = self._create(given, MessageAction="SUPPRESS")
        self._join(tenant, made["Username"])
        return _view(made, _by_name(made["Attributes"]))

    def give_role(self, member_id: str, role: MemberRole) -> None:
        """Change what a person may do."""
        self._cognito.admin_update_user_attributes(
            **self._in_pool(),
            Username=member_id,
            UserAttributes=[{"Name": ROLE, "Value": role}],
        )

    def remove(self, member_id: str) -> None:
        """Delete the person's sign-in."""
        try:
            self._cognito.admin_delete_user(**self._in_pool(), Username=member_id)
        except self._cognito.exceptions.UserNotFoundException:
            return

    def count(self, tenant: str) -> int:
        """Return how many people sign in for the tenant; 0 without a pool."""
        return 0 if self._pool is None else len(self.of(tenant))

    def forget(self, tenant: str) -> None:
        """Delete the sign-ins of all its people, and the group that has the tenant's name."""
        if self._pool is None:
            return
        for member in self.of(tenant):
            self.remove(member.id)
        with suppress(self._cognito.exceptions.ResourceNotFoundException):
            self._cognito.delete_group(**self._in_pool(), GroupName=tenant)

    def _create(self, given: dict[str, str], **more: object) -> dict[str, Any]:
        made: dict[str, Any] = self._cognito.admin_create_user(
            **self._in_pool(),
            Username=given["email"],
            UserAttributes=[{"Name": name, "Value": value} for name, value in given.items()],
            **more,
        )["User"]
        return made

    def _join(self, tenant: str, username: str) -> None:
        """Put a person into the tenant's group, which is made with its first member."""
        try:
            self._cognito.create_group(**self._in_pool(), GroupName=tenant)
        except ClientError as error:
            if error.response["Error"]["Code"] != "GroupExistsException":
                raise
        self._cognito.admin_add_user_to_group(
            **self._in_pool(), GroupName=tenant, Username=username
        )

    def _in_pool(self) -> dict[str, str]:
        if self._pool is None:
            raise NoUserPoolError
        return {"UserPoolId": self._pool}


def _nobody(tenant: str, email: str) -> str:
    """Return the address of a user whom nobody can be: no e-mail reaches it (RFC 2606)."""
    return f"{sha256(f'{tenant}/{email}'.encode()).hexdigest()[:40]}@invited.invalid"


def _member(
    user: dict[str, Any], attributes: list[dict[str, str]], tenant: str
) -> MemberView | None:
    """Return a user as the API shows it; None for one of another tenant."""
    known = _by_name(attributes)
    return _view(user, known) if known.get(TENANT) == tenant else None


def _by_name(attributes: list[dict[str, str]]) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in attributes}


def _view(user: dict[str, Any], known: Mapping[str, str]) -> MemberView:
    """Return a user as the API shows it."""
    role = known.get(ROLE)
    status = _STATUS.get(user["UserStatus"], "active") if user.get("Enabled", True) else "disabled"
    return MemberView(
        id=user["Username"],
        email=known.get(INVITED) or known.get("email", ""),
        role=next((one for one in get_args(MemberRole) if one == role), DEFAULT_ROLE),
        status=status,
        created_at=user["UserCreateDate"].isoformat(),
    )
