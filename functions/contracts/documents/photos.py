"""PhotoReport: a verdict for every photo. Written by InspectPhotos, extended by the trainer."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from contracts.document import Document, JobId, RelativePath, Sha256
from contracts.shared.limits import MAX_REPEATS, MAX_SUBJECTS

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,48}$")]
"""A code from contracts.codes; its meaning never changes."""


class StoredFile(Document):
    """One file of the photos' folder."""

    file: RelativePath

    sha256: Sha256


class FaceMetrics(Document):
    """The largest face on a photo, measured by the trainer's detector."""

    share: Annotated[float, Field(ge=0)]
    """Height of the face as a share of the photo's shorter side."""

    clarity: Annotated[float, Field(ge=0, le=1)]
    """Sharpness of the face: 1 is the sharpest; below 0.3 the face is blurred."""

    score: float
    """The detector's confidence, on the detector's own scale."""


class ContentScores(Document):
    """What the operator's classifiers say of a photo; the photo itself is kept nowhere for it."""

    refused: Annotated[float, Field(ge=0, le=1)] | None = None
    """Probability of the content filter's refused labels; absent: there is no filter."""

    under_18: Annotated[float, Field(ge=0, le=1)] | None = None
    """Largest probability, among the faces, of a label of people under 18; absent: there is no age
    estimate, or no face was found."""


class PhotoVerdict(Document):
    """One photo: accepted unchanged, repaired, or refused with a reason."""

    index: Annotated[int, Field(ge=0)]
    """Index in AcceptedUpload.photos, which has the user's file name."""

    verdict: Literal["accepted", "repaired", "refused"]

    codes: tuple[Code, ...] = ()
    """Why the photo was refused; or what was repaired, and advice for better photos."""

    file: RelativePath | None = None
    """The normalised copy, in ``accepted/<job_id>/`` of the uploads bucket; e.g. ``000.png``."""

    sha256: Sha256 | None = None
    """SHA-256 of the normalised copy."""

    width: Annotated[int, Field(ge=1)] | None = None

    height: Annotated[int, Field(ge=1)] | None = None

    caption: str | None = None
    """The user's caption for this photo; absent: the instance prompt is used."""

    mask: StoredFile | None = None
    """The user's mask, in the copy's size: white is learnt, black is not."""

    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = 1
    """Number of times that the photo comes in an epoch, from its folder's name (``60_dwjz``)."""

    subject: Annotated[int, Field(ge=0, lt=MAX_SUBJECTS)] = 0
    """Index in the request's ``subjects`` of the one that it shows; 0 where there is only one."""

    resembles: Annotated[int, Field(ge=0)] | None = None
    """Index of the earlier photo of which this is a copy, a crop or a mirror image, as
    ``similar_photo`` says; absent: there is none."""

    face: FaceMetrics | None = None
    """Metrics of the largest face; absent: no face was looked for, or none was found."""

    content: ContentScores | None = None
    """Scores of the operator's classifiers; absent: there are none, or the photo was refused
    before."""


class PhotoReport(Document):
    """``jobs/<job_id>/photo_report.json`` in the models bucket."""

    schema_version: Literal[1] = 1

    job_id: JobId

    photos: tuple[PhotoVerdict, ...]

    codes: tuple[Code, ...] = ()
    """Advice on the photos as a set. It does not say whether they show one subject: Lambda has no
    face detector, so the trainer checks that."""

    class_photos: tuple[StoredFile, ...] = ()
    """The user's pictures of the class, normalised: ``class/NNN.png`` beside the photos."""

    adapter: StoredFile | None = None
    """The LoRA of an import, beside where photos would be; absent: photos are trained."""

    to_caption: Annotated[int, Field(ge=0)] = 0
    """Number of photos that CaptionPhotos describes before training; 0: there is no such state,
    and the training job describes photos itself where the request asks for it."""

    @property
    def usable(self) -> tuple[PhotoVerdict, ...]:
        """The photos that training uses, in their order."""
        return tuple(photo for photo in self.photos if photo.verdict != "refused")


class PhotoCaptions(Document):
    """``captions/captions.json`` beside the normalised photos: what a captioner has described.

    It is written after every few photos, so an interrupted captioning goes on from here.
    """

    schema_version: Literal[1] = 1

    captions: dict[Sha256, str] = Field(default_factory=dict)
    """Description of each photo by the photo's hash; without the subject's name."""


class InspectedPhoto(Document):
    """A photo's verdict, and what the verdicts on later photos need of it."""

    verdict: PhotoVerdict

    sharpness: float | None = None
    """Figures of domain.ports.decoder.PhotoMetrics; absent for a refused photo."""

    brightness: float | None = None

    contrast: float | None = None

    fingerprint: int | None = None


class InspectionProgress(Document):
    """``jobs/<job_id>/inspection.json``: what an attempt to inspect the photos has done so far.

    It is written before each photo is decoded, and emptied when the report is written.
    """

    schema_version: Literal[1] = 1

    job_id: JobId

    photos: tuple[InspectedPhoto, ...] = ()

    begun: str | None = None
    """The file that is being decoded: ``photo 7`` or ``class 3``; absent when none is."""

    crashes: Annotated[int, Field(ge=0)] = 0
    """Number of earlier attempts that ended while they decoded this file."""

    seconds: Annotated[float, Field(ge=0)] = 0
    """Processor seconds that all attempts have used for decoding."""


class PhotoSummary(Document):
    """The part of the report that travels in the execution's state."""

    schema_version: Literal[1] = 1

    job_id: JobId

    accepted: Annotated[int, Field(ge=0)]

    refused: Annotated[int, Field(ge=0)]

    @model_validator(mode="before")
    @classmethod
    def _without_decision(cls, given: Any) -> Any:  # noqa: ANN401 - JSON
        """Drop the workflow's decision, which states of executions before 2026-12 hold here."""
        if not isinstance(given, dict):
            return given
        decision = {"dry_run", "captions", "sweep"} - cls.model_fields.keys()
        return {name: value for name, value in given.items() if name not in decision}
