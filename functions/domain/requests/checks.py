"""What is wrong with a merged request, beyond what the contract says.

Stored documents may contain such a prompt or number, so the contract itself accepts them.
"""

from collections.abc import Collection, Mapping, Sequence

from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.words.prompts import likely_trigger, names_subject
from domain.requests.no_effect import endless_warm_up, numbers_without_effect
from domain.requests.subjects import folder_problems

SUBJECT_IN_CLASS = (
    "Names the subject: it contains the trigger word or a placeholder. Describe what the subject is"
    " one of without them, such as: a photo of a person."
)


def problems_of(
    request: TrainingRequest,
    photos: Sequence[str],
    own: Collection[str],
    theirs: Mapping[str, str],
) -> list[RequestProblem]:
    """Return the problems of a request whose fields are all valid.

    Args:
        request: the merged request.
        photos: names of the photos, with their folders.
        own: the fields that request.json gives.
        theirs: our field -> the name that the owner used for it, where the two differ.
    """
    found = _without_subject(request)
    problems = [] if found else folder_problems(request, photos)
    found |= _subject_in_class(request) | numbers_without_effect(request)
    endless = endless_warm_up(request)
    if endless is not None and "lr_warmup_steps" in own:  # other tools train with such a one
        found["lr_warmup_steps"] = endless
    return [
        *(RequestProblem(field=theirs.get(name, name), message=why) for name, why in found.items()),
        *problems,
    ]


def _without_subject(request: TrainingRequest) -> dict[str, str]:
    """Return the reason if the instance prompt does not name the subject."""
    trigger = request.trigger_word
    if names_subject(request.instance_prompt, trigger):
        return {}
    meant = likely_trigger(request.instance_prompt, request.class_prompt)
    return {"instance_prompt": nameless(trigger, meant)}


def _subject_in_class(request: TrainingRequest) -> dict[str, str]:
    """Return the reason if class images would be drawn, or learnt, as pictures of the subject."""
    draws = request.with_prior_preservation and request.adapter_file is None
    trigger = request.trigger_word
    if not draws or request.subjects or not names_subject(request.class_prompt, trigger):
        return {}
    return {"class_prompt": SUBJECT_IN_CLASS}


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
