"""Subject: one of several people or things that a single adapter learns, each by its own word."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from contracts.document import Document
from contracts.documents.upload.consent import Consent
from contracts.shared.limits import MAX_TRAINED_CHARACTERS
from contracts.shared.words.picture_texts import read_text
from contracts.shared.words.prompts import has_placeholder, name_subject, names_subject
from contracts.shared.words.triggers import composed, trigger_problem


def _read(given: object) -> object:
    return read_text(given) if isinstance(given, str) else given


Prompt = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_TRAINED_CHARACTERS),
    BeforeValidator(_read),
]
"""Input of a text encoder. It is user text, so it is data and never a name."""


def _trigger(text: str) -> str:
    """Return a trigger word in composed form.

    Raises:
        ValueError: the text is no trigger word.
    """
    word = composed(text)
    problem = trigger_problem(word)
    if problem is not None:
        raise ValueError(problem)
    return word


TriggerWord = Annotated[str, Field(min_length=2, max_length=72), AfterValidator(_trigger)]
"""What names the subject in prompts; contracts/shared/words/triggers.py has its rule.

Its length is that of a text that is not composed yet.
"""

FolderName = Annotated[
    str, StringConstraints(pattern=r"^[^/\\\x00-\x1f\x7f]{1,64}$"), AfterValidator(composed)
]
"""The user's name for a folder of the upload: compared with names, never part of a key we make."""


class Subject(Document):
    """One of several subjects of an upload; docs/training.md#several-subjects."""

    trigger_word: TriggerWord
    """Rare words that name this subject, and no other one, in prompts."""

    instance_prompt: Prompt
    """Describes this subject, which its trigger word or a placeholder names."""

    class_prompt: Prompt
    """Describes its class; subjects with equal class prompts share their class images."""

    folder: FolderName | None = None
    """Name of the folder that holds its photos; absent: the trigger word, or a folder of kohya's
    form with that word, such as ``10_anna woman``."""

    consent: Consent | None = None
    """Consent of this person; required where the stack says so. Each person gives their own."""

    @property
    def folder_name(self) -> str:
        """Name of the folder that holds its photos, in whatever case."""
        return self.folder or self.trigger_word

    @model_validator(mode="after")
    def _named(self) -> "Subject":
        if not names_subject(self.instance_prompt, self.trigger_word):
            message = "instance_prompt contains neither the subject's trigger_word nor TOK"
            raise ValueError(message)
        return self


FIRST = ("trigger_word", "instance_prompt", "class_prompt")
"""Fields of a request that are the first subject's where it has several."""


def with_first_subject(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request's fields with those of its first subject, if it has several.

    >>> with_first_subject({"subjects": [{"trigger_word": "zwx"}], "rank": 4})["trigger_word"]
    'zwx'
    """
    listed = fields.get("subjects")
    first = listed[0] if isinstance(listed, list | tuple) and listed else {}
    own = first.model_dump() if isinstance(first, Subject) else first
    if not isinstance(own, Mapping):
        return dict(fields)
    return {name: own[name] for name in FIRST if name in own} | dict(fields)


def problem_among(subjects: Sequence[Subject]) -> str | None:
    """Return why several subjects cannot be told apart by their prompts; None if they can."""
    words = [subject.trigger_word for subject in subjects]
    for place, subject in enumerate(subjects):
        others = [word for other, word in enumerate(words) if other != place]
        own = f"subjects.{place}"
        if any(names_subject(word, subject.trigger_word) for word in others):
            return f"{own}.trigger_word is another subject's too, or a part of it"
        prompt = name_subject(subject.instance_prompt, subject.trigger_word)
        if any(names_subject(prompt, word) for word in others):
            return f"{own}.instance_prompt names another subject too"
        if any(names_subject(subject.class_prompt, word) for word in words):
            return f"{own}.class_prompt names a subject; describe the class without its words"
    folders = {subject.folder_name.casefold() for subject in subjects}
    return "two subjects have the same folder" if len(folders) < len(subjects) else None


def problem_with_prompts(prompts: Iterable[str], subjects: Sequence[Subject]) -> str | None:
    """Return why sample prompts do not say which subject they show; None if they all do."""
    for place, prompt in enumerate(prompts):
        if has_placeholder(prompt):
            return f"sample_prompts.{place}: write a trigger word: TOK may be any of the subjects"
        if not any(names_subject(prompt, subject.trigger_word) for subject in subjects):
            return f"sample_prompts.{place} names none of the subjects by its trigger_word"
    return None
