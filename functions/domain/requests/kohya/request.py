"""Import a TOML file of kohya's scripts, or kohya_ss's JSON, as a TrainingRequest with a report.

kohya's defaults are used where ours differ in kind (rank, alpha, steps, what is trained). An
adapter's scale is alpha / rank, so it must not be guessed. Learning rates and all other settings
that the file leaves out are the base's defaults.
"""

from typing import Any, NamedTuple

from pydantic import ValidationError

from contracts.documents.upload.imported import ImportedSetting, ImportReport
from contracts.documents.upload.request import TrainingRequest
from contracts.documents.upload.subject import with_first_subject
from contracts.shared.limits import MAX_SAMPLE_PROMPTS
from domain.requests.hints import name_meant
from domain.requests.kohya import settings as names
from domain.requests.kohya.datasets import ARGUMENT_OF, Flat, flatten
from domain.requests.kohya.hyperparameters import carry_arguments, carry_rates, carry_sizes
from domain.requests.kohya.length import carry_prior, carry_steps, carry_warm_up
from domain.requests.kohya.network import carry_network
from domain.requests.kohya.state import KohyaState, takes
from domain.requests.kohya.subjects import find_subject
from domain.requests.kohya.syntax import Settings, Subject
from domain.requests.kohya.window import read_window
from domain.requests.request_json import MAX_PROBLEMS, OF_REQUEST, RequestRefusedError, printable


class KohyaImport(NamedTuple):
    """The request in the file, and the report on its settings."""

    request: TrainingRequest
    report: ImportReport


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
    return _import(KohyaState(problems=flat.problems, given=flat.given, file=flat), subject, photos)


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
        flat = flatten({name: as_text(v) for name, v in settings.given.items()} | datasets)
    state = KohyaState(
        problems=flat.problems,
        given=flat.given,
        file=flat,
        called=settings.called,
        warm_up=settings.warm_up,
    )
    state.lists["ignored"] += [
        ImportedSetting(name=name, note=note) for name, note in settings.left.items()
    ]
    return _import(state, subject, photos)


def _import(state: KohyaState, of_folder: Subject | None, photos: int) -> KohyaImport:
    check_types(state)
    prefer_datasets(state)
    carry_same(state)
    carry_network(state)
    carry_rates(state)
    carry_sizes(state)
    carry_arguments(state)
    carry_samples(state)
    subject = find_subject(state, of_folder)
    carry_prior(state)
    carry_steps(state, subject, photos)
    carry_warm_up(state)
    list_others(state)
    state.take_back_useless()
    return finish(state, subject)


def check_types(state: KohyaState) -> None:
    """Remove empty settings, and refuse values of the wrong type."""
    for name in [name for name in state.given if name in names.KNOWN]:
        value = state.given[name]
        if value == "":  # kohya's window writes every setting, even empty ones
            state.report("ignored", name, None, "Not set.")
            del state.given[name]
            continue
        values = value if isinstance(value, tuple) else (value,)
        if not all(names.has_kind(one, names.KNOWN[name].kind) for one in values):
            state.refuse(name, f"Must be {names.KIND_NAMES[names.KNOWN[name].kind]}.")
            del state.given[name]


def prefer_datasets(state: KohyaState) -> None:
    """Drop the arguments in whose place the datasets' own settings count, as in sd-scripts."""
    for own, argument in ARGUMENT_OF.items():
        if state.file.subsets and own in state.given and argument in state.given:
            del state.given[argument]
            state.report("ignored", argument, None, f"The datasets' {own} is used instead.")


def carry_same(state: KohyaState) -> None:
    """Copy the settings that need no translation."""
    for name, meaning in names.SAME.items():
        if name not in state.given or meaning.ours is None:
            continue
        if state.given[name] == 0 and name in names.ZERO:
            continue
        value = state.given.pop(name)
        if meaning.ours not in TrainingRequest.model_fields:
            state.report("ignored", name, None, "Not supported here.")
        elif meaning.kind == "text" and not takes(meaning.ours, value):
            state.report("ignored", name, meaning.ours, "This value is not supported here.")
        else:
            note = state.file.notes.get(name, "")
            state.put("mapped" if note else "honoured", name, meaning.ours, value, note)
    carry_zeros(state)
    for name, value in (("network_dim", names.RANK), ("network_alpha", names.ALPHA)):
        ours = str(names.SAME[name].ours)
        if ours not in state.fields and name not in {p.field for p in state.problems}:
            state.put("assumed", name, ours, value, f"kohya's default, {value:g}.")


def carry_zeros(state: KohyaState) -> None:
    """Translate settings whose 0 means something else than the number."""
    for name in [name for name in names.ZERO if name in state.given]:
        del state.given[name]
        ours, (value, note) = str(names.SAME[name].ours), names.ZERO[name]
        value = state.fields.get("rank", names.RANK) if value is None else value
        state.put("mapped", name, ours, value, note)


def carry_samples(state: KohyaState) -> None:
    """Translate the window's sample prompts; the scripts name a file instead."""
    value = state.take("sample_prompts")
    if value is None:
        return
    if not state.called or not isinstance(value, str):
        state.report("ignored", "sample_prompts", None, names.SAVING)
        return
    lines = [line.split(" --")[0].strip() for line in value.splitlines()]
    prompts = [line for line in lines if line and not line.startswith(("#", "--"))]
    if not prompts:
        state.report("ignored", "sample_prompts", None, "Not set.")
        return
    note = (
        f"The first {MAX_SAMPLE_PROMPTS} prompts count."
        if len(prompts) > MAX_SAMPLE_PROMPTS
        else ""
    )
    state.put("mapped", "sample_prompts", "sample_prompts", prompts[:MAX_SAMPLE_PROMPTS], note)


def list_others(state: KohyaState) -> None:
    """List the settings without effect, each with the reason.

    A setting of another name that kohya has a name for would count nowhere, so it is refused.
    """
    for name in state.given:
        if name not in names.KNOWN and (own := names.NAME_OF.get(OF_REQUEST.get(name, ""))):
            state.refuse(name, f"Is no name of kohya's scripts. Write {own}.")
        elif name in names.SPECIAL:  # false flags
            state.report("ignored", name, None, "Switched off.")
        elif name in names.KNOWN:
            state.report("ignored", name, None, names.KNOWN[name].note)
        else:
            known = [] if state.called else names.KNOWN  # the window's names are no mistakes
            near = name_meant(name, known)
            hint = "." if near is None else f"; did you mean {near}?"
            state.report("ignored", printable(name), None, f"Unknown here{hint}")


def finish(state: KohyaState, subject: Subject) -> KohyaImport:
    """Return the request and the report.

    Raises:
        RequestRefusedError: there are problems.
    """
    try:
        request = TrainingRequest.model_validate({**prompts_of(state, subject), **state.fields})
    except ValidationError as error:
        refuse_fields(state, error)
    if state.problems:
        raise RequestRefusedError(state.problems[:MAX_PROBLEMS])
    return KohyaImport(request, state.report_of("kohya"))


def prompts_of(state: KohyaState, subject: Subject) -> dict[str, Any]:
    """Return the fields that say what the photos show."""
    if state.subjects:
        return with_first_subject({"subjects": state.subjects})
    class_word = subject.class_word
    instance_prompt = filter(None, ["a photo of", subject.trigger_word, class_word])
    return {
        "instance_prompt": " ".join(instance_prompt),
        "class_prompt": f"a photo of a {class_word}" if class_word else "a photo",
        "trigger_word": subject.trigger_word,
    }


def refuse_fields(state: KohyaState, error: ValidationError) -> None:
    """Add pydantic's errors as problems, under the names that the file has for the fields."""
    for detail in error.errors(include_url=False):
        message = detail["msg"].removeprefix("Value error, ").rstrip(".") + "."
        first = message.split(" ", 1)[0]  # of a rule on several fields
        named = first if first in TrainingRequest.model_fields else ""
        ours = str(next(iter(detail["loc"]), named))
        state.refuse(state.theirs.get(ours, ours), message[:300])


def as_text(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Return a value of the window that is no section, so that it is not opened as one."""
    is_list_of_tables = isinstance(value, list) and any(isinstance(one, dict) for one in value)
    return repr(value) if isinstance(value, dict) or is_list_of_tables else value
