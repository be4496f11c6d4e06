"""``likeness doctor``: asks the account, prints the report, and ends with the worst finding."""

import shlex
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import NoRegionError

from likeness_client.doctor.account import Account
from likeness_client.doctor.catalogue import Severity
from likeness_client.doctor.checks import CHECKS
from likeness_client.doctor.deployment import look_up
from likeness_client.doctor.examine import checks_for, examine
from likeness_client.doctor.report import as_json, as_text
from likeness_client.exit_codes import ExitCode

ENDINGS = {
    None: ExitCode.DONE,
    Severity.NOTE: ExitCode.DONE,
    Severity.WARNING: ExitCode.WARNED,
    Severity.UNKNOWN: ExitCode.NO_AWS,
    Severity.ERROR: ExitCode.REFUSED,
}

STACK = "likeness"


class SamConfigError(Exception):
    """samconfig.toml, or a parameter on the command line, cannot be read; the text says why."""


@dataclass(frozen=True)
class Question:
    """What the command line asks about."""

    region: str | None = None
    stack: str | None = None
    overrides: Sequence[str] | None = None
    """``NAME=VALUE`` of a deployment to come; None: ask about the deployed stack."""
    config_env: str | None = None
    config_file: Path = Path("samconfig.toml")
    skip: Sequence[str] = ()
    deep: bool = False
    json: bool = False


@dataclass(frozen=True)
class Settings:
    """What samconfig.toml says about one environment."""

    region: str | None = None
    stack: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)


def diagnose(question: Question, account: Account | None = None) -> int:
    """Print the report; the exit code is that of the worst finding.

    Raises:
        SamConfigError: the settings cannot be read.
        NoRegionError: nobody names a Region.
    """
    settings = settings_of(question)
    planned = question.overrides is not None or question.config_env is not None
    given = settings.parameters | parameters_in(question.overrides or ())
    stack = question.stack or settings.stack or STACK
    if account is None:
        account = Account(region_of(question, settings))
    deployment = look_up(account, stack, given if planned else None)
    checks = checks_for(deployment, deep=question.deep, skip=question.skip)
    examination = examine(deployment, account, checks)
    sys.stdout.write(as_json(examination) if question.json else as_text(examination))
    return ENDINGS[examination.worst]


def region_of(question: Question, settings: Settings) -> str:
    """Return the Region: of the command line, of samconfig.toml, or as the AWS CLI finds it.

    Raises:
        NoRegionError: none of them has one.
    """
    region = question.region or settings.region or boto3.session.Session().region_name
    if region is None:
        raise NoRegionError
    return str(region)


def settings_of(question: Question) -> Settings:
    """Return an environment of samconfig.toml; nothing where none is asked for.

    Raises:
        SamConfigError: the file or the environment is missing, or is not as sam writes it.
    """
    environment, path = question.config_env, question.config_file
    if environment is None:
        return Settings()
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise SamConfigError(f"--config-file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SamConfigError(f"--config-file {path} is not TOML: {error}") from error
    if not isinstance(content.get(environment), dict):
        known = ", ".join(name for name, value in content.items() if isinstance(value, dict))
        raise SamConfigError(f"{path} has no environment {environment!r}; it has {known}")
    chosen = merged(content[environment])
    return Settings(
        chosen.get("region"),
        chosen.get("stack_name"),
        parameters_in(words_in(chosen.get("parameter_overrides", ""))),
    )


def merged(environment: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of ``sam deploy``: those of all commands, then its own."""
    found: dict[str, Any] = {}
    for command in ("global", "deploy"):
        found |= environment.get(command, {}).get("parameters", {})
    return found


def words_in(overrides: str | Sequence[str]) -> list[str]:
    """Return parameter_overrides as single words; sam allows a text and a list of texts.

    >>> words_in("A=1 B='x y'"), words_in(["A=1", "B=2"])
    (['A=1', 'B=x y'], ['A=1', 'B=2'])
    """
    texts = [overrides] if isinstance(overrides, str) else overrides
    return [word for text in texts for word in shlex.split(text)]


def parameters_in(words: Sequence[str]) -> dict[str, str]:
    """Return parameters by name; both forms of the SAM CLI are read.

    >>> parameters_in(["A=1", "ParameterKey=B,ParameterValue=2"])
    {'A': '1', 'B': '2'}

    Raises:
        SamConfigError: a word is no parameter.
    """
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if name == "ParameterKey":
            name, _, value = value.partition(",ParameterValue=")
        if not equals or not name:
            raise SamConfigError(f"{word!r} is no parameter: write NAME=VALUE")
        found[name] = value
    return found


def check_names() -> tuple[str, ...]:
    """Return the names that ``--skip`` knows."""
    return tuple(check.name for check in CHECKS)
