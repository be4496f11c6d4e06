"""What accepting an upload needs."""

from dataclasses import dataclass

from contracts.shared.words.name_list import NO_NAMES, NameList
from domain.ports.archives import Archives
from domain.ports.bases import Bases
from domain.ports.consents import Consents
from domain.ports.erasure import Expiries, Tombstones
from domain.ports.front_door import TenantJobs
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage
from domain.pricing.quotas import NO_QUOTAS, Quotas
from domain.requests.consent import ConsentRules
from domain.requests.run_limits import RunLimits


@dataclass(frozen=True)
class IntakeServices:
    """What accepting an upload needs."""

    uploads: Storage
    models: Storage
    bases: Bases
    jobs: Jobs
    consent: ConsentRules
    archives: Archives
    run_limits: RunLimits
    tombstones: Tombstones
    consents: Consents
    consent_ends: Expiries
    tenant_jobs: TenantJobs
    quotas: Quotas = NO_QUOTAS
    captioner_id: str | None = None
    """The model that describes photos without a caption; None: the stack has none."""
    names: NameList = NO_NAMES
    """Names that nobody may train."""
