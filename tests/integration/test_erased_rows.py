"""Rows of the HTTP API that go with a tenant or a model: written by those who write them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aws.api.aliases import DynamoAliases
from aws.api.api_keys import DynamoApiKeys
from aws.api.appeals import DynamoAppeals
from aws.api.consents import DynamoConsents
from aws.api.front_door import DynamoApprovals, DynamoShortMemory
from aws.api.pictures import DynamoPictures
from aws.api.webhooks import DynamoWebhooks
from aws.erasure.api_rows import UnknownRowError
from aws.erasure.erasures import DynamoErasures
from contracts.documents.api.aliases import Alias, Figures
from contracts.documents.api.callers import ApiKey
from contracts.documents.api.models import Approval
from contracts.documents.api.pictures import PictureRow
from contracts.documents.api.webhooks import WebhookDelivery, WebhookMessage, WebhookTask
from contracts.documents.appeal import AppealRow
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from contracts.documents.upload.consent import Consent
from contracts.shared.layout.rows import idempotency_row
from domain.ports.aliases import VersionKey
from domain.ports.erasure import ApiRows
from domain.ports.front_door import Remembered
from local.demo.upload import consent
from tests.integration.tables import table
from tests.integration.test_webhooks import webhook
from tests.moto_cloud import Moto

ACME = ApiRows("acme")
STORES_OF_ACME = (
    "API keys",
    "webhooks",
    "webhook deliveries",
    "approvals",
    "remembered answers",
    "picture orders",
    "counted calls",
    "appeals",
)
"""Each store has one row here; "aliases" has two, the alias's and its version's."""

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
JOB, OTHER_JOB = "a" * 32, "b" * 32


class Api:
    """The table with everything that the API stores for two tenants, of a model each."""

    def __init__(self, cloud: Any) -> None:
        self.table = table(cloud, "ApiTable")
        self.erasures = DynamoErasures(None, None, self.table)
        self.add("acme", 1, JOB)
        self.add("acme2", 2, OTHER_JOB)

    def add(self, tenant: str, number: int, job_id: str, alias: str = "me") -> None:
        owner, webhooks = webhook(number, tenant), DynamoWebhooks(self.table)
        webhooks.add(owner)
        message = WebhookMessage(
            type="job.ended", timestamp=NOON.isoformat(), data={"job_id": job_id}
        )
        task = WebhookTask(
            webhook_id=owner.webhook_id, message_id=f"msg_{number:032x}", message=message
        )
        delivery = WebhookDelivery(task=task, tenant=tenant, updated_at=NOON.isoformat())
        webhooks.record(delivery, NOON + timedelta(days=7))
        approval = Approval(approved=True, by="somebody", at=NOON.isoformat())
        DynamoApprovals(self.table).put(tenant, job_id, approval)
        memory = DynamoShortMemory(self.table)
        row = idempotency_row(tenant, "0" * 64)
        memory.begin(row, "digest", NOON)
        memory.answered(row, Remembered("digest", 202, f'{{"id": "{job_id}"}}'), NOON)
        key = ApiKey(
            key_id=f"{number:016x}",
            tenant=tenant,
            name="key",
            scopes=("read",),
            secret_sha256="0" * 64,
            created_at=NOON.isoformat(),
        )
        DynamoApiKeys(self.table).add(key)
        memory.count(f"rate#requests#{tenant}", 60, NOON)
        picture = {"picture_id": f"pic_{number:024x}", "tenant": tenant, "model_id": job_id}
        times = {"created_at": NOON.isoformat(), "updated_at": NOON.isoformat()}
        ordered = {"seed": 1, "count": 1, "delete_at": int(NOON.timestamp()) + 86_400}
        row_of_picture = PictureRow.model_validate(picture | times | ordered)
        DynamoPictures(self.table).add(row_of_picture)
        appeal = AppealRow(
            appeal_id=f"ap_{number:032x}",
            refusal_id=f"pic_{number:024x}",
            tenant=tenant,
            code="prompt_refused",
            hashes=("0" * 64,),
            asked_at=NOON.isoformat(),
        )
        DynamoAppeals(self.table, 400).add(appeal)
        version = {"model_id": job_id, "weight": 1}
        named = {"tenant": tenant, "name": alias, "versions": [version]}
        DynamoAliases(self.table).put(Alias.model_validate(named | times))
        DynamoAliases(self.table).add(
            VersionKey(tenant, alias, job_id), Figures(ratings=1, stars=5)
        )

    def rows(self) -> set[str]:
        return {item["row"].partition("#")[0] for item in self.table.scan()["Items"]}

    def items(self) -> list[Any]:
        found: list[Any] = self.table.scan()["Items"]
        return found


@pytest.fixture
def api(moto: Moto) -> Api:
    return Api(moto)


def test_all_of_a_tenant_goes_and_its_namesake_keeps_everything(api: Api) -> None:
    kinds = {
        "webhook",
        "delivery",
        "approval",
        "idem",
        "key",
        "picture",
        "alias",
        "version",
        "rate",
        "appeal",
    }
    assert api.rows() == kinds
    whole = {**dict.fromkeys(STORES_OF_ACME, 1), "aliases": 2}
    assert dict(api.erasures.count_api_rows(ACME)) == whole
    api.erasures.forget_api_rows(ACME)
    assert not api.erasures.count_api_rows(ACME)
    assert dict(api.erasures.count_api_rows(ApiRows("acme2"))) == whole
    assert JOB not in str(api.items())
    api.erasures.forget_api_rows(ACME)
    assert api.rows() == kinds


def test_what_names_a_model_goes_and_the_tenant_s_keys_and_webhooks_stay(api: Api) -> None:
    api.erasures.forget_api_rows(ApiRows(None, [JOB]))
    left = [item["row"] for item in api.table.scan()["Items"] if "acme2" not in str(item)]
    assert sorted(row.partition("#")[0] for row in left) == [
        "alias", "appeal", "key", "rate", "webhook",
    ]  # fmt: skip
    assert JOB not in str([row for row in api.items() if not row["row"].startswith("alias#")])
    counted = api.erasures.count_api_rows(ApiRows(None, [OTHER_JOB]))
    keeps = {"API keys", "webhooks", "counted calls", "appeals"}
    assert set(counted) == {*STORES_OF_ACME, "aliases"} - keeps


@pytest.mark.parametrize(
    "name", ["globex", "alias", "aliases", "key", "webhooks", "takedowns", "requests", "me"]
)
def test_a_tenant_that_is_named_as_a_word_of_a_row_takes_no_other_s_rows(
    api: Api, name: str
) -> None:
    api.add("somebody", 3, "c" * 32, alias="globex")
    before = api.items()
    assert not api.erasures.count_api_rows(ApiRows(name))
    api.erasures.forget_api_rows(ApiRows(name))
    assert api.items() == before


def test_a_row_of_an_unknown_kind_stops_the_erasure(api: Api) -> None:
    api.table.put_item(Item={"row": "novelty#acme"})
    with pytest.raises(UnknownRowError):
        api.erasures.forget_api_rows(ACME)


def test_the_first_count_stays_and_the_last_count_of_what_is_left_is_kept(moto: Moto) -> None:
    jobs: Any = table(moto, "JobsTable")  # type: ignore[arg-type]
    erasures, subject = DynamoErasures(jobs, None, None), ErasureSubject(tenant="acme")
    erasures.record_remaining(subject.erasure_id, {"job rows": 1})
    assert erasures.find(subject.erasure_id) is None, "no erasure comes of a count"
    erasures.entomb(subject, NOON)
    for found, left in ((3, 2), (1, 0)):
        erasures.record_found(subject.erasure_id, {"job rows": found}, found)
        erasures.record_remaining(subject.erasure_id, {"job rows": left})
    row = erasures.find(subject.erasure_id)
    assert row is not None
    assert (row.found, row.remaining, row.jobs) == ({"job rows": 3}, {"job rows": 0}, 3)


def test_the_record_of_a_consent_outlives_its_tenant(api: Api) -> None:
    record = ConsentRecord(
        model_id=JOB,
        tenant="acme",
        upload="u1",
        consent=Consent.model_validate(consent()),
        recorded_at=NOON.isoformat(),
    )
    consents = DynamoConsents(api.table)
    consents.record(record)
    api.erasures.forget_api_rows(ApiRows("acme", [JOB]))
    assert not api.erasures.count_api_rows(ApiRows("acme", [JOB]))
    assert consents.of("acme") == [record]
