"""Parse kohya's TOML files, and folder names like ``60_dwjz``."""

import re
import tomllib
from typing import Any, NamedTuple

from contracts.documents.upload.problems import RequestProblem
from contracts.shared.words.triggers import composed, is_trigger_word, spells_words
from domain.requests.request_json import RequestRefusedError

FOLDER = re.compile(r"([0-9]{1,4})_([^ ]+)(?: (.+))?")
MAX_CLASS_CHARACTERS = 40
POSSESSIVES = frozenset({"a", "an", "her", "his", "my", "our", "the", "their", "your"})
"""``my_dog`` is a name; ``ohwx_man`` is a rare word and a class."""

EVERYDAY = frozenset({"a", "an", "the", "photo", "picture", "image", "portrait"})
"""Words that name nobody: a folder that begins with one and goes on does not say who is shown."""

Settings = dict[str, Any]


class Subject(NamedTuple):
    """The subject of the photos, from a folder's name."""

    repeats: int
    trigger_word: str
    class_word: str | None = None


def parse_folder(name: str) -> Subject | None:
    """Return the subject in a folder's name; None for a name of another form.

    The class is what comes after the first space, or without a space after the first ``_``.

    >>> parse_folder("60_dwjz"), parse_folder("10_tgr big cat").class_word, parse_folder("anna")
    (Subject(repeats=60, trigger_word='dwjz', class_word=None), 'big cat', None)
    >>> parse_folder("20_ohwx_man"), parse_folder("20_my_dog").trigger_word
    (Subject(repeats=20, trigger_word='ohwx', class_word='man'), 'my_dog')
    >>> parse_folder("5_my dog").trigger_word, parse_folder("5_the dog")
    ('my dog', None)
    """
    found = FOLDER.fullmatch(composed(name).strip())
    if found is None or int(found[1]) == 0:
        return None
    trigger, class_word = found[2], found[3]
    if class_word is None:
        trigger, class_word = _split(trigger)
    elif trigger.casefold() in EVERYDAY:
        return None
    elif trigger.casefold() in POSSESSIVES:
        trigger, class_word = f"{trigger} {class_word}", None
    class_word = None if class_word is None else class_word.replace("_", " ")
    named = is_trigger_word(trigger) and (class_word is None or is_class(class_word))
    return Subject(int(found[1]), trigger, class_word) if named else None


def _split(word: str) -> tuple[str, str | None]:
    """Return trigger word and class of a name that is written with ``_`` in place of spaces."""
    trigger, _, class_word = word.partition("_")
    apart = is_trigger_word(trigger) and trigger.casefold() not in POSSESSIVES
    return (trigger, class_word) if apart and is_class(class_word) else (word, None)


def is_class(words: str) -> bool:
    """Return whether a text may name a class: words without digits."""
    fits = 0 < len(words) <= MAX_CLASS_CHARACTERS and words[0].isalpha()
    return fits and spells_words(words) and not any(map(str.isdigit, words))


def parse_toml(body: bytes) -> Settings:
    """Return the file's content.

    Raises:
        RequestRefusedError: the file is not TOML; the problem names the line, never the content.
    """
    try:
        return tomllib.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        message = "The file is not UTF-8 text."
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line [0-9]+, column [0-9]+", str(error))
        message = f"Not TOML: {place[0] if place else 'at the end of the file'}."
    except RecursionError:
        message = "The file is nested too deeply."
    except ValueError:  # a number with thousands of digits
        message = "The file holds a number that is too long."
    raise RequestRefusedError([RequestProblem(field="", message=message)])
