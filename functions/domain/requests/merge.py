"""Merge the request sources of an upload into one TrainingRequest.

From the strongest to the weakest, the sources are: request.json, consent.json, config.json, a TOML
file, dataset_info.json, the name of the photos' folder, the preset. A source fills only the fields
that no stronger source gives; a consent is given once.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from pydantic import ValidationError

from contracts.documents.job import Origin
from contracts.documents.upload.imported import ImportedSetting, ImportReport
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.prompts import DEFAULT_TRIGGER_WORD, likely_trigger, names_subject
from contracts.shared.suffixes import AVATAR_FILE, CONSENT_FILE, JUMPSTART_FILE, TOML_SUFFIX
from domain.requests.aliases import ALIASES, RUN_ALIASES
from domain.requests.avatar_config import import_avatar
from domain.requests.hosted import HostedRequest, read_hosted
from domain.requests.kohya_folders import repeats_of, subjects_of
from domain.requests.kohya_gui import is_kohya_gui
from domain.requests.kohya_syntax import Subject
from domain.requests.kohya_toml import KohyaImport, import_kohya, import_window
from domain.requests.presets import PRESETS
from domain.requests.request_json import (
    MAX_PROBLEMS,
    RequestRefusedError,
    doubled,
    parse_object,
    problem_of,
)

ORIGINS: tuple[Origin, ...] = (
    "consent.json",
    "config.json",
    "toml",
    "dataset_info.json",
    "folder",
    "preset",
)
"""From the strongest to the weakest."""

NAMED: dict[str, Origin] = {
    AVATAR_FILE: "config.json",
    CONSENT_FILE: "consent.json",
    JUMPSTART_FILE: "dataset_info.json",
}
"""Kind of each settings file that is known by its name."""


KohyaReader = Callable[[Subject | None, int], KohyaImport]
"""Takes the photos' subject and their number; reads a file of kohya's."""


class MergedRequest(NamedTuple):
    """The request, and the source of its fields."""

    request: TrainingRequest
    renamed: dict[str, str]
    """Name in request.json -> our name, where the two differ."""
    origins: dict[str, Origin]
    """Source of each field that request.json does not give."""
    imported: tuple[ImportReport, ...]


class RequestSources(NamedTuple):
    """The files of an upload that say what to train."""

    request: bytes | None
    """Content of request.json."""
    settings: Mapping[str, bytes]
    """Content of the settings files, by name."""
    photos: Sequence[str]
    """Names of the photos, with their folders."""


def merge_sources(sources: RequestSources) -> MergedRequest:
    """Return the merged request.

    Raises:
        RequestRefusedError: with every problem at once.
    """
    merge = _Merge()
    merge.add_request(sources.request)
    bodies = of_kinds(sources.settings)
    subject = merge.subject_of(sources.photos)
    if "consent.json" in bodies:
        merge.add_consent(bodies["consent.json"])
    if "config.json" in bodies:
        merge.add_config(bodies["config.json"], subject, sources.photos)
    if "toml" in bodies:
        merge.add_kohya("toml", partial(import_kohya, bodies["toml"]), subject, sources.photos)
    if "dataset_info.json" in bodies:
        merge.add_dataset_info(bodies["dataset_info.json"])
    if subject is not None:
        merge.add_folder(subject)
    merge.add_preset()
    merge.add_assumed()
    return merge.finish()


def parse_request(body: bytes) -> MergedRequest:
    """Return the request of request.json alone.

    Raises:
        RequestRefusedError: with every problem at once.
    """
    return merge_sources(RequestSources(body, {}, ()))


def of_kinds(settings: Mapping[str, bytes]) -> dict[Origin, bytes]:
    """Return one file of each kind.

    Raises:
        RequestRefusedError: there are two files of one kind.
    """
    found: dict[Origin, bytes] = {}
    for name, body in settings.items():
        kind = kind_of(name)
        if kind in found:
            message = f"The upload holds more than one {kind} file; keep one."
            raise RequestRefusedError([RequestProblem(field="", message=message)])
        found[kind] = body
    return found


def kind_of(name: str) -> Origin:
    """Return the kind of a settings file.

    >>> kind_of("set.zip/Config.json"), kind_of("config/kohya.toml")
    ('config.json', 'toml')
    """
    file = PurePosixPath(name).name.lower()
    if file.endswith(TOML_SUFFIX):
        return "toml"
    return NAMED[file]


class _Merge:
    """The state of a merge: fields so far, their sources, problems, reports."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.renamed: dict[str, str] = {}
        self.theirs: dict[str, str] = {}
        self.origins: dict[str, Origin] = {}
        self.imported: list[ImportReport] = []
        self.hosted: HostedRequest | None = None
        self.problems: list[RequestProblem] = []

    def add_request(self, body: bytes | None) -> None:
        """Add request.json, whose fields go before all others."""
        given = {} if body is None else parse_object(body)
        self.hosted = read_hosted(given)
        if self.hosted is None:
            self.add_own(given)
        else:
            self.fields, self.theirs = dict(self.hosted.fields), dict(self.hosted.theirs)
            self.problems += self.hosted.problems
            self.renamed = {their: our for our, their in self.theirs.items() if their != our}
        if isinstance(run := self.fields.get("run"), dict):
            self.fields["run"] = self.rename_run(run)

    def add_own(self, given: Mapping[str, Any]) -> None:
        """Add a request with our names and their aliases."""
        self.renamed = {name: ALIASES[name] for name in given if name in ALIASES}
        self.problems += doubled(given, self.renamed)
        self.theirs = {our: their for their, our in self.renamed.items()}
        self.fields = {self.renamed.get(name, name): value for name, value in given.items()}

    def rename_run(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``run`` with our names in place of SageMaker's."""
        renamed = {name: RUN_ALIASES[name] for name in run if name in RUN_ALIASES}
        self.problems += doubled(run, renamed, "run.")
        paths = {f"run.{their}": f"run.{our}" for their, our in renamed.items()}
        self.renamed |= paths
        self.theirs |= {our: their for their, our in paths.items()}
        return {renamed.get(name, name): value for name, value in run.items()}

    def fill(self, fields: Mapping[str, Any], origin: Origin) -> None:
        """Add the fields that no stronger source gives; a sweep gives the fields it varies."""
        sweep = self.fields.get("sweep")
        tried = set(sweep) if isinstance(sweep, dict) else set()
        for name, value in fields.items():
            if name not in self.fields and name not in tried:
                self.fields[name] = value
                self.origins[name] = origin

    def subject_of(self, photos: Sequence[str]) -> Subject | None:
        """Return the subject that the folders name, unless the request does; two are a problem."""
        if "trigger_word" in self.fields:
            return None
        found = subjects_of(photos)
        prompt = self.fields.get("instance_prompt")
        if prompt is not None:  # it may contain the folder's trigger word
            named = not isinstance(prompt, str) or names_subject(prompt, DEFAULT_TRIGGER_WORD)
            found = {one for one in found if not named and names_subject(str(prompt), one[0])}
        if len(found) > 1:
            message = "The folders name more than one subject; one upload trains one."
            self.problems.append(RequestProblem(field="trigger_word", message=message))
        return Subject(1, *found.pop()) if len(found) == 1 else None

    def add_consent(self, body: bytes) -> None:
        """Add consent.json; a consent in request.json beside it must be the same."""
        consent = parse_object(body)
        if self.fields.get("consent", consent) != consent:
            message = "Given twice: in request.json, and otherwise in consent.json. Keep one."
            self.problems.append(RequestProblem(field="consent", message=message))
        self.fill({"consent": consent}, "consent.json")

    def add_config(self, body: bytes, subject: Subject | None, photos: Sequence[str]) -> None:
        """Add config.json, which kohya_ss and the avatar guidance both write."""
        given = parse_object(body)
        if is_kohya_gui(given):
            self.add_kohya("config.json", partial(import_window, given), subject, photos)
        else:
            self.add_avatar(body)

    def add_avatar(self, body: bytes) -> None:
        """Add the avatar guidance's config.json."""
        found = import_avatar(body)
        self.theirs = found.theirs | self.theirs
        self.fill(found.fields, "config.json")
        self.imported.append(found.report)

    def add_kohya(
        self, origin: Origin, read: KohyaReader, subject: Subject | None, photos: Sequence[str]
    ) -> None:
        """Add a file of kohya's; the request may name the subject where no folder does."""
        if subject is None and {"instance_prompt", "trigger_word"} & set(self.fields):
            subject = Subject(1, str(self.fields.get("trigger_word", DEFAULT_TRIGGER_WORD)))
        try:
            found = read(subject, sum(repeats_of(photo) for photo in photos))
        except RequestRefusedError as refusal:
            self.problems += refusal.problems
            return
        self.fill(found.request.model_dump(exclude_unset=True), origin)
        self.imported.append(found.report)

    def add_dataset_info(self, body: bytes) -> None:
        """Add the two prompts of JumpStart's dataset_info.json."""
        given = parse_object(body)
        prompts = ("instance_prompt", "class_prompt")
        self.fill({name: given[name] for name in prompts if name in given}, "dataset_info.json")

    def add_folder(self, subject: Subject) -> None:
        """Add the fields from a folder's name."""
        word = subject.class_word
        fields: dict[str, Any] = {"trigger_word": subject.trigger_word}
        if "preset" not in self.fields or word is not None:
            fields["instance_prompt"] = " ".join(filter(None, ("a photo of TOK", word)))
            fields["class_prompt"] = f"a photo of a {word}" if word else "a photo"
        self.fill(fields, "folder")

    def add_preset(self) -> None:
        """Add the fields of the preset, if it exists."""
        preset = self.fields.get("preset")
        self.fill(PRESETS.get(preset, {}) if isinstance(preset, str) else {}, "preset")

    def add_assumed(self) -> None:
        """Add what a hosted service's body leaves out, if no other source gives it."""
        if self.hosted is None:
            return
        assumed = {n: v for n, v in self.hosted.assumed.items() if n not in self.fields}
        self.fields |= assumed
        settings = tuple(ImportedSetting(name=name, ours=name) for name in assumed)
        self.imported.insert(0, self.hosted.report.model_copy(update={"assumed": settings}))

    def finish(self) -> MergedRequest:
        """Return the request.

        Raises:
            RequestRefusedError: there are problems.
        """
        try:
            request = TrainingRequest.model_validate(self.fields)
        except ValidationError as error:
            details = error.errors(include_url=False)
            self.problems += [problem_of(detail, self.theirs) for detail in details]
        else:
            self.problems += self.nameless(request)
        if self.problems:
            raise RequestRefusedError(self.problems[:MAX_PROBLEMS])
        return MergedRequest(request, self.renamed, self.origins, tuple(self.imported))

    def nameless(self, request: TrainingRequest) -> list[RequestProblem]:
        """Return a problem if the instance prompt does not name the subject.

        Stored documents may contain such a prompt, so the contract itself accepts it.
        """
        trigger = request.trigger_word
        if names_subject(request.instance_prompt, trigger):
            return []
        field = self.theirs.get("instance_prompt", "instance_prompt")
        meant = likely_trigger(request.instance_prompt, request.class_prompt)
        return [RequestProblem(field=field, message=nameless(trigger, meant))]


def nameless(trigger: str, meant: str | None) -> str:
    """Return the text for an instance prompt that does not name the subject.

    >>> nameless("sks", "zwx")[-59:]
    'or set trigger_word to zwx, if that word means the subject.'
    """
    message = (
        f"Does not name the subject: it contains neither the trigger word {trigger} nor TOK, so "
        f"no prompt would show the subject. Write {trigger} or TOK in the place of the subject"
    )
    return (
        f"{message}."
        if meant is None
        else (f"{message}, or set trigger_word to {meant}, if that word means the subject.")
    )
