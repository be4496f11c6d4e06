"""/v1/estimates: what a training or an import would take and cost."""

from contracts.documents.api.estimates import EstimateView, NewEstimate
from contracts.shared.steps import Dataset
from domain.pricing.agreement import with_speeds
from domain.pricing.estimating import make_estimate
from domain.requests.presets import with_preset
from http_api.asking import caller, new_router, services

router = new_router()


@router.post("/v1/estimates", summary="Estimate time and price", tags=["models"])
def create_estimate(body: NewEstimate) -> EstimateView:
    """Return the time and price of a training, or of an import; nothing is stored or begun."""
    caller(router, "read")
    stores = services(router)
    bases, pricing = stores.bases, stores.pricing
    card = bases.card(bases.base_id)
    prices = with_speeds(pricing.prices, bases.storage, card)
    dataset = Dataset((1,) * (body.photos or 0))
    found = make_estimate(with_preset(body.request), dataset, card, pricing.instance_type, prices)
    return EstimateView(**dict(found))
