"""What an inspection has done so far, kept so that an attempt after a crash goes on from there."""

from contracts.documents.photos import InspectedPhoto, InspectionProgress, PhotoVerdict
from contracts.shared import layout
from domain.ports.decoder import PhotoMetrics
from domain.ports.storage import Storage, find_readable, write_document

MAX_CRASHES = 2
"""Number of attempts that may end at one file; after that the file is not decoded again."""

IN_MEMORY = {"views", "mirrored"}
"""Figures that are stored nowhere, for their size: an attempt after a crash lacks those of earlier
photos, and so compares them by their fingerprints alone."""

PASSING = {"photo_missing", "photo_changed", "not_inspected"}
"""Codes that may not hold at the next attempt."""


class Progress:
    """The progress of one inspection; it is forgotten unless there is a bucket for it."""

    def __init__(self, job_id: str, documents: Storage | None = None) -> None:
        self._documents = documents
        self._key = layout.models.inspection_progress_key(job_id)
        found = (
            None if documents is None else find_readable(documents, self._key, InspectionProgress)
        )
        self._found = found or InspectionProgress(job_id=job_id)
        self._photos = {photo.verdict.index: photo for photo in self._found.photos}

    def forget_lost(self, uploads: Storage, prefix: str) -> None:
        """Forget the photos whose copies are gone, and verdicts that may not hold any more."""
        kept = {photo.verdict.file for photo in self._photos.values() if photo.verdict.file}
        there = {item.key for item in uploads.heads([prefix + file for file in sorted(kept)])}
        self._photos = {
            index: photo
            for index, photo in self._photos.items()
            if (photo.verdict.file is None or prefix + photo.verdict.file in there)
            and not PASSING & set(photo.verdict.codes)
        }

    def known(self, index: int) -> tuple[PhotoVerdict, PhotoMetrics | None] | None:
        """Return the verdict of an earlier attempt on a photo; None when there is none."""
        photo = self._photos.get(index)
        return None if photo is None else (photo.verdict, _metrics(photo))

    @property
    def seconds(self) -> float:
        """Processor seconds that earlier attempts have used."""
        return self._found.seconds

    def begin(self, file: str, seconds: float) -> bool:
        """Record that a file is about to be decoded; return whether it should be.

        Args:
            file: the file's fixed name, for example ``photo 7``.
            seconds: processor seconds that this attempt has used.
        """
        crashes = self._found.crashes + 1 if file == self._found.begun else 0
        self._write(begun=file, crashes=crashes, seconds=self.seconds + seconds)
        return crashes < MAX_CRASHES

    def record(self, verdict: PhotoVerdict, metrics: PhotoMetrics | None) -> None:
        """Remember a verdict; it is stored when the next file is begun."""
        figures = {} if metrics is None else metrics._asdict()
        stored = {name: figures[name] for name in figures if name not in IN_MEMORY}
        self._photos[verdict.index] = InspectedPhoto(verdict=verdict, **stored)

    def finish(self) -> None:
        """Forget everything: the report has it."""
        self._photos = {}
        self._write(begun=None, crashes=0, seconds=0)

    def _write(self, *, begun: str | None, crashes: int, seconds: float) -> None:
        if self._documents is None:
            return
        photos = tuple(photo for _, photo in sorted(self._photos.items()))
        document = InspectionProgress(
            job_id=self._found.job_id, photos=photos, begun=begun, crashes=crashes, seconds=seconds
        )
        write_document(self._documents, self._key, document)


def _metrics(photo: InspectedPhoto) -> PhotoMetrics | None:
    """Return the figures of a photo; None unless all were measured."""
    figures = (photo.sharpness, photo.brightness, photo.contrast)
    if photo.fingerprint is None or None in figures:
        return None
    sharpness, brightness, contrast = (float(figure or 0) for figure in figures)
    return PhotoMetrics(sharpness, brightness, contrast, photo.fingerprint)
