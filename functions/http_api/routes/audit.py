"""/v1/audit: who did what with the tenant's models, uploads and keys."""

from functools import partial

from contracts.documents.audit import AuditEntry, AuditPage
from http_api.asking import caller, new_router, services
from http_api.paging import After, Limit, newest_page

router = new_router()


@router.get("/v1/audit", summary="The audit trail", tags=["audit"])
def list_entries(limit: Limit = 20, after: After = None) -> AuditPage:
    """Return the tenant's entries, the newest first; they hold ids, never a prompt or a name."""
    tenant = caller(router, "admin").tenant
    of_tenant = partial(services(router).audit.of, tenant)
    shown, rest = newest_page(of_tenant, _place, limit, after)
    return AuditPage(data=tuple(shown), next=rest)


def _place(entry: AuditEntry) -> str:
    return entry.place
