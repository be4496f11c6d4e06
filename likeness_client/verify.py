"""``likeness verify``: whether this operator's stack drew a picture, and which model did.

It needs the extra ``likeness[marks]`` and the operator's secret; nothing is sent anywhere.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from contracts.shared.pictures.mark_keys import MarkSecret, MarkSecretError, mark_id, parse_secret
from likeness_client import stack as stacks
from likeness_client.aws_errors import CONFIG
from likeness_client.exit_codes import ExitCode

if TYPE_CHECKING:
    from contracts.marks.verifying import Verdict

SECRET, TABLE = "MarksSecret", "ModelsTable"
EXTRA = ("numpy", "PIL", "c2pa", "cryptography")
MAX_BYTES = 64 << 20


class NotVerifiedError(Exception):
    """The picture could not be checked; the message says what is missing."""


@dataclass(frozen=True)
class Question:
    """What is asked of one file."""

    file: Path
    stack: str
    secret: Path | None
    """A file with the secret, in place of the stack's."""
    json: bool
    """Whether the answer is for a program."""


@dataclass(frozen=True)
class Operator:
    """Whose marks count."""

    secret: MarkSecret
    models_table: str | None
    """Table that resolves the watermark's id; None where only the secret is at hand."""


def verify(question: Question) -> int:
    """Print what the picture's marks say; return REFUSED where none is this operator's.

    Raises:
        NotVerifiedError: the file is no picture, or the secret cannot be used.
        NoStackError: there is no such stack.
    """
    verdict = read_marks(read_file(question.file), question)
    if question.json:
        sys.stdout.write(json.dumps(facts(*verdict)) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in words(*verdict))
    return ExitCode.DONE if verdict[0].made_here else ExitCode.REFUSED


def print_root(question: Question) -> int:
    """Print the root certificates that other C2PA tools may trust; they are public.

    Raises:
        NotVerifiedError: the secret cannot be used.
        NoStackError: there is no such stack.
    """
    with _extra():
        from contracts.marks.certificates import root_pem  # noqa: PLC0415 (an optional extra)
        from contracts.shared.pictures.mark_keys import reading_keys  # noqa: PLC0415 (with it)

        secret = find_operator(question).secret
        sys.stdout.writelines(root_pem(keys) for keys in reading_keys(secret))
    return ExitCode.DONE


def read_marks(file: bytes, question: Question) -> tuple["Verdict", list[str]]:
    """Return what the marks say, and the models that the watermark's id may mean."""
    with _extra():
        from contracts.marks import verifying  # noqa: PLC0415 (an optional extra)

        operator = find_operator(question)
        try:
            verdict = verifying.verify(file, operator.secret)
        except verifying.UnreadablePictureError as error:
            raise NotVerifiedError(f"{question.file}: {error}") from None
    return verdict, resolve(verdict, operator)


class _extra:  # noqa: N801 (used as a with-statement's words)
    """Turns the extra's missing packages into one sentence."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: object, _trace: object) -> None:
        """Say what to install."""
        if isinstance(error, ModuleNotFoundError) and error.name in EXTRA:
            raise NotVerifiedError(
                f"{error.name} is missing: pip install 'likeness[marks]'"
            ) from error
        if isinstance(error, MarkSecretError):
            raise NotVerifiedError(str(error)) from error


def find_operator(question: Question) -> Operator:
    """Return the secret of a file or a stack.

    Raises:
        MarkSecretError: it is no MarkSecret.
        NotVerifiedError: it cannot be read.
        NoStackError: there is no such stack.
    """
    if question.secret is not None:
        return Operator(parse_secret(read_file(question.secret)), None)
    found = stacks.find(boto3.client("cloudformation", config=CONFIG), question.stack)
    names = {one.logical_id: one.name for one in found.resources}
    given = found.parameters.get("MarksSecretArn", "none")
    place = names.get(SECRET, "none") if given == "none" else given
    if place == "none":
        raise NotVerifiedError(f"{question.stack} has no marks' secret: deploy a newer template")
    client = boto3.client("secretsmanager", config=CONFIG)
    text: str = client.get_secret_value(SecretId=place)["SecretString"]
    secret = parse_secret(text)
    return Operator(_with_previous(client, place, secret), names.get(TABLE))


def _with_previous(client: Any, place: str, secret: MarkSecret) -> MarkSecret:  # noqa: ANN401
    """Return the secret with the seed of Secrets Manager's previous version, if there is one."""
    try:
        text = client.get_secret_value(SecretId=place, VersionStage="AWSPREVIOUS")["SecretString"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return secret
        raise
    previous = parse_secret(text)
    seeds = (*secret.previous_seeds, previous.seed, *previous.previous_seeds)
    older = tuple(dict.fromkeys(seed for seed in seeds if seed != secret.seed))
    return secret.model_copy(update={"previous_seeds": older})


def resolve(verdict: "Verdict", operator: Operator) -> list[str]:
    """Return tenant and model of every model whose id the watermark carries.

    The id has 32 bits: among 10,000 models another one has the same id once in 430,000 pictures.
    """
    if verdict.watermark is None or verdict.watermark_key is None or operator.models_table is None:
        return []
    key, ident = verdict.watermark_key, verdict.watermark.ident
    rows = _rows(operator.models_table)
    return sorted(
        f"{row['tenant']}/{row['model_id']}"
        for row in rows
        if mark_id(key, row["model_id"]) == ident
    )


def _rows(table: str) -> Iterable[dict[str, str]]:
    """Yield tenant and model id of every row of the models table."""
    pages = boto3.client("dynamodb", config=CONFIG).get_paginator("scan")
    for page in pages.paginate(TableName=table, ProjectionExpression="tenant, model_id"):
        for item in page["Items"]:
            yield {name: value["S"] for name, value in item.items()}


def read_file(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        NotVerifiedError: it cannot be read, or is too large.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NotVerifiedError(f"{path}: larger than {MAX_BYTES >> 20} MB")
        return path.read_bytes()
    except OSError as error:
        raise NotVerifiedError(f"{path}: {error.strerror}") from error


CREDENTIALS = {
    "ours": "signed by this stack, unchanged since",
    "others": "signed, but not by this stack",
    "damaged": "the picture or its manifest was changed after signing",
    "absent": "none; they may have been removed",
}


def words(verdict: "Verdict", models: list[str]) -> list[str]:
    """Return the lines for a person."""
    width, height = verdict.size
    answer = "yes" if verdict.made_here else "no mark of this stack was found; that proves nothing"
    return [
        f"made by this stack   {answer}",
        f"content credentials  {CREDENTIALS[verdict.credentials]}",
        *([f"model                {verdict.model}"] if verdict.model else []),
        *([f"made at              {verdict.made_at}"] if verdict.made_at else []),
        f"watermark            {_watermark_words(verdict)}",
        *(f"watermark's model    {model}" for model in models),
        f"picture              {width} x {height} pixels",
    ]


def _watermark_words(verdict: "Verdict") -> str:
    if verdict.watermark is not None:
        mark = verdict.watermark
        return f"found, id {mark.ident:08x}, {mark.certainty:.1f} standard deviations"
    if verdict.stated == "too-small":
        return "none: the picture was drawn below 256 pixels a side"
    if verdict.stated == "off":
        return "none: the stack's setting Watermark was off"
    return "not found"


def facts(verdict: "Verdict", models: list[str]) -> dict[str, Any]:
    """Return the same for a program."""
    mark = verdict.watermark
    return {
        "made_here": verdict.made_here,
        "credentials": verdict.credentials,
        "model": verdict.model,
        "made_at": verdict.made_at,
        "watermark": None if mark is None else f"{mark.ident:08x}",
        "watermark_models": models,
        "watermark_stated": verdict.stated,
    }
