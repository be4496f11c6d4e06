"""What an upload asks for, in whatever file and folder it says so.

From the strongest to the weakest: request.json, config.json, a TOML file, dataset_info.json, the
name of the photos' folder, the preset. A weaker one only fills what no stronger one gives.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from pydantic import ValidationError

from contracts.documents.job import Origin
from contracts.documents.upload.imported import ImportReport
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from domain.requests.aliases import ALIASES
from domain.requests.avatar_config import import_avatar
from domain.requests.kohya_folders import repeats_of, subjects_of
from domain.requests.kohya_syntax import Subject
from domain.requests.kohya_toml import import_kohya
from domain.requests.presets import PRESETS
from domain.requests.request_json import (
    MAX_PROBLEMS,
    RequestRefusedError,
    doubled,
    parse_object,
    problem_of,
)

ORIGINS: tuple[Origin, ...] = ("config.json", "toml", "dataset_info.json", "folder", "preset")
"""From the strongest to the weakest."""


class Wishes(NamedTuple):
    """The request, and where it comes from."""

    request: TrainingRequest
    renamed: dict[str, str]
    """Their name -> ours, as request.json used it."""
    origins: dict[str, Origin]
    """For the fields that request.json does not give."""
    imported: tuple[ImportReport, ...]


class Sources(NamedTuple):
    """The bytes that say what to train."""

    request: bytes | None
    settings: Mapping[str, bytes]
    """By name."""
    photos: Sequence[str]
    """Names, for the folders they lie in."""


def read_wishes(sources: Sources) -> Wishes:
    """Return what to train.

    Raises:
        RequestRefusedError: with every problem at once.
    """
    gathered = _Gathered()
    gathered.add_request(sources.request)
    bodies = of_kinds(sources.settings)
    subject = gathered.subject_of(sources.photos)
    if "config.json" in bodies:
        gathered.add_avatar(bodies["config.json"])
    if "toml" in bodies:
        gathered.add_kohya(bodies["toml"], subject, sources.photos)
    if "dataset_info.json" in bodies:
        gathered.add_dataset_info(bodies["dataset_info.json"])
    if subject is not None:
        gathered.add_folder(subject)
    gathered.add_preset()
    return gathered.finish()


def parse_request(body: bytes) -> Wishes:
    """Return what request.json alone asks for.

    Raises:
        RequestRefusedError: with every problem at once.
    """
    return read_wishes(Sources(body, {}, ()))


def of_kinds(settings: Mapping[str, bytes]) -> dict[Origin, bytes]:
    """Return one file of each kind.

    Raises:
        RequestRefusedError: there are two of one kind, and nothing says which counts.
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
    """Return what kind of settings file this is.

    >>> kind_of("set.zip/Config.json"), kind_of("config/kohya.toml")
    ('config.json', 'toml')
    """
    file = PurePosixPath(name).name.lower()
    if file.endswith(".toml"):
        return "toml"
    return "config.json" if file == "config.json" else "dataset_info.json"


class _Gathered:
    """Fields half-way to a request."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.renamed: dict[str, str] = {}
        self.theirs: dict[str, str] = {}
        self.origins: dict[str, Origin] = {}
        self.imported: list[ImportReport] = []
        self.problems: list[RequestProblem] = []

    def add_request(self, body: bytes | None) -> None:
        """Take request.json, whose fields count before all others."""
        given = {} if body is None else parse_object(body)
        self.renamed = {name: ALIASES[name] for name in given if name in ALIASES}
        self.problems += doubled(given, self.renamed)
        self.theirs = {our: their for their, our in self.renamed.items()}
        self.fields = {self.renamed.get(name, name): value for name, value in given.items()}

    def fill(self, fields: Mapping[str, Any], origin: Origin) -> None:
        """Take the fields that nothing stronger gave; what a sweep tries, it gives."""
        sweep = self.fields.get("sweep")
        tried = set(sweep) if isinstance(sweep, dict) else set()
        for name, value in fields.items():
            if name not in self.fields and name not in tried:
                self.fields[name] = value
                self.origins[name] = origin

    def subject_of(self, photos: Sequence[str]) -> Subject | None:
        """Return whom the folders name, unless the request does; two are a problem."""
        if "trigger_word" in self.fields or "instance_prompt" in self.fields:
            return None
        found = subjects_of(photos)
        if len(found) > 1:
            message = "The folders name more than one subject; one upload trains one."
            self.problems.append(RequestProblem(field="trigger_word", message=message))
        return Subject(1, *found.pop()) if len(found) == 1 else None

    def add_avatar(self, body: bytes) -> None:
        """Take config.json."""
        found = import_avatar(body)
        self.theirs = found.theirs | self.theirs
        self.fill(found.fields, "config.json")
        self.imported.append(found.report)

    def add_kohya(self, body: bytes, subject: Subject | None, photos: Sequence[str]) -> None:
        """Take a TOML file; the request may name the subject where no folder does."""
        if subject is None and {"instance_prompt", "trigger_word"} & set(self.fields):
            subject = Subject(1, str(self.fields.get("trigger_word", "sks")))
        try:
            found = import_kohya(body, subject, sum(repeats_of(photo) for photo in photos))
        except RequestRefusedError as refusal:
            self.problems += refusal.problems
            return
        self.fill(found.request.model_dump(exclude_unset=True), "toml")
        self.imported.append(found.report)

    def add_dataset_info(self, body: bytes) -> None:
        """Take the two prompts that JumpStart keeps beside its photos."""
        given = parse_object(body)
        prompts = ("instance_prompt", "class_prompt")
        self.fill({name: given[name] for name in prompts if name in given}, "dataset_info.json")

    def add_folder(self, subject: Subject) -> None:
        """Take what a folder's name says."""
        word = subject.class_word
        fields: dict[str, Any] = {"trigger_word": subject.trigger_word}
        if "preset" not in self.fields or word is not None:
            fields["instance_prompt"] = " ".join(filter(None, ("a photo of TOK", word)))
            fields["class_prompt"] = f"a photo of a {word}" if word else "a photo"
        self.fill(fields, "folder")

    def add_preset(self) -> None:
        """Take what the preset says, if it is one."""
        preset = self.fields.get("preset")
        self.fill(PRESETS.get(preset, {}) if isinstance(preset, str) else {}, "preset")

    def finish(self) -> Wishes:
        """Return the request.

        Raises:
            RequestRefusedError: there are problems.
        """
        try:
            request = TrainingRequest.model_validate(self.fields)
        except ValidationError as error:
            details = error.errors(include_url=False)
            self.problems += [problem_of(detail, self.theirs) for detail in details]
        if self.problems:
            raise RequestRefusedError(self.problems[:MAX_PROBLEMS])
        return Wishes(request, self.renamed, self.origins, tuple(self.imported))
