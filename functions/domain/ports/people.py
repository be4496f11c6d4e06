"""What the routes need of the user pool in which people sign in."""

from typing import Protocol

from contracts.documents.api.members import MemberRole, MemberView


class NoUserPoolError(Exception):
    """People sign in elsewhere: at the issuer that the operator has named."""


class PersonKnownError(Exception):
    """The tenant has a person of this address already."""


class TenantPeople(Protocol):
    """What an erasure needs of the user pool; a stack without one has nobody in it."""

    def count(self, tenant: str) -> int:
        """Return how many people sign in for the tenant."""
        ...

    def forget(self, tenant: str) -> None:
        """Delete the sign-ins of all its people; may be called again."""
        ...


class People(Protocol):
    """The people of all tenants; every method raises NoUserPoolError where there is no pool."""

    def of(self, tenant: str) -> list[MemberView]:
        """Return the tenant's people, the newest first."""
        ...

    def find(self, tenant: str, member_id: str) -> MemberView | None:
        """Return one of the tenant's people; None for anybody else."""
        ...

    def invite(self, tenant: str, email: str, role: MemberRole) -> MemberView:
        """Make a sign-in, and send its owner a first password.

        An address that signs in for another tenant gets no e-mail and no sign-in, but stands among
        the tenant's people as invited, so that nobody learns where else it signs in.

        Raises:
            PersonKnownError: the tenant has a person of this address.
        """
        ...

    def give_role(self, member_id: str, role: MemberRole) -> None:
        """Change what a person may do; tokens issued before keep the old role until they expire."""
        ...

    def remove(self, member_id: str) -> None:
        """Delete the person's sign-in; do nothing when there is none."""
        ...
