"""PhotoReport: a verdict for every photo. Written by InspectPhotos, extended by the trainer."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.document import Document, JobId, RelativePath, Sha256

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,48}$")]
"""A stable word for a verdict or a failure, from contracts.codes."""


class StoredFile(Document):
    """One file of the photos' folder."""

    file: RelativePath

    sha256: Sha256


class FaceMeasures(Document):
    """The largest face on a photo, as the trainer's detector saw it."""

    share: Annotated[float, Field(ge=0)]
    """Its height as a share of the photo's shorter side."""

    clarity: Annotated[float, Field(ge=0, le=1)]
    """1 is as sharp as a face can be shown; below 0.3 it is blurred."""

    score: float
    """How sure the detector is, on its own scale."""


class PhotoVerdict(Document):
    """One photo: taken as it is, repaired, or refused with a reason."""

    index: Annotated[int, Field(ge=0)]
    """Its place in AcceptedUpload.photos: the link back to the user's file name."""

    verdict: Literal["accepted", "repaired", "refused"]

    codes: tuple[Code, ...] = ()
    """Why it was refused; or what was repaired, and advice for better photos."""

    file: RelativePath | None = None
    """Its normalised copy, in ``accepted/<job_id>/`` of the uploads bucket; e.g. ``000.png``."""

    sha256: Sha256 | None = None
    """Of that copy."""

    width: Annotated[int, Field(ge=1)] | None = None

    height: Annotated[int, Field(ge=1)] | None = None

    caption: str | None = None
    """The user's own words for this photo; absent: the instance prompt stands in."""

    mask: StoredFile | None = None
    """The user's own mask for this photo, of the copy's size: white is learnt, black is not."""

    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often it comes in an epoch, as its folder's name says (``60_dwjz``)."""

    face: FaceMeasures | None = None
    """Absent: no face was looked for, or none was found."""


class PhotoReport(Document):
    """``jobs/<job_id>/photo_report.json`` in the models bucket."""

    schema_version: Literal[1] = 1

    job_id: JobId

    photos: tuple[PhotoVerdict, ...]

    codes: tuple[Code, ...] = ()
    """Advice on the photos as a set. Whether they show one subject is not looked at here: Lambda
    has no face detector; the trainer's verdicts say it."""

    class_photos: tuple[StoredFile, ...] = ()
    """The user's own pictures of the class, normalised: ``class/NNN.png`` beside the photos."""


class PhotoSummary(Document):
    """What of the report travels in the execution's state."""

    schema_version: Literal[1] = 1

    job_id: JobId

    accepted: Annotated[int, Field(ge=0)]

    refused: Annotated[int, Field(ge=0)]

    dry_run: bool = False
    """Whether the request asked for an answer and no training."""

    sweep: bool = False
    """Whether the request asked for the best of several trainings."""
