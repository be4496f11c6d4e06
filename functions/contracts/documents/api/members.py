"""The people of a tenant as the HTTP API shows, invites and changes them."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from contracts.document import Document

Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=254,
        pattern=r"^[^@\s\x00-\x1f]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$",
    ),
]  # fmt: skip
"""Where the invitation is sent, and the name with which the person signs in."""

MemberId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]
"""The person's subject in the user pool."""

MemberRole = Literal["owner", "member", "viewer"]

MemberStatus = Literal["invited", "active", "disabled"]
"""``invited``: the person has not chosen a password yet."""


class NewMember(Document):
    """Body of ``POST /v1/members``."""

    email: Email

    role: MemberRole = "viewer"


class NewRole(Document):
    """Body of ``POST /v1/members/{id}:role``."""

    role: MemberRole


class MemberView(Document):
    """One person of the tenant."""

    object: Literal["member"] = "member"

    id: MemberId

    email: str

    role: MemberRole

    status: MemberStatus

    created_at: str


class MemberList(Document):
    """The tenant's people, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[MemberView, ...]


class MemberRemoved(Document):
    """Answer of ``DELETE /v1/members/{id}``."""

    object: Literal["removal"] = "removal"

    id: MemberId
