"""A report becomes a case: the picture and the words are stored, and the clock begins."""

from datetime import datetime, timedelta
from secrets import token_hex
from typing import NamedTuple

from contracts.documents.takedown import (
    DAYS_TO_DECIDE,
    NewTakedown,
    TakedownCase,
    TakedownReport,
)
from contracts.shared import layout
from contracts.shared.pictures.sent_image import decode_sent
from domain.ports.decoder import DecodeLimits, Decoder
from domain.ports.storage import Storage, write_document
from domain.ports.takedown import TakedownCases

LIMITS = DecodeLimits(min_side=16)
"""A reported picture may be small; it is shown to an operator, and never trained on."""


class ReportingServices(NamedTuple):
    """What taking a report needs."""

    cases: TakedownCases
    uploads: Storage
    decoder: Decoder


class NoPictureError(Exception):
    """The picture is not in base64."""


def report(given: NewTakedown, services: ReportingServices, now: datetime) -> TakedownCase:
    """Store a report and return its case.

    The picture is decoded in the limited child first: nothing else of ours opens an unchecked file.
    The file itself comes last, because its arrival starts the look for marks.

    Raises:
        NoPictureError: the picture is not in base64.
        PhotoRejectedError: the file is no picture that can be decoded.
    """
    body = file_of(given.picture)
    picture = services.decoder.decode(body, LIMITS)
    case = TakedownCase(
        case_id=f"td_{token_hex(16)}",
        reason=given.reason,
        received_at=now.isoformat(),
        due_at=(now + timedelta(days=DAYS_TO_DECIDE)).isoformat(),
    )
    services.cases.add(case)
    prefix = layout.uploads.takedown_prefix(case.case_id)
    written = TakedownReport(
        case_id=case.case_id,
        reason=given.reason,
        i_am=given.i_am,
        words=given.words,
        contact=given.contact,
    )
    write_document(services.uploads, prefix + layout.uploads.TAKEDOWN_REPORT, written)
    services.uploads.write(prefix + layout.uploads.TAKEDOWN_PICTURE, picture.png, "image/png")
    services.uploads.write(prefix + layout.uploads.TAKEDOWN_FILE, body, "application/octet-stream")
    return case


def file_of(text: str) -> bytes:
    """Return a file that was sent in base64, as start images are: also as a ``data:`` URL.

    Raises:
        NoPictureError: the text is not in base64.
    """
    try:
        return decode_sent(text.encode())
    except ValueError:
        raise NoPictureError from None
