"""Measure faces of real people: same and different, every verdict, and the outline with its hair.

The photos come out of packages (local/people.json). It prints the table, writes
``reports/people.json`` and exits with 1 when a target is missed.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from math import dist

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from bench.people import eyes
from bench.people.cases import (
    ASTRONAUT,
    PARTIAL,
    PRESIDENT,
    VICE_PRESIDENT,
    Case,
    cases,
    photo,
    png,
)
from bench.report import Figure, finish
from contracts.documents.api.uploads import PhotoToInspect
from contracts.documents.photos import PhotoVerdict
from contracts.shared import layout
from contracts.shared.people.thresholds import DEFAULTS
from domain.intake.faces import CheckedFaces, FaceServices, check_faces
from domain.intake.one_photo import OnePhotoServices, inspect_one_photo
from domain.ports.bases import Bases
from domain.ports.storage import write_document
from runtime.imaging.faces import ChildFaceFinder
from runtime.imaging.sandbox import ChildDecoder
from tests.fakes.intake import base_card
from tests.fakes.storage import MemoryStorage
from trainer.evaluation.ranking import MAX_SIMILARITY, similarities
from trainer.faces.dlib_faces import MIN_IDENTITY, DlibDetector, DlibJudge
from trainer.photos.background import GrabCutSegmenter
from trainer.photos.person import PersonSegmenter

JOB = "0" * 32
PEOPLE = ((*PRESIDENT, PARTIAL), (ASTRONAUT,), (VICE_PRESIDENT,))
"""The photos of each person."""

HAIR = (slice(20, 75), slice(150, 290))
"""Rows and columns of the astronaut's photo between crown and forehead: nearly all is hair."""

MIN_HAIR, MAX_SECONDS = 0.7, 1.0
CAMERA_SIDE, MAX_ALONE_SECONDS = 4032, 3.0


def main() -> int:
    """Print the table; return 1 when a target was missed."""
    with closing(ChildFaceFinder()) as finder:
        figures = [*pairs(finder), *irises(finder), *verdicts(finder)]
    figures += alone()
    return finish("people", [*figures, *likeness(), *copies(), *outline()])


def pairs(finder: ChildFaceFinder) -> Iterator[Figure]:
    """Yield how far photos of the same and of different people lie apart."""
    found = {name: finder.find(png(photo(name))) or () for group in PEOPLE for name in group}
    person = {name: number for number, group in enumerate(PEOPLE) for name in group}
    apart = {
        (one, other): dist(found[one][0].embedding, found[other][0].embedding)
        for one, other in combinations(found, 2)
    }
    same = [d for (one, other), d in apart.items() if person[one] == person[other]]
    different = [d for (one, other), d in apart.items() if person[one] != person[other]]
    yield Figure("same person: pairs", len(same))
    limit = DEFAULTS.max_person_distance
    yield Figure("same person: largest distance", max(same), "", limit, "less")
    yield Figure("different people: pairs", len(different))
    yield Figure("different people: smallest distance", min(different), "", limit)
    yield Figure("CPU a photo, start shared", finder.seconds / len(found), "s", MAX_SECONDS, "less")


def irises(finder: ChildFaceFinder) -> Iterator[Figure]:
    """Yield the contrast of the iris with eyes open, closed and behind sunglasses."""
    named = [photo(name) for group in PEOPLE for name in group]
    limit = DEFAULTS.min_iris_contrast
    seen = [found[0].iris_contrast for one in named if (found := finder.find(png(one)))]
    yield Figure("open eyes: least contrast of the iris", min(seen), "", limit)
    for name, change in (("closed eyes", eyes.closed), ("sunglasses", eyes.covered)):
        faces = [found[0] for one in named if (found := finder.find(png(change(one))))]
        known = sum(face.iris_contrast < limit for face in faces)
        yield Figure(f"{name}: known, of {len(faces)}", known, "", len(faces) - 1)


def verdicts(finder: ChildFaceFinder) -> Iterator[Figure]:
    """Yield for each case how many photos got another verdict than they should."""
    for case in cases():
        checked = checked_faces(case, finder)
        wrong = sum(
            photo.codes != codes for photo, codes in zip(checked.photos, case.expected, strict=True)
        )
        wrong += checked.people != case.people
        wrong += checked.codes != case.advice
        yield Figure(f"wrong verdicts: {case.name}", wrong, "", 0, "less")


def alone() -> Iterator[Figure]:
    """Yield the processor seconds of ``:inspect`` for camera photos, which have 12 megapixels.

    InspectPhotos has more than one processor on Lambda, and the work of one photo runs on one.
    """
    uploads, bases, card = MemoryStorage("uploads"), MemoryStorage("bases"), base_card()
    write_document(bases, f"bases/{card.base_id}/base.json", card)
    sides = {"first": photo(PRESIDENT[0]), "compared": photo(PRESIDENT[2])}
    sides |= {"without a face": photo(ASTRONAUT).crop((0, 260, 300, 512))}
    with closing(ChildFaceFinder()) as finder:
        services = OnePhotoServices(uploads, Bases(bases, card.base_id), ChildDecoder(), finder)
        for number, (name, image) in enumerate(sides.items()):
            key = f"tenants/people/uploads/alone/{number:03d}.jpg"
            uploads.write(key, camera_photo(image))
            other = None if number == 0 else "tenants/people/uploads/alone/000.jpg"
            asked = PhotoToInspect(
                number=number, key=key, compared=other, preset="face", face_checks="photos"
            )
            before = finder.seconds
            found = inspect_one_photo(asked, services)
            used = finder.seconds - before
            yield Figure(
                f"inspect one photo: {name}", used, "s of a CPU", MAX_ALONE_SECONDS, "less"
            )
            expected = "refused" if name == "without a face" else "repaired"
            yield Figure(f"wrong verdicts: alone, {name}", found.verdict != expected, "", 0, "less")


def camera_photo(image: Image.Image) -> bytes:
    """Return a photo at the size and in the format of a camera."""
    out = io.BytesIO()
    scale = CAMERA_SIDE / max(image.size)
    size = round(image.width * scale), round(image.height * scale)
    image.resize(size).save(out, "JPEG", quality=90)
    return out.getvalue()


def checked_faces(case: Case, finder: ChildFaceFinder) -> CheckedFaces:
    """Return what intake says about a case."""
    uploads, accepted = MemoryStorage("uploads"), []
    for index, image in enumerate(case.photos):
        file = layout.uploads.accepted_photo_file(index)
        uploads.write(layout.uploads.accepted_prefix(JOB) + file, png(image))
        accepted.append(PhotoVerdict(index=index, verdict="accepted", file=file))
    return check_faces(accepted, FaceServices(uploads, finder, JOB))


def copies() -> Iterator[Figure]:
    """Yield how similar changed copies of a photo are to it, and photos to one another."""
    photos = [photo(name) for group in PEOPLE for name in group]
    changed, between = [], []
    for place, one in enumerate(photos):
        blurred = one.filter(ImageFilter.GaussianBlur(max(one.size) / 85))
        changed += [*near([blurred, ImageEnhance.Brightness(one).enhance(1.3)], one)]
        between += [*near(photos[:place], one)] if place else []
    yield Figure("copies: smallest similarity", min(changed), "", MAX_SIMILARITY)
    yield Figure("two photos: largest similarity", max(between), "", MAX_SIMILARITY, "less")


def near(pictures: list[Image.Image], one: Image.Image) -> Iterator[float]:
    """Yield the similarity of each picture to a photo."""
    found = similarities(pictures, [one])
    yield from () if found is None else map(float, found)


def likeness() -> Iterator[Figure]:
    """Yield what the trainer's judge says of the same and of different people."""
    named = [name for group in PEOPLE for name in group]
    identities = DlibJudge().identities([photo(name) for name in named])
    alike = (identities @ identities.T).numpy()
    first = len(PEOPLE[0])
    same = [alike[i, j] for i, j in combinations(range(first), 2)]
    yield Figure("judge: least likeness of one person", float(min(same)), "", MIN_IDENTITY)
    stranger = float(alike[:first, first:].max())
    yield Figure("judge: largest likeness of strangers", stranger, "", MIN_IDENTITY, "less")


def outline() -> Iterator[Figure]:
    """Yield the share of the astronaut's hair that each segmenter keeps."""
    pixels = np.asarray(photo(ASTRONAUT))
    face = max(DlibDetector().find(pixels), key=lambda found: found.height)
    for name, segmenter, target in (
        ("of people", PersonSegmenter(), MIN_HAIR),
        ("GrabCut", GrabCutSegmenter(), None),
    ):
        mask = segmenter.subject(pixels, face)
        kept = 0.0 if mask is None else float(mask[HAIR].mean())
        yield Figure(f"hair that the segmenter {name} keeps", kept, "", target)


if __name__ == "__main__":
    sys.exit(main())
