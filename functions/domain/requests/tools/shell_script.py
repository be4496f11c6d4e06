r"""Read the training command of a shell script, as READMEs of diffusers and sd-scripts show it.

    export INSTANCE_PROMPT="a photo of sks dog"
    accelerate launch train_dreambooth_lora_sdxl.py --instance_prompt="$INSTANCE_PROMPT" \
      --max_train_steps=500

Nothing is run: variables that the script sets are put in, and all but the command is left out.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from contracts.documents.upload.problems import RequestProblem
from domain.requests.kohya.arguments import command_line
from domain.requests.request_json import RequestRefusedError
from domain.requests.tools.translation import ONLY_LORA

_CONTINUED = re.compile(r"\\[ \t]*\r?\n")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_ADAPTER = re.compile(r"lora|network|lokr|lycoris")
_OTHER = re.compile(r"dreambooth|train_db|sdxl_train|flux_train|fine_tune|textual_inversion")
"""Parts of the names of scripts that train something else than an adapter, without the above."""

MAX_VALUE = 1000
"""Largest length of a variable's value in characters; a prompt has 400 at most."""

AUTOTRAIN = ["autotrain", "dreambooth"]
"""The command of AutoTrain, which trains an adapter."""

ONE_COMMAND = (
    "Must have one command that trains: accelerate launch train_dreambooth_lora.py --... If"
    " this script does something else, remove it."
)


def parse_script(body: bytes) -> dict[str, Any]:
    r"""Return the arguments of the training command by their names, without dashes.

    >>> parse_script(b"P='a dog'\npython train_lora.py --prompt=$P --rank 8 --flag")
    {'prompt': 'a dog', 'rank': 8, 'flag': True}

    Raises:
        RequestRefusedError: there is no such command, or several, it trains no adapter, or a
            variable's value is too long.
    """
    try:
        text = _CONTINUED.sub(" ", body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _refused("The file is not UTF-8 text.") from None
    commands = list(_commands(text))
    if len(commands) != 1:
        raise _refused(ONE_COMMAND)
    script, *words = commands[0]
    arguments = command_line(shlex.join(words))
    if not arguments:
        raise _refused(ONE_COMMAND)
    name = PurePosixPath(script).name.lower()
    if name.endswith(".py") and _OTHER.search(name) and not _ADAPTER.search(name):
        raise _refused(f"Its script trains something else. {ONLY_LORA}")
    return {name.replace("-", "_"): value for name, value in arguments.items()}


def _commands(text: str) -> Iterator[list[str]]:
    """Yield each call of a program that may train: its name, and the words behind it.

    Raises:
        RequestRefusedError: a variable's value is too long.
    """
    known: dict[str, str] = {}
    for line in text.splitlines():
        words = _words(line, known)
        if words and words[0] in {"export", "set", "declare", "local", "readonly"}:
            words = words[1:]
        while words and (assigned := _ASSIGNED.fullmatch(words[0])):
            if len(assigned[2]) > MAX_VALUE:  # A=$A$A in a hundred lines
                raise _refused(f"A variable has more than {MAX_VALUE} characters.")
            known[assigned[1]] = assigned[2]
            words = words[1:]
        programs = [place for place, word in enumerate(words) if word.lower().endswith(".py")]
        if words[:2] == AUTOTRAIN:
            programs = [1]
        if programs and any(word.startswith("--") for word in words[programs[0] :]):
            yield words[programs[0] :]


def _words(line: str, known: dict[str, str]) -> list[str]:
    """Return the words of a line, with the variables that were set before; none if it is no line.

    A variable that the script does not set stays as it is written.
    """
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a quotation that goes on
        return []
    return [
        _VARIABLE.sub(lambda found: known.get(found[1] or found[2], found[0]), word)
        for word in words
    ]


def _refused(message: str) -> RequestRefusedError:
    return RequestRefusedError([RequestProblem(field="sh", message=message)])
