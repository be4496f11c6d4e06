"""What exporting needs of the world."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain.erasure.receipts import KeptElsewhere
from domain.erasure.services import ErasureServices
from domain.ports.aliases import Aliases
from domain.ports.api_keys import ApiKeys
from domain.ports.appeals import Appeals
from domain.ports.audit import AuditTrail
from domain.ports.consents import Consents
from domain.ports.exports import Archives, Exports, ObjectReader
from domain.ports.front_door import Approvals
from domain.ports.models import Models
from domain.ports.people import People
from domain.ports.pictures import Pictures
from domain.ports.webhooks import Webhooks


@dataclass(frozen=True)
class ExportServices(ErasureServices):
    """Every store that an erasure empties, to be read, and those that only a tenant has."""

    exports: Exports
    archives: Archives
    """The uploads bucket."""
    upload_files: ObjectReader
    model_files: ObjectReader
    model_rows: Models
    consents: Consents
    audit: AuditTrail
    keys: ApiKeys
    webhooks: Webhooks
    pictures: Pictures
    approvals: Approvals
    appeals: Appeals
    aliases: Aliases
    people: People
    elsewhere: KeptElsewhere
    now: Callable[[], datetime]
