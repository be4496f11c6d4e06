"""Keys of the rows in the ``jobs`` table and in the ``api`` table, and of the latter's index."""

# --- the jobs table -----------------------------------------------------------------------------


def upload_row(place: str) -> str:
    """Key of the row that names the job of ``<tenant>/<upload>``."""
    return f"upload#{place}"


def expiry_row(job_id: str) -> str:
    """Key of the row that says when a job's photos are to go."""
    return f"expiry#{job_id}"


def consent_end_row(job_id: str) -> str:
    """Key of the row that says when the consent to a job's model ends."""
    return f"consent-end#{job_id}"


def unused_row(job_id: str) -> str:
    """Key of the row that says when somebody looks whether a model is still used."""
    return f"unused#{job_id}"


def cost_row(training_job_name: str) -> str:
    """Key of the row of what a training job has cost, and when it ran."""
    return f"bill#{training_job_name}"


def notice_row(notice_id: str) -> str:
    """Key of the row that says that a notice was sent."""
    return f"notice#{notice_id}"


def erasure_row(erasure_id: str) -> str:
    """Key of the row that is an erasure's tombstone and its state."""
    return f"erased#{erasure_id}"


# --- the api table ------------------------------------------------------------------------------


def api_key_row(key_id: str) -> str:
    """Key of the row of an API key."""
    return f"key#{key_id}"


def approval_row(tenant: str, model_id: str) -> str:
    """Key of the row of what a tenant has decided about a model."""
    return f"approval#{tenant}#{model_id}"


def idempotency_row(tenant: str, key_sha256: str) -> str:
    """Key of the row of what a tenant's call was answered; the caller's own key is hashed."""
    return f"idem#{tenant}#{key_sha256}"


def webhook_row(webhook_id: str) -> str:
    """Key of the row of a webhook."""
    return f"webhook#{webhook_id}"


def webhooks_index(tenant: str) -> str:
    """Value of the index's key under which a tenant's webhooks stand."""
    return f"webhooks#{tenant}"


def delivery_row(webhook_id: str, message_id: str) -> str:
    """Key of the row of what became of one message to a webhook."""
    return f"delivery#{webhook_id}#{message_id}"


def deliveries_index(webhook_id: str) -> str:
    """Value of the index's key under which a webhook's deliveries stand."""
    return f"deliveries#{webhook_id}"


CONSENT_ROWS = "consent#"
"""How the keys of the records of consents begin; an erasure leaves these rows as evidence."""


def consent_row(job_id: str) -> str:
    """Key of the row of a job's ConsentRecord."""
    return f"{CONSENT_ROWS}{job_id}"


def consents_index(tenant: str) -> str:
    """Value of the index's key under which a tenant's consents stand."""
    return f"consents#{tenant}"


def picture_row(picture_id: str) -> str:
    """Key of the row of how a picture stands."""
    return f"picture#{picture_id}"


def pictures_index(tenant: str) -> str:
    """Value of the index's key under which a tenant's pictures stand."""
    return f"pictures#{tenant}"


def alias_row(tenant: str, name: str) -> str:
    """Key of the row of an alias."""
    return f"alias#{tenant}#{name}"


def aliases_index(tenant: str) -> str:
    """Value of the index's key under which a tenant's aliases stand."""
    return f"aliases#{tenant}"


def version_row(tenant: str, name: str, model_id: str) -> str:
    """Key of the row of what was measured of one version of an alias."""
    return f"version#{tenant}#{name}#{model_id}"


def versions_index(tenant: str) -> str:
    """Value of the index's key under which the versions of all aliases of a tenant stand."""
    return f"versions#{tenant}"


def version_place(name: str, model_id: str) -> str:
    """Sort key of the index's versions: those of an alias stand together."""
    return f"{name}#{model_id}"


EXPORT_ROWS = "export#"
"""How the keys of the rows of exports begin."""


def export_row(export_id: str) -> str:
    """Key of the row of how an export stands."""
    return f"{EXPORT_ROWS}{export_id}"


def exports_index(tenant: str) -> str:
    """Value of the index's key under which a tenant's exports stand."""
    return f"exports#{tenant}"


def appeal_row(appeal_id: str) -> str:
    """Key of the row of an appeal."""
    return f"appeal#{appeal_id}"


APPEALS_INDEX = "appeals#"
"""Value of the index's key under which all appeals stand; no tenant can have this name."""


def takedown_row(case_id: str) -> str:
    """Key of the row of a takedown's case."""
    return f"takedown#{case_id}"


TAKEDOWNS_INDEX = "takedowns#"
"""Value of the index's key under which all cases stand; no tenant can have this name."""
