"""Import a TOML file of kohya's scripts, or kohya_ss's JSON, as a TrainingRequest with a report.

kohya's defaults are used where ours differ in kind (rank, alpha, steps, what is trained). An
adapter's scale is alpha / rank, so it must not be guessed. Learning rates and all other settings
that the file leaves out are the base's defaults.
"""

import math
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from contracts.documents.upload.imported import ImportedSetting, ImportReport
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.documents.upload.subject import with_first_subject
from contracts.shared.limits import MAX_LEARNING_RATE, MAX_TRAIN_STEPS, SIDE_STEP
from domain.requests import kohya_settings as names
from domain.requests.kohya_arguments import is_true, optimizer_fields, pairs_of
from domain.requests.kohya_datasets import Flat, flatten
from domain.requests.kohya_gui import read_window
from domain.requests.kohya_subjects import subjects_of_subsets
from domain.requests.kohya_syntax import Settings, Subject, parse_folder, parse_toml
from domain.requests.optimizers import optimizer_named
from domain.requests.request_json import (
    MAX_PROBLEMS,
    OF_REQUEST,
    RequestRefusedError,
    printable,
)
from domain.requests.translation import MAX_SAMPLES, without_effect

ADAFACTOR = "relative_step=False: the file's rates are used. kohya's default does not use them."
PIXELS = 'Must be pixels: 1024, or "1024,1024".'


class KohyaImport(NamedTuple):
    """The request in the file, and the report on its settings."""

    request: TrainingRequest
    report: ImportReport


def import_kohya(body: bytes, subject: Subject | None, photos: int) -> KohyaImport:
    """Return the request in a TOML file; otherwise as import_settings.

    Raises:
        RequestRefusedError: with every problem at once, under the file's own names.
    """
    return import_settings(parse_toml(body), subject, photos)


def import_settings(content: Settings, subject: Subject | None, photos: int) -> KohyaImport:
    """Return the request in settings of kohya's scripts, and a report on each setting.

    Args:
        content: the settings; their sections are ignored, as kohya ignores them.
        subject: from the photos' folder; None: the file's ``class_tokens`` must name it.
        photos: number of photos, for files that count in epochs.

    Raises:
        RequestRefusedError: with every problem at once, under the file's own names.
    """
    flat = flatten(content)
    return _import(_Work(flat.given, flat.problems, flat), subject, photos)


def import_window(
    window: Settings, datasets: Settings | None, subject: Subject | None, photos: int
) -> KohyaImport:
    """Return the request in a JSON file of kohya_ss's window; otherwise as import_settings.

    Args:
        window: the file's content.
        datasets: the dataset_config beside it, which goes before the window's own folder.
        subject: see import_settings.
        photos: see import_settings.

    Raises:
        RequestRefusedError: with every problem at once, under the file's own names.
    """
    settings = read_window(window)
    flat = Flat(settings.given, [], {}, (), 1)
    if datasets is not None:
        flat = flatten({name: _as_text(v) for name, v in settings.given.items()} | datasets)
    work = _Work(flat.given, flat.problems, flat, settings.called, settings.warm_up)
    work.lists["ignored"] += [
        ImportedSetting(name=name, note=note) for name, note in settings.left.items()
    ]
    return _import(work, subject, photos)


def _import(work: "_Work", of_folder: Subject | None, photos: int) -> KohyaImport:
    work.check_types()
    work.carry_same()
    work.carry_rates()
    work.carry_sizes()
    work.carry_arguments()
    work.carry_samples()
    subject = work.subject(of_folder)
    work.carry_prior()
    work.carry_steps(subject, photos)
    work.carry_warm_up()
    work.list_others()
    work.drop_useless()
    return work.finish(subject)


@dataclass
class _Work:
    """The state of an import: settings that are left, fields so far, problems, report."""

    given: Settings
    problems: list[RequestProblem]
    file: Flat
    called: dict[str, str] = field(default_factory=dict)
    """The scripts' name -> the window's; empty for a TOML file."""
    warm_up: object = None
    """Percentage of all steps; None: not given."""
    fields: Settings = field(default_factory=dict)
    subjects: list[dict[str, Any]] = field(default_factory=list)
    """Several subjects of the request; empty: there is one."""
    theirs: dict[str, str] = field(default_factory=dict)
    """Our field -> the file's name for it."""
    lists: dict[str, list[ImportedSetting]] = field(
        default_factory=lambda: {"honoured": [], "mapped": [], "ignored": [], "assumed": []}
    )

    def check_types(self) -> None:
        """Remove empty settings, and refuse values of the wrong type."""
        for name in [name for name in self.given if name in names.KNOWN]:
            value = self.given[name]
            if value == "":  # kohya's window writes every setting, even empty ones
                self.report("ignored", name, None, "Not set.")
                del self.given[name]
                continue
            values = value if isinstance(value, tuple) else (value,)
            if not all(names.has_kind(one, names.KNOWN[name].kind) for one in values):
                self.refuse(name, f"Must be {names.KIND_NAMES[names.KNOWN[name].kind]}.")
                del self.given[name]

    def carry_same(self) -> None:
        """Copy the settings that need no translation."""
        for name, meaning in names.SAME.items():
            if name not in self.given or meaning.ours is None:
                continue
            if self.given[name] == 0 and name in names.ZERO:
                continue
            value = self.given.pop(name)
            if meaning.ours not in TrainingRequest.model_fields:
                self.report("ignored", name, None, "Not supported here.")
            elif meaning.kind == "text" and not _takes(meaning.ours, value):
                self.report("ignored", name, meaning.ours, "This value is not supported here.")
            else:
                note = self.file.notes.get(name, "")
                self.put("mapped" if note else "honoured", name, meaning.ours, value, note)
        self._carry_zeros()
        for name, value in (("network_dim", names.RANK), ("network_alpha", names.ALPHA)):
            ours = str(names.SAME[name].ours)
            if ours not in self.fields and name not in {p.field for p in self.problems}:
                self.put("assumed", name, ours, value, f"kohya's default, {value:g}.")

    def _carry_zeros(self) -> None:
        """Translate settings whose 0 means something else than the number."""
        for name in [name for name in names.ZERO if name in self.given]:
            del self.given[name]
            ours, (value, note) = str(names.SAME[name].ours), names.ZERO[name]
            value = self.fields.get("rank", names.RANK) if value is None else value
            self.put("mapped", name, ours, value, note)

    def carry_rates(self) -> None:
        """Translate what is trained, and the learning rates."""
        both, unet = self.take("learning_rate"), self.take("unet_lr")
        if unet is not None:
            self.put("honoured", "unet_lr", "learning_rate", unet)
            if both is not None:
                self.report("ignored", "learning_rate", None, "unet_lr is used instead.")
        elif both is not None:
            self.put("honoured", "learning_rate", "learning_rate", both)
        if self.take("network_train_text_encoder_only"):
            self.refuse("network_train_text_encoder_only", "The UNet is always trained.")
        text_rate = self._text_rate()
        frozen = [
            name
            for name in ("network_train_unet_only", "cache_text_encoder_outputs")
            if self.take(name)
        ]
        if frozen or text_rate == 0:
            for name in frozen or ["text_encoder_lr"]:
                self.put("mapped", name, "train_text_encoder", value=False)
            if frozen and text_rate is not None:
                self.report(
                    "ignored", "text_encoder_lr", None, "The text encoders are not trained."
                )
        elif text_rate is not None:
            self.put("honoured", "text_encoder_lr", "text_encoder_lr", text_rate)
            self.fields["train_text_encoder"] = True
        else:
            note = "kohya's default: the text encoders are trained."
            name = "network_train_unet_only"
            self.put("assumed", name, "train_text_encoder", value=True, note=note)

    def _text_rate(self) -> float | None:
        value = self.take("text_encoder_lr")
        rates = value if isinstance(value, list) else [value]
        if value is None:
            return None
        if len(set(map(str, rates))) != 1 or not names.has_kind(rates[0], "number"):
            self.refuse("text_encoder_lr", "Must be one number: the text encoders share a rate.")
            return None
        return float(rates[0])

    def carry_sizes(self) -> None:
        """Translate resolution, seed, optimiser and network module."""
        resolution = self.take("resolution")
        if isinstance(resolution, tuple):
            self._carry_resolutions(resolution)
        elif resolution is not None:
            self._carry_resolution(resolution)
        seed = self.take("seed")
        if seed is not None and seed < 0:
            self.report("ignored", "seed", "seed", "A random seed; here the seed is always fixed.")
        elif seed is not None:
            self.put("honoured", "seed", "seed", seed)
        module = self.take("network_module")
        if module is not None and module != "networks.lora":
            self.refuse("network_module", "Only networks.lora is supported.")
        elif module is not None:
            self.report("honoured", "network_module", None, "LoRA.")
        optimizer = self.take("optimizer_type")
        eight_bit = self.take("use_8bit_adam")
        if optimizer is not None and eight_bit:
            self.report("ignored", "use_8bit_adam", None, "optimizer_type is used instead.")
        if optimizer is not None or eight_bit:
            name = "optimizer_type" if optimizer is not None else "use_8bit_adam"
            self._carry_optimizer(name, str(optimizer or "AdamW8bit"))

    def _carry_optimizer(self, name: str, optimizer: str) -> None:
        found = optimizer_named(optimizer)
        if found is None:
            self.report("ignored", name, None, names.ADAMW)
        elif found.value == "adamw":
            self.report("honoured", name, None, "AdamW.")
        else:
            self.put("mapped", name, found.field, found.value, found.note)

    def _carry_resolutions(self, values: tuple[object, ...]) -> None:
        """Translate the datasets' sides: every photo is trained at each of them."""
        read = [_sides(value) for value in values]
        if None in read:
            self.refuse("resolution", PIXELS)
            return
        sides = sorted({min(s) - min(s) % SIDE_STEP for s in read if s is not None}, reverse=True)
        note = f"Every photo is trained at each side: {', '.join(map(str, sides))}."
        self.put("mapped", "resolution", "resolution", sides[0], note)
        if len(sides) > 1:
            self.fields["resolutions"] = tuple(sides)
            self.theirs["resolutions"] = "resolution"

    def _carry_resolution(self, value: object) -> None:
        sides = _sides(value)
        if sides is None:
            self.refuse("resolution", PIXELS)
            return
        width, height = sides
        shorter = min(width, height)
        side = shorter - shorter % SIDE_STEP
        note = "" if width == height else "Photos become squares of the shorter side."
        if side != shorter:
            note = f"{note} Sides are multiples of {SIDE_STEP}: {side}.".strip()
        kind = "honoured" if width == height == side == value else "mapped"
        self.put(kind, "resolution", "resolution", side, note)

    def subject(self, of_folder: Subject | None) -> Subject:
        """Return the subject of the photos: from their folder, else from class_tokens."""
        tokens, repeats = self.take("class_tokens"), self.take("num_repeats")
        if of_folder is None and isinstance(tokens, tuple):
            return self._several_subjects()
        if of_folder is None and isinstance(repeats, tuple):
            message = (
                "The subsets differ. Put the photos into folders like 60_dwjz, or give one number."
            )
            self.refuse("num_repeats", message)
            repeats = repeats[0]
        named = parse_folder(f"{repeats or 1}_{tokens}") if tokens is not None else None
        if of_folder is not None:
            for name, value in (("class_tokens", tokens), ("num_repeats", repeats)):
                if value is not None:
                    self.report("ignored", name, None, "The folder's name is used instead.")
            return of_folder
        if named is None:
            where = "class_tokens" if tokens is not None else ""
            message = "Name the photos' folder <repeats>_<trigger word>, for example 60_dwjz."
            self.refuse(where, message)
            return Subject(1, "sks")
        self.report("mapped", "class_tokens", "trigger_word")
        if repeats is not None:
            self.report(
                "mapped",
                "num_repeats",
                "max_train_steps",
                "It counts together with max_train_epochs.",
            )
        return named

    def _several_subjects(self) -> Subject:
        """Map the subjects that the subsets name; return the first, with all photos' repeats."""
        found = subjects_of_subsets(self.file.subsets)
        if isinstance(found, str):
            self.refuse("class_tokens", found)
            return Subject(1, "sks")
        self.subjects = found.fields
        places = ", ".join(str(one["folder"]) for one in found.fields)
        self.report("mapped", "class_tokens", "subjects", f"Photos of each lie in: {places}.")
        return Subject(found.repeats, str(found.fields[0]["trigger_word"]))

    def carry_prior(self) -> None:
        """Translate regularisation images to prior preservation; kohya's default is without."""
        asked = [name for name in ("reg_data_dir", "is_reg") if self.take(name)]
        if asked:
            note = "Class images are drawn by the base model."
            for name in asked:
                self.put("mapped", name, "with_prior_preservation", value=True, note=note)
            for name in self.file.of_class:
                if name != "is_reg":
                    self.report("ignored", f"{printable(name)} (class images)", None, note)
            return
        note = "kohya's default: no regularisation images."
        self.put("assumed", "reg_data_dir", "with_prior_preservation", value=False, note=note)

    def carry_steps(self, subject: Subject, photos: int) -> None:
        """Convert epochs to steps as kohya does; epochs go before max_train_steps."""
        epochs = self.take("max_train_epochs")
        if epochs is None:
            if "max_train_steps" not in self.fields:
                note = f"kohya's default, {names.STEPS}."
                self.put("assumed", "max_train_steps", "max_train_steps", names.STEPS, note)
            return
        if "max_train_steps" in self.fields:
            self.drop("honoured", "max_train_steps")
            self.report("ignored", "max_train_steps", None, "max_train_epochs is used instead.")
        in_a_step = _positive(self.fields.get("train_batch_size"))
        in_a_step *= _positive(self.fields.get("gradient_accumulation_steps"))
        of_class = 2 if self.fields["with_prior_preservation"] else 1
        draws = photos * self.file.passes * subject.repeats
        an_epoch = math.ceil(draws * of_class / in_a_step)
        note = f"{draws:g} draws of photos an epoch: {an_epoch} steps."
        self.put("mapped", "max_train_epochs", "max_train_steps", an_epoch * epochs, note)

    def carry_warm_up(self) -> None:
        """Convert a warm-up that is a share of all steps to steps."""
        percent, steps = self.warm_up, self.fields.get("max_train_steps", names.STEPS)
        share = self.fields.get("lr_warmup_steps")
        if isinstance(share, float) and 0 < share < 1 and isinstance(steps, int):
            self.drop("honoured", "lr_warmup_steps")
            note = f"{share:g} of {steps} steps."
            warm_up = round(min(max(steps, 1), MAX_TRAIN_STEPS) * share)
            self.put("mapped", "lr_warmup_steps", "lr_warmup_steps", warm_up, note)
        if percent is None:
            return
        if percent == "":
            self.report("ignored", "lr_warmup", None, "Not set.")
        elif "lr_warmup_steps" in self.fields:
            self.report("ignored", "lr_warmup", None, "lr_warmup_steps is used instead.")
        elif self.fields.get("lr_scheduler") == "constant":
            self.report("ignored", "lr_warmup", None, "constant has no warm-up.")
        elif isinstance(percent, int | float) and isinstance(steps, int) and 0 <= percent <= 100:  # noqa: PLR2004 - per cent
            # Too few or too many steps are refused under their own name.
            steps = min(max(steps, 1), MAX_TRAIN_STEPS)
            note = f"{percent:g} % of {steps} steps."
            self.put("mapped", "lr_warmup", "lr_warmup_steps", round(steps * percent / 100), note)
        else:
            self.refuse("lr_warmup", "Must be a percentage, 0 to 100.")

    def carry_arguments(self) -> None:
        """Translate what kohya's scripts take as ``name=value`` lists."""
        for name in ("optimizer_args", "network_args"):
            given = self.take(name)
            pairs = {} if given is None else pairs_of(given)
            if pairs is None:
                self.refuse(name, 'Must be name=value pairs: ["weight_decay=0.01"].')
            elif name == "optimizer_args":
                self._carry_optimizer_args(pairs, is_given=given is not None)
            elif given is not None:
                self._carry_network_args(pairs)

    def _carry_optimizer_args(self, pairs: dict[str, str], *, is_given: bool) -> None:
        name, fields = "optimizer_args", optimizer_fields(pairs)
        if fields is None:
            self.refuse(name, "weight_decay and betas must be numbers.")
            return
        if self.fields.get("optimizer") == "adafactor":
            self._carry_relative_step(pairs)
        if not is_given:
            return
        unused = [one for one in pairs if one not in ("weight_decay", "betas")]
        note = f"Not used: {printable(', '.join(unused))}." if unused else ""
        self.fields |= fields
        self.theirs |= dict.fromkeys(fields, name)
        if fields:
            used = " and ".join(one for one in ("weight_decay", "betas") if one in pairs)
            self.report("mapped", name, next(iter(fields)), f"{used}. {note}".strip())
        else:
            self.report("ignored", name, None, note or "Not set.")

    def _carry_relative_step(self, pairs: dict[str, str]) -> None:
        """Drop the rates where kohya's Adafactor is told to find its own.

        That is kohya's default too, but who gives a rate without the argument mostly means it. No
        rate above the largest is meant.
        """
        rates = [self.fields.get(ours) or 0 for ours in ("learning_rate", "text_encoder_lr")]
        relative = is_true(pairs, "relative_step", default=max(rates) > MAX_LEARNING_RATE)
        if not relative and not is_true(pairs, "warmup_init", default=False):
            if "relative_step" not in pairs and any(rates):
                self.report("assumed", "optimizer_args", None, ADAFACTOR)
            return
        note = "Adafactor's relative_step does not use it; the base's default is used."
        for ours in ("learning_rate", "text_encoder_lr"):
            if ours in self.fields:
                self.take_back(ours, note)

    def _carry_network_args(self, pairs: dict[str, str]) -> None:
        ratio = pairs.get("loraplus_lr_ratio")
        unused = [one for one in pairs if one != "loraplus_lr_ratio"]
        note = f"Not used: {printable(', '.join(unused))}." if unused else ""
        if ratio is None:
            self.report("ignored", "network_args", None, note or "Not set.")
            return
        try:
            self.put("mapped", "network_args", "loraplus_lr_ratio", float(ratio), note)
        except ValueError:
            self.refuse("network_args", "loraplus_lr_ratio must be a number.")

    def carry_samples(self) -> None:
        """Translate the window's sample prompts; the scripts name a file instead."""
        value = self.take("sample_prompts")
        if value is None:
            return
        if not self.called or not isinstance(value, str):
            self.report("ignored", "sample_prompts", None, names.SAVING)
            return
        lines = [line.split(" --")[0].strip() for line in value.splitlines()]
        prompts = [line for line in lines if line and not line.startswith(("#", "--"))]
        if not prompts:
            self.report("ignored", "sample_prompts", None, "Not set.")
            return
        note = f"The first {MAX_SAMPLES} prompts count." if len(prompts) > MAX_SAMPLES else ""
        self.put("mapped", "sample_prompts", "sample_prompts", prompts[:MAX_SAMPLES], note)

    def drop_useless(self) -> None:
        """Drop what has no effect beside the others; the window writes every setting."""
        for ours, why in without_effect(self.fields).items():
            self.take_back(ours, f"It has no effect {why}.")

    def take_back(self, ours: str, why: str) -> None:
        """Take a field back, and report its setting as ignored."""
        del self.fields[ours]
        theirs = self.theirs.pop(ours, ours)
        shown = self.called.get(theirs, theirs)
        for kind, settings in self.lists.items():
            self.lists[kind] = [s for s in settings if s.name != shown]
        self.report("ignored", theirs, None, why)

    def list_others(self) -> None:
        """List the settings without effect, each with the reason.

        A setting of another name that kohya has a name for would count nowhere, so it is refused.
        """
        for name in self.given:
            if name not in names.KNOWN and (own := names.NAME_OF.get(OF_REQUEST.get(name, ""))):
                self.refuse(name, f"Is no name of kohya's scripts. Write {own}.")
            elif name in names.SPECIAL:  # false flags
                self.report("ignored", name, None, "Switched off.")
            elif name in names.KNOWN:
                self.report("ignored", name, None, names.KNOWN[name].note)
            else:
                known = [] if self.called else names.KNOWN  # the window's names are no mistakes
                near = get_close_matches(name, known, n=1, cutoff=0.8)
                hint = f"; did you mean {near[0]}?" if near else "."
                self.report("ignored", printable(name), None, f"Unknown here{hint}")

    def finish(self, subject: Subject) -> KohyaImport:
        """Return the request and the report.

        Raises:
            RequestRefusedError: there are problems.
        """
        class_word = subject.class_word
        prompts = (
            with_first_subject({"subjects": self.subjects})
            if self.subjects
            else {
                "instance_prompt": " ".join(
                    filter(None, ["a photo of", subject.trigger_word, class_word])
                ),
                "class_prompt": f"a photo of a {class_word}" if class_word else "a photo",
                "trigger_word": subject.trigger_word,
            }
        )
        try:
            request = TrainingRequest.model_validate({**prompts, **self.fields})
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                message = detail["msg"].removeprefix("Value error, ").rstrip(".") + "."
                first = message.split(" ", 1)[0]  # of a rule on several fields
                named = first if first in TrainingRequest.model_fields else ""
                ours = str(next(iter(detail["loc"]), named))
                self.refuse(self.theirs.get(ours, ours), message[:300])
        if self.problems:
            raise RequestRefusedError(self.problems[:MAX_PROBLEMS])
        lists = {kind: tuple(settings) for kind, settings in self.lists.items()}
        return KohyaImport(request, ImportReport(tool="kohya", **lists))

    def take(self, name: str) -> Any:  # noqa: ANN401 - a TOML value
        """Remove and return a setting; None when it is absent or false (a false flag stays)."""
        if self.given.get(name) is False:
            return None
        return self.given.pop(name, None)

    def put(self, kind: str, name: str, ours: str, value: object, note: str = "") -> None:
        """Set a field of the request; two settings for one field must agree."""
        if ours in self.fields and self.fields[ours] != value:
            self.refuse(name, f"{self.theirs.get(ours, ours)} has another value.")
        self.fields[ours] = value
        self.theirs[ours] = name
        self.report(kind, name, ours, note)

    def report(self, kind: str, name: str, ours: str | None, note: str = "") -> None:
        """List a setting in the report."""
        name = self.called.get(name, name)
        self.lists[kind].append(ImportedSetting(name=name, ours=ours, note=note))

    def drop(self, kind: str, name: str) -> None:
        """Undo ``put``."""
        theirs = self.called.get(name, name)
        self.lists[kind] = [setting for setting in self.lists[kind] if setting.name != theirs]
        self.fields.pop(str(names.KNOWN[name].ours), None)

    def refuse(self, name: str, message: str) -> None:
        """Add a problem."""
        theirs = printable(self.called.get(name, name))
        self.problems.append(RequestProblem(field=theirs, message=message))


def _as_text(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Return a value of the window that is no section, so that it is not opened as one."""
    is_list_of_tables = isinstance(value, list) and any(isinstance(one, dict) for one in value)
    return repr(value) if isinstance(value, dict) or is_list_of_tables else value


def _takes(ours: str, value: object) -> bool:
    try:
        TypeAdapter(TrainingRequest.model_fields[ours].annotation).validate_python(value)
    except ValidationError:
        return False
    return True


def _sides(value: object) -> tuple[int, int] | None:
    """Return width and height in pixels; None for what is neither a side nor two."""
    sides = value if isinstance(value, list) else str(value).split(",")
    try:
        width, height = (int(str(side)) for side in (*sides, *sides[-1:])[:2])
    except ValueError:
        return None
    return (width, height) if max(width, height) <= names.MAX_NUMBER else None


def _positive(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 1
