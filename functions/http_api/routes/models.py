"""/v1/models: the tenant's models."""

from contracts.documents.api.models import ModelPage, ModelView
from contracts.documents.model import ModelRecord
from http_api.asking import caller, new_router, services
from http_api.paging import After, Limit, page

router = new_router()


@router.get("/v1/models", summary="List models", tags=["models"])
def list_models(limit: Limit = 20, after: After = None) -> ModelPage:
    """Return the tenant's models, the newest first."""
    tenant = caller(router, "read").tenant
    rows = sorted(services(router).models.of(tenant), key=_place, reverse=True)
    shown, rest = page(rows, _place, limit, after)
    return ModelPage(data=tuple(ModelView.of(row) for row in shown), next=rest)


def _place(record: ModelRecord) -> str:
    return f"{record.created_at}#{record.model_id}"
