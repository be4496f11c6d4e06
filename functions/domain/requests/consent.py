"""Check the consent of a request against the rules of the stack's operator."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from contracts.documents.upload.consent import Consent
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import ConsentRefusedError
from contracts.shared.people.consent_texts import VALID_DAYS, languages_of
from contracts.shared.people.faces import may_show_people
from contracts.shared.suffixes import CONSENT_FILE

CLOCK_SKEW = timedelta(minutes=5)
EXPIRED = "expires_at"


class ConsentRules(NamedTuple):
    """The consent that the stack requires."""

    required: bool
    """Whether photos of people need one."""
    text_version: str
    """Version of the text to agree to."""
    photos_kept_days: int


class ConsentRefusal(NamedTuple):
    """Why a consent is refused, and what to add."""

    code: str
    problems: tuple[RequestProblem, ...]

    def error(self) -> ConsentRefusedError:
        """Return the refusal as a stage raises it."""
        fields = ", ".join(problem.field for problem in self.problems)
        return ConsentRefusedError(code=self.code, fields=fields)


def refuse_consent(
    request: TrainingRequest, rules: ConsentRules, now: datetime
) -> ConsentRefusal | None:
    """Return why the stack refuses a consent of the request; None: it refuses none.

    Of several subjects, each that may be a person needs its own.
    """
    if not rules.required:
        return None
    asked = zip(request.of_each(), consents_of(request), strict=True)
    found = [
        refuse_one(field, given, rules, now)
        for own, (field, given) in asked
        if may_show_people(own)
    ]
    refused = [one for one in found if one is not None]
    worst = min(refused, key=lambda one: REFUSALS.index(one.code), default=None)
    if worst is None:
        return None
    return ConsentRefusal(worst.code, tuple(wrong for one in refused for wrong in one.problems))


REFUSALS = ("consent_missing", "consent_not_enough", "consent_expired")
"""Codes of a refusal; of several, the first one is the request's."""


def refuse_one(
    field: str, consent: Consent | None, rules: ConsentRules, now: datetime
) -> ConsentRefusal | None:
    """Return why the consent in a field of the request is refused; None: it is not."""
    if consent is None:
        return ConsentRefusal("consent_missing", what_to_add(rules, now, field))
    wrong = dict(what_is_wrong(consent, rules, now))
    if not wrong:
        return None
    expired = set(wrong) == {EXPIRED} and consent.expires_at is not None
    problems = tuple(
        RequestProblem(field=f"{field}.{name}", message=message) for name, message in wrong.items()
    )
    return ConsentRefusal("consent_expired" if expired else "consent_not_enough", problems)


def consents_of(request: TrainingRequest) -> list[tuple[str, Consent | None]]:
    """Return the field and the content of every consent that a request may hold."""
    if not request.subjects:
        return [("consent", request.consent)]
    return [(f"subjects.{n}.consent", one.consent) for n, one in enumerate(request.subjects)]


def concerns(record: ConsentRecord, subject: ErasureSubject) -> bool:
    """Return whether the withdrawal of a subject's consent takes this consent back.

    Erasing one photo takes no consent back: the other photos may still be used.
    """
    if record.tenant != subject.tenant or subject.kind == "photo":
        return False
    return subject.kind == "tenant" or (record.upload, record.model_id) in {
        (subject.upload, record.model_id),
        (record.upload, subject.model_id),
    }


def what_to_add(
    rules: ConsentRules, now: datetime, field: str = "consent"
) -> tuple[RequestProblem, ...]:
    """Return problems that show the missing consent as JSON, and say where to put it."""
    given, ends = now.replace(microsecond=0), now + timedelta(days=VALID_DAYS)
    whole = (
        '{"given_by": "<opaque id>", "given_for": "self", '
        f'"given_at": "{given.isoformat()}", "adult": true, "purposes": ["avatar"], '
        f'"text_version": "{rules.text_version}", "language": "en", '
        f'"retention_days": {rules.photos_kept_days}, '
        f'"expires_at": "{ends.replace(microsecond=0).isoformat()}"}}'
    )
    asked = RequestProblem(field=field, message=f"Ask the person, then add {whole}")
    if field != "consent":  # of several people
        return (asked,)
    beside = f"Beside another tool's settings, upload this object as {CONSENT_FILE} before them."
    return (
        asked,
        RequestProblem(field=CONSENT_FILE, message=beside),
    )


def what_is_wrong(
    consent: Consent, rules: ConsentRules, now: datetime
) -> Iterator[tuple[str, str]]:
    """Yield each field that is not enough, and what it must be."""
    if consent.given_for is None:
        yield "given_for", "Write self, or other where the photos show somebody else."
    if consent.given_for == "other" and consent.permission is None:
        yield "permission", "Write the opaque id under which you keep the person's permission."
    if consent.given_at > now + CLOCK_SKEW:
        yield "given_at", "The time is in the future."
    if not consent.adult:
        yield "adult", "Must be true: everybody on the photos is 18 or older."
    if not consent.purposes and consent.purpose is None:
        yield "purposes", 'Name at least one purpose, e.g. ["avatar"].'
    if consent.text_version != rules.text_version:
        yield "text_version", f"Must be {rules.text_version}: ask again with this text."
    yield from _wrong_language(consent, rules)
    if consent.retention_days < rules.photos_kept_days:
        yield (
            "retention_days",
            f"Must be at least {rules.photos_kept_days}: photos are kept that long.",
        )
    if consent.expires_at is None:
        yield EXPIRED, "Write the time until which the consent holds."
    elif consent.expires_at <= now:
        yield EXPIRED, "The consent has expired: ask the person again."


def _wrong_language(consent: Consent, rules: ConsentRules) -> Iterator[tuple[str, str]]:
    known = languages_of(rules.text_version)
    if consent.language is None:
        yield "language", "Write the language in which the text was read, e.g. en."
    elif known is not None and consent.language not in known:
        yield "language", f"The text exists in {', '.join(sorted(known))} only."
