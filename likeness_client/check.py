"""``likeness check FOLDER``: the verdicts of intake, on the user's own machine, before uploading.

The rules are those that run after the upload; nothing leaves the machine.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from contracts.base import BaseCard
from contracts.codes import CODES
from contracts.documents.job import PinnedObject
from contracts.documents.photos import PhotoVerdict
from contracts.errors import StageError
from contracts.shared.base_options import unfit_options
from contracts.shared.layout.bases import BASE_FILE
from contracts.shared.layout.uploads import REQUEST_FILE, upload_prefix
from contracts.shared.limits import MIN_PHOTOS, MIN_SIDE
from contracts.shared.people.consent_texts import CURRENT
from contracts.shared.people.retention import UPLOADS
from contracts.shared.words.prompts import DEFAULT_TRIGGER_WORD
from contracts.shared.words.tokens import trigger_codes
from domain.intake.inspection_progress import Progress
from domain.intake.normalisation import NormalisationServices, limits_for
from domain.intake.photo_set import (
    advice_on_captions,
    advice_on_samples,
    advice_on_set,
    advice_on_texts,
)
from domain.intake.photo_verdicts import stored_class, verdicts_of
from domain.intake.trigger_words import ReadFile, words_of
from domain.intake.unfit_prompts import prompts_refused_on
from domain.intake.uploads import PinnedUpload, pin_upload
from domain.ports.storage import ObjectTooLargeError
from domain.requests.consent import ConsentRules, refuse_consent
from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.missing_prompts import nearly_named
from domain.requests.request_json import MAX_REQUEST_BYTES, RequestRefusedError
from likeness_client.exit_codes import ExitCode
from likeness_client.folder import PLACE, FolderStorage, NoFolderError, Obstacle, shown, walk
from runtime.imaging.sandbox import ChildDecoder
from runtime.imaging.unpacking import ChildArchives

JOB_ID = "0" * 32

NOTHING_ASKED = f"Only photos are judged: no {REQUEST_FILE} beside them says what to train."


class JudgedFolder(NamedTuple):
    """A folder with the verdict on each of its photos."""

    upload: PinnedUpload
    photos: tuple[PhotoVerdict, ...]
    class_photos: int
    """How many class photos can be used."""


class CheckOptions(NamedTuple):
    """What ``likeness check`` is told beside the folder."""

    resolution: int | None = None
    """The base model's; None: the smallest."""
    base: Path | None = None
    """Folder of a base, which judges the trigger word, options and prompts."""
    explain: bool = False
    """Whether to list what became of each setting of another tool's files."""


def judge_folder(storage: FolderStorage, upload: PinnedUpload, resolution: int) -> JudgedFolder:
    """Give each photo of the folder its verdict."""
    services = NormalisationServices(storage, ChildDecoder(), limits_for(resolution), JOB_ID)
    progress = Progress(JOB_ID)
    verdicts = tuple(verdicts_of(upload.photos, services, progress))
    of_class = len(list(stored_class(upload.class_photos, services, progress)))
    return JudgedFolder(upload, verdicts, of_class)


def read_folder(storage: FolderStorage, upload: PinnedUpload) -> MergedRequest | None:
    """Return what the folder asks for; None if nothing in it asks for a training.

    Raises:
        RequestRefusedError: with every problem at once.
    """
    if upload.request is None and not upload.settings:
        return None
    bodies = {_name(pin): storage.read(pin.key, MAX_REQUEST_BYTES) for pin in upload.settings}
    request = upload.request
    body = None if request is None else storage.read(request.key, MAX_REQUEST_BYTES)
    return merge_sources(RequestSources(body, bodies, upload.names))


def files_that_ask(upload: PinnedUpload) -> str:
    """Return the names of the files that say what to train."""
    request = [] if upload.request is None else [REQUEST_FILE]
    return ", ".join([*request, *map(_name, upload.settings)])


def check(folder: Path, wanted: CheckOptions = CheckOptions()) -> int:  # noqa: B008 - frozen
    """Say every verdict, and what is wrong with the request; REFUSED if it would be refused.

    Raises:
        NoFolderError: the folder is missing, is a file, or cannot be read.
    """
    found = walk(folder)
    print_obstacles(found.obstacles)
    if not found.files and not found.obstacles:
        _print(f"{shown(folder)} is empty.")
    try:
        good = judge(FolderStorage(folder, found.files), wanted)
    except OSError as error:  # a file went, or a disk failed, since the walk
        raise NoFolderError(f"{shown(folder)} cannot be read: {error.strerror}") from error
    return ExitCode.DONE if good and not found.obstacles else ExitCode.REFUSED


def judge(storage: FolderStorage, wanted: CheckOptions) -> bool:
    """Say every verdict; return whether the folder would be accepted."""
    try:
        upload = pin_upload(storage, PLACE, ChildArchives())
    except StageError as error:
        entry = CODES[str(error.facts["code"])]
        _print(f"refused: {entry.text} {entry.hint}")
        return False
    merged, problems, asked_in = None, 0, files_that_ask(upload)
    try:
        merged = read_folder(storage, upload)
    except RequestRefusedError as error:
        problems = len(error.problems)
        for problem in error.problems:
            _print(f"{asked_in}: {problem.field}: {problem.message}")
    except ObjectTooLargeError:
        problems = 1
        _print(f"{asked_in}: larger than {MAX_REQUEST_BYTES // 1024} KiB.")
    asked = None if merged is None else merged.request.resolution
    judged = judge_folder(storage, upload, asked or wanted.resolution or MIN_SIDE)
    if merged is None and problems == 0:
        _print(f"request   {NOTHING_ASKED} {nearly_named(upload.names)}".rstrip())
    print_request(merged)
    print_consent(merged, datetime.now(UTC))
    if wanted.explain:
        print_explained(merged)
    trigger_word = DEFAULT_TRIGGER_WORD if merged is None else merged.request.trigger_word
    good = print_verdicts(judged, trigger_word, merged)
    if wanted.base is not None:
        print_trigger(trigger_word, wanted.base)
        problems += print_unfit(merged, wanted.base, asked_in)
    return good >= MIN_PHOTOS and problems == 0


def print_obstacles(obstacles: tuple[Obstacle, ...]) -> None:
    """Print which files cannot be judged."""
    for obstacle in obstacles:
        _print(f"refused   {obstacle.name}\n          {obstacle.reason}")


def print_request(merged: MergedRequest | None) -> None:
    """Print the fields that another file than request.json has given."""
    if merged is None:
        return
    for theirs, ours in merged.renamed.items():
        _print(f"request   {theirs} is {ours} here")
    for field, origin in merged.origins.items():
        value = "" if field == "consent" else f" = {getattr(merged.request, field)}"
        _print(f"request   {field}{value} (from {origin})")


def print_consent(merged: MergedRequest | None, now: datetime) -> None:
    """Print what a stack that asks for a consent would miss; whether it asks is not known here."""
    if merged is None:
        return
    given = merged.request.consent
    version = CURRENT if given is None else given.text_version
    rules = ConsentRules(required=True, text_version=version, photos_kept_days=UPLOADS.days)
    refusal = refuse_consent(merged.request, rules, now)
    if refusal is not None:
        _print(
            f"consent   {CODES[refusal.code].text} A stack refuses it unless RequireConsent is off."
        )
        for problem in refusal.problems:
            _print(f"          {problem.field}: {problem.message}")


def print_explained(merged: MergedRequest | None) -> None:
    """Print what became of each setting of another tool's file."""
    words_of = {
        "honoured": "carried",
        "mapped": "changed",
        "ignored": "ignored",
        "assumed": "assumed",
    }
    for report in () if merged is None else merged.imported:
        for kind, word in words_of.items():
            for setting in getattr(report, kind):
                ours = "" if setting.ours in (None, setting.name) else f" is {setting.ours}"
                note = f" ({setting.note})" if setting.note else ""
                _print(f"{word:9} {shown(Path(setting.name))}{ours}{note} [{report.tool}]")


def print_verdicts(judged: JudgedFolder, trigger_word: str, merged: MergedRequest | None) -> int:
    """Print the verdicts; return how many photos can be used."""
    for verdict in judged.photos:
        name = shown(Path(_name(judged.upload.photos[verdict.index])))
        _print(f"{verdict.verdict:9} {name}" + "".join(f"\n          {w}" for w in words(verdict)))
        if verdict.resembles is not None:
            other = shown(Path(_name(judged.upload.photos[verdict.resembles])))
            _print(f"          It resembles {other}.")
    advice = (
        *advice_on_set(judged.photos),
        *advice_on_captions(judged.photos, trigger_word),
        *(() if merged is None else advice_on_samples(merged.request)),
        *advice_on_texts(judged.upload.photos, judged.photos, judged.upload.unused_texts),
    )
    for code in advice:
        _print(f"advice    {CODES[code].text} {CODES[code].hint}")
    if judged.upload.class_photos:
        _print(f"Class pictures: {judged.class_photos} of {len(judged.upload.class_photos)}.")
    good = sum(verdict.verdict != "refused" for verdict in judged.photos)
    _print(f"Photos that can be used: {good} of {len(judged.photos)}; needed: {MIN_PHOTOS}.")
    return good


def print_trigger(trigger_word: str, base: Path) -> None:
    """Print the advice on the trigger word that the base's tokenizer gives."""
    known = words_of(files_in(base))
    if known is None:
        _print(f"{shown(base)} has no tokenizer of CLIP's kind: the trigger word is not judged.")
        return
    for code in trigger_codes(trigger_word, known):
        _print(f"advice    {CODES[code].text} {CODES[code].hint}")


def print_unfit(merged: MergedRequest | None, base: Path, asked_in: str) -> int:
    """Print the options and prompts that the base cannot be asked for; return how many."""
    read = files_in(base)
    try:
        card = BaseCard.model_validate_json(read(BASE_FILE) or b"")
    except ValidationError:
        _print(f"{shown(base)} has no {BASE_FILE}: whether options and prompts fit is not judged.")
        return 0
    if merged is None:
        return 0
    request = merged.request
    unfit = {**unfit_options(request, card), **prompts_refused_on(request, card, read)}
    for field, why in unfit.items():
        _print(f"{asked_in}: {field}: {why}")
    return len(unfit)


def files_in(base: Path) -> ReadFile:
    """Return what reads a file of a base in a folder."""

    def read(path: str) -> bytes | None:
        file = base / path
        return file.read_bytes() if file.is_file() else None

    return read


def words(verdict: PhotoVerdict) -> list[str]:
    """Return what the codes mean."""
    return [f"{CODES[code].text} {CODES[code].hint}" for code in verdict.codes]


def _name(pin: PinnedObject) -> str:
    return pin.name or pin.key.removeprefix(upload_prefix(*PLACE))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
