"""Merge the request sources of an upload into one TrainingRequest.

From the strongest to the weakest, the sources are: request.json, consent.json, config.json, a YAML
file, a shell script, a TOML file, dataset_info.json, the name of the photos' folder, the preset. A
source fills only the fields that no stronger source gives; a consent is given once.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from contracts.documents.job import Origin
from contracts.documents.upload.imported import ImportedSetting, ImportReport, Tool
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.documents.upload.subject import with_first_subject
from contracts.shared.suffixes import (
    AVATAR_FILE,
    BACKENDS_STEM,
    CONSENT_FILE,
    JUMPSTART_FILE,
    LYCORIS_FILE,
    SCRIPT_SUFFIX,
    TOML_SUFFIX,
    YAML_SUFFIXES,
)
from contracts.shared.words.prompts import DEFAULT_TRIGGER_WORD, names_subject
from domain.requests.aliases import ALIASES, RUN_ALIASES
from domain.requests.checks import problems_of
from domain.requests.import_state import as_ignored, without_effect
from domain.requests.kohya.datasets import names_in
from domain.requests.kohya.folders import repeats_of, subjects_of
from domain.requests.kohya.request import KohyaImport, import_settings, import_window
from domain.requests.kohya.settings import KNOWN
from domain.requests.kohya.syntax import Settings, Subject, parse_toml
from domain.requests.kohya.window import RENAMED, is_window
from domain.requests.missing_prompts import MISSING, missing
from domain.requests.presets import PRESETS
from domain.requests.request_json import (
    MAX_PROBLEMS,
    OF_REQUEST,
    RequestRefusedError,
    doubled,
    parse_list,
    parse_object,
    problem_of,
)
from domain.requests.subjects import subjects_in
from domain.requests.tools.avatar_config import import_avatar, is_avatar
from domain.requests.tools.foreign import read_foreign
from domain.requests.tools.recognition import is_dataset_config, tool_of, undashed
from domain.requests.tools.shell_script import parse_script
from domain.requests.tools.simpletuner import Beside
from domain.requests.tools.translation import ForeignRequest
from domain.requests.tools.yaml_syntax import parse_yaml

NAMED: dict[str, Origin] = {
    AVATAR_FILE: "config.json",
    CONSENT_FILE: "consent.json",
    JUMPSTART_FILE: "dataset_info.json",
}
"""Kind of each settings file that is known by its name."""

FileKind = Origin | Literal["backends", "lycoris"]
"""Kind of a settings file; the last two are files that SimpleTuner's config.json names."""

NOT_KOHYAS: frozenset[Tool | None] = frozenset({"simpletuner", "onetrainer", "ai-toolkit"})
"""Tools whose settings may be TOML; other TOML files are kohya's, whose names diffusers shares."""


OF_NOBODY = "Nothing in the file says which tool wrote it. Remove it, or write request.json."

OF_A_MACHINE = (
    "It is accelerate's configuration of a machine, and says nothing of a training. Remove it: the "
    "stack's operator chooses machines."
)

NOWHERE = object()
"""No value of a document."""

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
    merge = _Merge(sources.photos)
    merge.add_request(sources.request)
    bodies = of_kinds(sources.settings)
    if "consent.json" in bodies:
        merge.add_consent(bodies["consent.json"][0])
    merge.add_files(bodies)
    if "dataset_info.json" in bodies:
        merge.add_dataset_info(bodies["dataset_info.json"][0])
    merge.add_folder()
    merge.add_preset()
    merge.add_assumed()
    return merge.finish()


def parse_request(body: bytes) -> MergedRequest:
    """Return the request of request.json alone.

    Raises:
        RequestRefusedError: with every problem at once.
    """
    return merge_sources(RequestSources(body, {}, ()))


def of_kinds(settings: Mapping[str, bytes]) -> dict[FileKind, list[bytes]]:
    """Return the files by kind: one of each, but two TOML files may complete each other.

    Raises:
        RequestRefusedError: there are too many files of one kind.
    """
    found: dict[FileKind, list[bytes]] = {}
    for name, body in settings.items():
        found.setdefault(kind_of(name), []).append(body)
    for kind, bodies in found.items():
        if len(bodies) > (2 if kind == "toml" else 1):
            raise _too_many(kind)
    return found


def kind_of(name: str) -> FileKind:
    """Return the kind of a settings file.

    >>> kind_of("set.zip/Config.json"), kind_of("config/kohya.toml"), kind_of("job.yml")
    ('config.json', 'toml', 'yaml')
    """
    file = PurePosixPath(name).name.lower()
    if file.endswith(TOML_SUFFIX):
        return "toml"
    if file.endswith(YAML_SUFFIXES):
        return "yaml"
    if file.endswith(SCRIPT_SUFFIX):
        return "sh"
    if file.startswith(BACKENDS_STEM):
        return "backends"
    return "lycoris" if file == LYCORIS_FILE else NAMED[file]


def joined(bodies: Sequence[bytes]) -> Settings:
    """Return the content of kohya's TOML files: of one, or of settings and their dataset_config.

    Raises:
        RequestRefusedError: a file is not TOML, or nothing says which of two counts.
    """
    contents = [
        {undashed(name): value for name, value in parse_toml(body).items()} for body in bodies
    ]
    if len(contents) == 1:
        return contents[0]
    datasets = [content for content in contents if isinstance(content.get("datasets"), list)]
    if len(datasets) != 1 or set(datasets[0]) - {"datasets", "general"}:
        raise _too_many("toml")
    (training,) = (content for content in contents if content is not datasets[0])
    return training | datasets[0]


def is_of_scripts(toml: Settings) -> bool:
    """Return whether a TOML file may be kohya's: it has a name of theirs, or no name at all."""
    named = names_in(toml)
    return not named or bool(named & set(KNOWN))


def is_kohyas(origin: Origin, given: Settings) -> bool:
    """Return whether a document is the command of one of kohya's scripts."""
    return origin == "sh" and tool_of(given, origin) == "kohya"


def _too_many(kind: FileKind) -> RequestRefusedError:
    shown = {"backends": f"{BACKENDS_STEM}.json", "lycoris": LYCORIS_FILE}.get(kind, kind)
    more = "; two count if one of them is a dataset_config" if kind == "toml" else ""
    message = f"The upload holds more than one {shown} file; keep one{more}."
    return RequestRefusedError([RequestProblem(field="", message=message)])


class _Merge:
    """The state of a merge: fields so far, their sources, problems, reports."""

    def __init__(self, photos: Sequence[str]) -> None:
        self.photos = photos
        self.subject: Subject | None = None
        self.fields: dict[str, Any] = {}
        self.renamed: dict[str, str] = {}
        self.theirs: dict[str, str] = {}
        self.own: frozenset[str] = frozenset()
        """The fields that request.json gives under our names or their aliases."""
        self.origins: dict[str, Origin] = {}
        self.imported: list[ImportReport] = []
        self.foreign: list[ForeignRequest] = []
        self.toml: Settings | None = None
        """kohya's TOML, until a document of kohya_ss takes the datasets in it."""
        self.kohya_request: Settings | None = None
        """request.json, if kohya_ss or a user of its scripts has written it."""
        self.problems: list[RequestProblem] = []

    def add_request(self, body: bytes | None) -> None:
        """Add request.json, whose fields go before all others."""
        given = {} if body is None else parse_object(body)
        tool = tool_of(given)
        if tool == "kohya":
            own = set(OF_REQUEST) & set(given) - set(KNOWN) - set(RENAMED)
            self.kohya_request = {n: v for n, v in given.items() if n not in own}
            self.add_own({name: given[name] for name in own})
        elif tool is None or tool == "avatar":
            self.add_own(given)
        else:
            self.add_foreign(read_foreign(given, tool))
            self.renamed = {their: our for our, their in self.theirs.items() if their != our}
        if isinstance(run := self.fields.get("run"), dict):
            self.fields["run"] = self.rename_run(run)
        self.choose_subject()

    def add_own(self, given: Mapping[str, Any]) -> None:
        """Add a request with our names and their aliases; several subjects give its prompts."""
        self.renamed = {name: ALIASES[name] for name in given if name in ALIASES}
        self.problems += doubled(given, self.renamed)
        self.theirs = {our: their for their, our in self.renamed.items()}
        fields = {self.renamed.get(name, name): value for name, value in given.items()}
        self.fields = with_first_subject(fields)
        self.own = frozenset(self.fields)

    def rename_run(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``run`` with our names in place of SageMaker's."""
        renamed = {name: RUN_ALIASES[name] for name in run if name in RUN_ALIASES}
        self.problems += doubled(run, renamed, "run.")
        paths = {f"run.{their}": f"run.{our}" for their, our in renamed.items()}
        self.renamed |= paths
        self.theirs |= {our: their for their, our in paths.items()}
        return {renamed.get(name, name): value for name, value in run.items()}

    def fill(self, fields: Mapping[str, Any], origin: Origin | None) -> None:
        """Add the fields that no stronger source gives; a sweep gives the fields it varies."""
        sweep = self.fields.get("sweep")
        tried = set(sweep) if isinstance(sweep, dict) else set()
        for name, value in fields.items():
            if name not in self.fields and name not in tried:
                self.fields[name] = value
                if origin is not None:
                    self.origins[name] = origin

    def add_files(self, bodies: Mapping[FileKind, Sequence[bytes]]) -> None:
        """Add the settings files of other tools, in the order of their strength."""
        beside = Beside(
            parse_list(bodies["backends"][0]) if "backends" in bodies else None,
            parse_object(bodies["lycoris"][0]) if "lycoris" in bodies else None,
        )
        documents: list[tuple[Origin, dict[str, Any]]] = []
        if "config.json" in bodies:
            documents.append(("config.json", parse_object(bodies["config.json"][0])))
        if "yaml" in bodies:
            documents.append(("yaml", parse_yaml(bodies["yaml"][0])))
        if "sh" in bodies:
            documents.append(("sh", parse_script(bodies["sh"][0])))
        self.toml = joined(bodies["toml"]) if "toml" in bodies else None
        if self.toml is not None and tool_of(self.toml, "toml") in NOT_KOHYAS:
            documents.append(("toml", self.toml))
            self.toml = None
        documents = self.without_parts(documents)
        if not beside.is_empty() and not documents:
            documents.append(("config.json", {}))
        if self.kohya_request is not None:
            self.add_window(None, self.kohya_request)
        for origin, given in documents:
            self.add_document(origin, given, beside)
        if self.toml is not None and is_of_scripts(self.toml):
            self.add_kohya("toml", partial(import_settings, self.toml))
        elif self.toml is not None:
            self.problems.append(RequestProblem(field="toml", message=OF_NOBODY))

    def without_parts(
        self, documents: Sequence[tuple[Origin, dict[str, Any]]]
    ) -> list[tuple[Origin, dict[str, Any]]]:
        """Return the documents without those that are one set of sd-scripts' settings together.

        These are a command, a TOML file that it names and whose settings it goes before, and a
        dataset_config, also as JSON. One that is alone is a document like the others.
        """
        parts = [pair for pair in documents if is_dataset_config(pair[1]) or is_kohyas(*pair)]
        if len(parts) + (self.toml is not None) + (self.kohya_request is not None) < 2:  # noqa: PLR2004
            return list(documents)
        for _, part in reversed(parts):
            if self.toml is not None and "datasets" in self.toml and "datasets" in part:
                message = "Given in two files. Keep one."
                self.problems.append(RequestProblem(field="datasets", message=message))
            self.toml = (self.toml or {}) | part
        return [pair for pair in documents if pair not in parts]

    def add_document(self, origin: Origin, given: dict[str, Any], beside: Beside) -> None:
        """Add a document of the tool that its names tell."""
        tool = tool_of(given, origin)
        if not beside.is_empty() and tool in {None, "diffusers"}:
            tool = "simpletuner"
        if tool == "kohya":
            self.add_window(origin, given)
        elif origin == "config.json" and (tool == "avatar" or (tool is None and is_avatar(given))):
            self.add_avatar(given)
        elif tool is None or tool == "avatar":
            message = OF_A_MACHINE if "distributed_type" in given else OF_NOBODY
            self.problems.append(RequestProblem(field=origin, message=message))
        else:
            self.add_foreign(read_foreign(given, tool, beside), origin)

    def add_foreign(self, found: ForeignRequest, origin: Origin | None = None) -> None:
        """Add a translated document; no origin: it is request.json."""
        self.foreign.append(found)
        self.imported.append(found.report)
        self.problems += found.problems
        self.theirs = found.theirs | self.theirs
        self.fill(found.fields, origin)

    def add_window(self, origin: Origin | None, given: Settings) -> None:
        """Add a document with kohya's names; no origin: it is request.json."""
        given = {undashed(name): value for name, value in given.items()}
        if not is_window(given):
            self.add_kohya(origin, partial(import_settings, given))
            return
        datasets = None
        if self.toml is not None and "datasets" in self.toml:
            datasets, self.toml = self.toml, None
        self.add_kohya(origin, partial(import_window, given, datasets))

    def choose_subject(self) -> None:
        """Choose the subjects that the folders name, unless the request does."""
        if {"trigger_word", "subjects"} & set(self.fields):
            return
        found = subjects_of(self.photos)
        prompt = self.fields.get("instance_prompt")
        if prompt is not None:  # it may contain the folder's trigger word
            named = not isinstance(prompt, str) or names_subject(prompt, DEFAULT_TRIGGER_WORD)
            found = {one for one in found if not named and names_subject(str(prompt), one[0])}
        if len(found) > 1 and prompt is not None:
            message = (
                "The folders name more than one subject, and the prompt is about all of them. "
                "Remove it, or give each subject its own prompts in subjects."
            )
            self.problems.append(RequestProblem(field="instance_prompt", message=message))
        elif len(found) > 1:
            listed = subjects_in(found, self.fields.get("preset"))
            self.fill(with_first_subject({"subjects": listed}), "folder")
        self.subject = Subject(1, *found.pop()) if len(found) == 1 else None

    def add_consent(self, body: bytes) -> None:
        """Add consent.json; a consent in request.json beside it must be the same."""
        consent = parse_object(body)
        if self.fields.get("consent", consent) != consent:
            message = "Given twice: in request.json, and otherwise in consent.json. Keep one."
            self.problems.append(RequestProblem(field="consent", message=message))
        self.fill({"consent": consent}, "consent.json")

    def add_avatar(self, given: dict[str, Any]) -> None:
        """Add the avatar guidance's config.json."""
        found = import_avatar(given)
        self.theirs = found.theirs | self.theirs
        self.fill(found.fields, "config.json")
        self.imported.append(found.report)

    def add_kohya(self, origin: Origin | None, read: KohyaReader) -> None:
        """Add a file of kohya's; the request may name the subject where no folder does."""
        subject = self.subject
        if subject is None and {"instance_prompt", "trigger_word"} & set(self.fields):
            subject = Subject(1, str(self.fields.get("trigger_word", DEFAULT_TRIGGER_WORD)))
        try:
            found = read(subject, sum(repeats_of(photo) for photo in self.photos))
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

    def add_folder(self) -> None:
        """Add the fields from a folder's name."""
        if self.subject is None:
            return
        word = self.subject.class_word
        fields: dict[str, Any] = {"trigger_word": self.subject.trigger_word}
        if "preset" not in self.fields or word is not None:
            fields["instance_prompt"] = " ".join(filter(None, ("a photo of TOK", word)))
            fields["class_prompt"] = f"a photo of a {word}" if word else "a photo"
        self.fill(fields, "folder")

    def add_preset(self) -> None:
        """Add the fields of the preset, if it exists."""
        preset = self.fields.get("preset")
        self.fill(PRESETS.get(preset, {}) if isinstance(preset, str) else {}, "preset")

    def add_assumed(self) -> None:
        """Add what another tool's document leaves out, if no other source gives it."""
        for found in self.foreign:
            assumed = {n: v for n, v in found.assumed.items() if n not in self.fields}
            self.fields |= assumed
            settings = tuple(
                ImportedSetting(name=name, ours=name, note=found.notes.get(name, ""))
                for name in assumed
            )
            place = self.imported.index(found.report)
            report = found.report.model_copy(update={"assumed": settings})
            self.imported[place] = self.without_useless(found, report)

    def without_useless(self, found: ForeignRequest, report: ImportReport) -> ImportReport:
        """Drop the fields of a document that have no effect beside what it leaves out."""
        for ours, why in without_effect(self.fields).items():
            if ours not in self.own and self.fields[ours] == found.fields.get(ours, NOWHERE):
                del self.fields[ours]
                self.origins.pop(ours, None)
                name = found.theirs.get(ours, ours)
                report = as_ignored(report, name, f"It has no effect {why}.")
        return report

    def finish(self) -> MergedRequest:
        """Return the request.

        Raises:
            RequestRefusedError: there are problems.
        """
        try:
            request = TrainingRequest.model_validate(self.fields)
        except ValidationError as error:
            details = error.errors(include_url=False)
            self.problems += [self.problem(detail) for detail in details]
        else:
            self.problems += problems_of(request, self.photos, self.own, self.theirs)
        if self.problems:
            raise RequestRefusedError(self.problems[:MAX_PROBLEMS])
        return MergedRequest(request, self.renamed, self.origins, tuple(self.imported))

    def problem(self, detail: ErrorDetails) -> RequestProblem:
        """Return one of pydantic's errors as a problem; a missing prompt gets its own advice."""
        field = ".".join(map(str, detail["loc"]))
        if detail["type"] == "missing" and field in MISSING:
            return RequestProblem(field=field, message=missing(field, self.photos))
        return problem_of(detail, self.theirs)
