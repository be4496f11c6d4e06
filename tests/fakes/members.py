"""domain.ports.people.People in memory."""

from datetime import UTC, datetime, timedelta

from contracts.documents.api.members import MemberRole, MemberView
from domain.ports.people import PersonKnownError

FIRST = datetime(2026, 11, 21, tzinfo=UTC)


class MemoryPeople:
    """A pool; ids count upwards, and each person is made a second after the one before."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, MemberView]] = {}
        self.mailed: list[str] = []
        self.made = 0

    def of(self, tenant: str) -> list[MemberView]:
        found = [member for owner, member in self.rows.values() if owner == tenant]
        return sorted(found, key=lambda one: one.created_at, reverse=True)

    def find(self, tenant: str, member_id: str) -> MemberView | None:
        owner, member = self.rows.get(member_id, ("", None))
        return member if owner == tenant else None

    def invite(self, tenant: str, email: str, role: MemberRole) -> MemberView:
        if any(member.email == email for member in self.of(tenant)):
            raise PersonKnownError
        if all(member.email != email for _, member in self.rows.values()):
            self.mailed.append(email)
        self.made += 1
        number = self.made
        made = (FIRST + timedelta(seconds=number)).isoformat()
        member = MemberView(
            id=member_id(number), email=email, role=role, status="invited", created_at=made
        )
        self.rows[member.id] = (tenant, member)
        return member

    def give_role(self, member_id: str, role: MemberRole) -> None:
        owner, member = self.rows[member_id]
        self.rows[member_id] = (owner, member.model_copy(update={"role": role}))

    def remove(self, member_id: str) -> None:
        self.rows.pop(member_id, None)

    def count(self, tenant: str) -> int:
        return len(self.of(tenant))

    def forget(self, tenant: str) -> None:
        for member in self.of(tenant):
            self.remove(member.id)


def member_id(number: int) -> str:
    """Return an id of the user pool's form."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"
