"""One thing that is wrong, or that nobody could be asked about."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

from likeness_client.doctor.catalogue import CATALOGUE, Entry

MAX_TEXT = 600
"""Characters of a text of AWS's or of a parameter that are shown."""


COMMAND = "mend"
"""The fact that is a command, made of quoted words by a check."""


@dataclass(frozen=True)
class Finding:
    """A code of the catalogue, and what its texts are filled with."""

    code: str

    subject: str
    """The resource, parameter or call that the finding is about."""

    facts: Mapping[str, str] = field(default_factory=dict)

    quote: str = ""
    """AWS's own sentence, where there is one."""

    foreseen: bool = False
    """Whether AWS has not said the sentence yet, but answers with it as soon as it is asked."""

    @property
    def entry(self) -> Entry:
        """Return the code's row of the catalogue."""
        return CATALOGUE[self.code]

    @property
    def meaning(self) -> str:
        """Return what is wrong with the subject, and what follows from it."""
        return self.entry.meaning.format(subject=self.subject, **self.facts).strip()

    @property
    def command(self) -> str:
        """Return the command that fixes it; every value in it is quoted for a shell."""
        quoted = {
            name: text if name == COMMAND else shlex.quote(text)
            for name, text in self.facts.items()
        }
        return self.entry.command.format(subject=shlex.quote(self.subject), **quoted)


def make_finding(code: str, subject: str, quote: str, /, **facts: object) -> Finding:
    """Return a finding whose texts have no control characters and are not too long.

    Raises:
        KeyError: the code is not in the catalogue, or its texts need a fact that is not given.
    """
    entry = CATALOGUE[code]
    shown = {name: printable(value) for name, value in facts.items()}
    missing = fields_of(entry) - shown.keys() - {"subject"}
    if missing:
        raise KeyError(f"{code} needs {sorted(missing)}")
    return Finding(code, printable(subject), shown, printable(quote))


def fields_of(entry: Entry) -> set[str]:
    """Return the names of the facts that a row's texts need."""
    texts = (entry.meaning, entry.command)
    return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}


def printable(value: Any) -> str:  # noqa: ANN401 - anything that AWS answers
    r"""Return a value as one line of text that a terminal can show.

    >>> printable(2.0), printable("a\nb\x1b[2J")
    ('2', 'a b?[2J')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    words = " ".join(str(value).split())[:MAX_TEXT]
    return "".join(letter if letter.isprintable() else "?" for letter in words)
