"""The photo pipeline: what happens to each photo before training, and the verdict on it.

read -> detect the face -> mask -> background -> crop -> caption. A photo may be refused; the others
are used, unless the request wants all photos or too few are left.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from contracts.codes import CODES
from contracts.documents.photos import FaceMetrics, PhotoVerdict
from contracts.documents.training import TaskPhoto, TrainingTask
from contracts.documents.upload.photo_options import CROPS, FaceCrop
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MIN_PHOTOS
from contracts.shared.people.faces import REAL_FACES, names_a_person
from contracts.shared.rejection import PhotoRejectedError
from trainer.faces import Detector, Face, Pixels, advice_on, are_ambiguous, by_size, measure_face
from trainer.faces.choice import chosen_detector, detector_of
from trainer.model.base import Base
from trainer.photos.background import Segmenter, change_background
from trainer.photos.captions import (
    Caption,
    Descriptions,
    caption_codes,
    choose_caption,
    descriptions_of,
    on_device,
)
from trainer.photos.crop import cut_to_face
from trainer.photos.masks import face_mask, own_mask, to_weights
from trainer.photos.person import segmenter_of
from trainer.photos.photos import Photo, fit, read_image
from trainer.process.results import TrainingError, log

READERS = 4
"""Photos that are decoded side by side; each has at most 2048 x 2048 pixels."""

REPAIR_CODES = {"face_cropped", "face_aligned", "padded", "background_changed"}
"""The codes of changes that make a photo a repaired one."""


@dataclass(frozen=True)
class PhotoPipeline:
    """The tools and settings that process one task's photos."""

    root: Path
    task: TrainingTask
    side: int
    detector: Detector | None
    """None when no face is looked for."""
    segmenter: Segmenter
    descriptions: Descriptions
    sees_people: bool = False
    """Whether the detector is one of real faces."""

    @property
    def face_crop(self) -> FaceCrop:
        """Return how photos are cropped; ``auto`` is decided."""
        asked = self.task.request.face_crop
        if asked != "auto":
            return asked
        return "crop" if self.sees_people and self.detector is not None else "none"

    @property
    def needs_face(self) -> bool:
        """Return whether a photo without one clear face is refused."""
        request = self.task.request
        if request.require_face is not None:
            return request.require_face
        is_requested = request.face_crop in CROPS or request.mask_of == "face"
        return is_requested or (self.detector is not None and names_a_person(request.class_prompt))


@dataclass(frozen=True)
class ProcessedPhoto:
    """The pixels and loss weights of one processed photo."""

    pixels: Pixels
    weights: Pixels | None
    codes: tuple[str, ...]


def make_photo_pipeline(root: Path, task: TrainingTask, side: int, base: Base) -> PhotoPipeline:
    """Return the photo pipeline of a task.

    Raises:
        TrainingError: ``face_detector_missing``, ``captioner_missing`` or ``option_unavailable``;
            the request needs a detector, a captioner or the segmenter of people.
    """
    request = task.request
    detector = None if request.require_face is False else detector_of(base)
    descriptions = descriptions_of(root, task)
    people = chosen_detector(base) in REAL_FACES
    segmenter = segmenter_of(base, request)
    pipeline = PhotoPipeline(root, task, side, detector, segmenter, descriptions, people)
    if pipeline.needs_face and detector is None:
        code = "face_detector_missing"
        raise TrainingError(code, CODES[code].text)
    return pipeline


def process_photos(
    pipeline: PhotoPipeline, base: Base
) -> tuple[list[Photo], tuple[PhotoVerdict, ...]]:
    """Process every photo; return the photos to train on, and the verdict on each photo.

    Raises:
        TrainingError: ``photo_changed``; ``photos_refused``, if the request wants all photos;
            ``too_few_photos``. The last two carry the verdicts.
    """
    with on_device(pipeline.descriptions.captioner, base.device):
        done = [
            process_photo(pipeline, photo, pixels)
            for photo, pixels in read_ahead(pipeline.root, pipeline.task.photos)
        ]
    accepted = [
        (photo, caption) for photo, caption, _ in done if photo is not None and caption is not None
    ]
    checked = iter(caption_codes([caption for _, caption in accepted], base))
    verdicts = tuple(
        verdict if photo is None else with_codes(verdict, next(checked))
        for photo, _, verdict in done
    )
    for verdict in verdicts:
        if verdict.codes:
            log(f"photo {verdict.index} {verdict.verdict}: {' '.join(verdict.codes)}")
    require_enough(verdicts, all_must_pass=pipeline.task.request.on_reject == "fail")
    return [photo for photo, _ in accepted], verdicts


def require_enough(verdicts: tuple[PhotoVerdict, ...], *, all_must_pass: bool) -> None:
    """Check that enough photos are left.

    Raises:
        TrainingError: ``photos_refused`` or ``too_few_photos``.
    """
    refused = sum(verdict.verdict == "refused" for verdict in verdicts)
    remaining = len(verdicts) - refused
    if refused and all_must_pass:
        message = f"{refused} of {len(verdicts)} photos were refused, and the request wants all"
        raise TrainingError("photos_refused", message, verdicts)
    if refused and remaining < MIN_PHOTOS:
        message = f"{remaining} usable photos are left, and {MIN_PHOTOS} are needed"
        raise TrainingError("too_few_photos", message, verdicts)


def read_ahead(
    root: Path, photos: Sequence[TaskPhoto], workers: int = READERS
) -> Iterator[tuple[TaskPhoto, Pixels]]:
    """Yield every photo with its pixels, (H, W, 3); the next ``workers`` photos are being decoded.

    Only decoding runs side by side: detector and captioner have one network each, and OpenCV's
    cut-outs depend on the order in which they are made.
    """

    def read(photo: TaskPhoto) -> Pixels:
        return np.asarray(read_image(root, photo))

    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Pixels]] = deque()
        for number, photo in enumerate(photos):
            window = photos[number : number + workers + 1]
            ahead += [pool.submit(read, later) for later in window[len(ahead) :]]
            yield photo, ahead.popleft().result()


def process_photo(
    pipeline: PhotoPipeline, task_photo: TaskPhoto, pixels: Pixels
) -> tuple[Photo | None, Caption | None, PhotoVerdict]:
    """Process one photo; return it with its caption, or only the verdict if it is refused."""
    verdict = PhotoVerdict(index=task_photo.index, verdict="accepted", sha256=task_photo.sha256)
    measures: FaceMetrics | None = None
    try:
        face = find_face(pipeline, pixels)
        if face is not None:
            measures = measure_face(face, pixels)
            refuse_unclear(measures, pipeline.task.request)
        processed = apply_photo_options(pipeline, task_photo, pixels, face)
    except PhotoRejectedError as error:
        refusal = {"verdict": "refused", "codes": (error.code,), "face": measures}
        return None, None, verdict.model_copy(update=refusal)
    whole = Image.fromarray(processed.pixels)
    caption = choose_caption(task_photo, whole, pipeline.task.request, pipeline.descriptions)
    photo = Photo(
        index=task_photo.index,
        caption=caption.text,
        has_own_caption=caption.is_own,
        image=fit(whole, pipeline.side, pipeline.side),
        whole=whole,
        weight=None if processed.weights is None else Image.fromarray(processed.weights),
    )
    advice = () if measures is None else advice_on(measures)
    changes = {"width": whole.width, "height": whole.height, "face": measures}
    return (
        photo,
        caption,
        with_codes(verdict.model_copy(update=changes), (*processed.codes, *advice)),
    )


def find_face(pipeline: PhotoPipeline, pixels: Pixels) -> Face | None:
    """Return the face that a photo is about; None if there is none and none is needed.

    Raises:
        PhotoRejectedError: ``no_face`` or ``ambiguous_faces``; one clear face is needed.
    """
    faces = [] if pipeline.detector is None else by_size(pipeline.detector.find(pixels))
    if not faces:
        if pipeline.needs_face:
            raise PhotoRejectedError("no_face")
        return None
    if are_ambiguous(faces):
        if pipeline.needs_face:
            raise PhotoRejectedError("ambiguous_faces")
        return None
    return faces[0]


def refuse_unclear(measures: FaceMetrics, request: TrainingRequest) -> None:
    """Refuse a photo whose face is less clear than the request demands.

    InspectPhotos has done so already, where it finds the faces of this base.

    Raises:
        PhotoRejectedError: ``face_too_unclear``.
    """
    if request.min_face_clarity is not None and measures.clarity < request.min_face_clarity:
        raise PhotoRejectedError("face_too_unclear")


def apply_photo_options(
    pipeline: PhotoPipeline, task_photo: TaskPhoto, pixels: Pixels, face: Face | None
) -> ProcessedPhoto:
    """Return a photo with the background, mask and crop that the request asks for."""
    options = pipeline.task.request
    mask, codes = own_mask(pipeline.root, task_photo, pixels, options)
    subject = mask
    if mask is None and needs_subject(pipeline):
        subject = pipeline.segmenter.subject(pixels, face)
    if mask is None and options.use_masks:
        mask = subject
        if options.mask_of == "face" and face is not None:
            mask = face_mask(face, *pixels.shape[:2])
    if needs_subject(pipeline) and subject is None:
        codes = (*codes, "subject_not_found")
    if options.background != "keep" and subject is not None:
        seed = options.seed
        pixels = change_background(pixels, subject, options.background, seed, task_photo.index)
        codes = (*codes, "background_changed")
    if mask is not None:
        codes = (*codes, "mask_used")
    weights = None if mask is None else to_weights(mask, options.mask_floor)
    return crop_to_face(ProcessedPhoto(pixels, weights, codes), face, pipeline)


def needs_subject(pipeline: PhotoPipeline) -> bool:
    """Return whether the subject must be separated from its background."""
    options = pipeline.task.request
    is_masked = options.use_masks is True and options.mask_of == "subject"
    return options.background != "keep" or is_masked


def crop_to_face(
    processed: ProcessedPhoto, face: Face | None, pipeline: PhotoPipeline
) -> ProcessedPhoto:
    """Return a photo cropped to the face, if requested; padded edges get weight 0."""
    how = pipeline.face_crop
    if how == "none" or face is None:
        return processed
    height, width = processed.pixels.shape[:2]
    cut = cut_to_face(face, height, width, how)
    weights = processed.weights
    if weights is None and (cut.turn is not None or "padded" in cut.codes):
        weights = np.full((height, width), 255, np.uint8)
    return ProcessedPhoto(
        np.ascontiguousarray(cut.apply(processed.pixels)),
        None if weights is None else np.ascontiguousarray(cut.apply(weights, outside=0)),
        (*processed.codes, *cut.codes),
    )


def with_codes(verdict: PhotoVerdict, codes: tuple[str, ...]) -> PhotoVerdict:
    """Return a verdict with further codes; a changed photo becomes a repaired one."""
    changed = "repaired" if REPAIR_CODES & set(codes) else verdict.verdict
    return verdict.model_copy(update={"codes": (*verdict.codes, *codes), "verdict": changed})
