"""Commands of who trains: photos, jobs and models, and adapters from elsewhere."""

import argparse
import os
from pathlib import Path

from contracts.documents.api.aliases import Version
from contracts.shared.words.prompts import DEFAULT_TRIGGER_WORD
from likeness_client.command_line.common import (
    Commands,
    add_api,
    add_command,
    add_job,
    add_signed_api,
)


def add_check(commands: Commands) -> None:
    """Add ``likeness check``."""
    check = add_command(commands, "check", "Judge a folder of photos before uploading it")
    check.add_argument(
        "folder", type=Path, metavar="FOLDER", help="photos, and request.json if any"
    )
    check.add_argument(
        "--resolution",
        type=int,
        metavar="PIXELS",
        help="the base model's; a request.json in the folder that names one wins",
    )
    check.add_argument(
        "--base",
        type=Path,
        metavar="FOLDER",
        help="a base's folder: says whether the trigger word is rare and short, and what the base"
        " cannot be asked for",
    )
    check.add_argument(
        "--explain",
        action="store_true",
        help="list which settings of another tool's files are carried, changed and ignored",
    )


def add_upload(commands: Commands) -> None:
    """Add ``likeness upload``."""
    upload = add_command(commands, "upload", "Upload photos over the HTTP API and train on them")
    upload.add_argument(
        "place", type=Path, metavar="FOLDER|ARCHIVE", help="photos with captions, or a zip or tar"
    )
    upload.add_argument(
        "--request",
        type=Path,
        metavar="FILE",
        help="what to train (default: the folder's request.json)",
    )
    upload.add_argument("--no-train", action="store_true", help="only upload")
    upload.add_argument("--watch", action="store_true", help="print each change until the end")
    add_api(upload)


def add_alias(commands: Commands) -> None:
    """Add ``likeness alias set|show|promote|remove``."""
    alias = add_command(commands, "alias", "Compare versions of a model under one name")
    alias.add_argument("what", choices=["set", "show", "promote", "remove"], help="what is done")
    alias.add_argument("name", nargs="?", metavar="NAME", help="the alias; for show: of all")
    alias.add_argument(
        "models",
        nargs="*",
        metavar="MODEL[=WEIGHT]",
        type=read_version,
        help="set: the versions and their shares of the callers; promote: the one that gets all",
    )
    add_api(alias)


def add_files(commands: Commands) -> None:
    """Add ``likeness files``."""
    files = add_command(commands, "files", "Download a model's files over the HTTP API")
    files.add_argument("model", metavar="MODEL", help="the model's id")
    files.add_argument(
        "--out",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where to save (default: this folder)",
    )
    add_api(files)


def add_status(commands: Commands) -> None:
    """Add ``likeness status``."""
    status = add_command(commands, "status", "Show how a job stands")
    add_job(status)
    status.add_argument("--watch", action="store_true", help="print each change until the end")


def add_cancel(commands: Commands) -> None:
    """Add ``likeness cancel``."""
    cancel = add_command(commands, "cancel", "Stop a job; its owner is told once")
    add_job(cancel)
    cancel.add_argument(
        "--function",
        default=os.environ.get("LIKENESS_CANCEL_FUNCTION", "likeness-cancel-job"),
        help="for operators: the stack's output CancelFunctionName, also $LIKENESS_CANCEL_FUNCTION"
        " (default: %(default)s)",
    )
    add_signed_api(cancel)
    cancel.add_argument("--tenant", help="with --signed-api: whose job it is; IAM checks it")


def add_import(commands: Commands) -> None:
    """Add ``likeness import``."""
    purpose = "Serve a LoRA that another tool has trained for this stack's base"
    take = add_command(commands, "import", purpose)
    take.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="safetensors of kohya, diffusers, PEFT or LyCORIS (LoCon, LoHa, LoKr)",
    )
    take.add_argument(
        "--trigger",
        default=DEFAULT_TRIGGER_WORD,
        metavar="WORDS",
        help="what names the subject in prompts (default: %(default)s)",
    )
    take.add_argument(
        "--subject",
        default="person",
        metavar="WORDS",
        help="what it shows, for the check's prompts: person, dog, house (default: %(default)s)",
    )
    take.add_argument(
        "--consent",
        type=Path,
        metavar="FILE",
        help="JSON with the consent of the person whom it shows (docs/consent.md)",
    )
    take.add_argument(
        "--alpha",
        type=float,
        metavar="NUMBER",
        help="lora_alpha of PEFT's adapter_config.json, where it is not the rank",
    )
    take.add_argument(
        "--watch", action="store_true", help="over the API: print each change until the end"
    )
    add_api(take)
    take.add_argument(
        "--tenant", help="with AWS credentials, without an API: whose model it becomes"
    )
    take.add_argument("--stack", help="with AWS credentials: the stack's name (default: likeness)")


def add_models(commands: Commands) -> None:
    """Add ``likeness models``."""
    models = add_command(commands, "models", "List a tenant's models and the endpoint's state")
    models.add_argument("tenant", metavar="TENANT", help="as in the upload's prefix")
    models.add_argument("--wake", action="store_true", help="start an endpoint that sleeps")
    models.add_argument(
        "--function",
        default=os.environ.get("LIKENESS_STATUS_FUNCTION", "likeness-model-status"),
        help="for operators: the stack's output ModelStatusFunctionName, also"
        " $LIKENESS_STATUS_FUNCTION (default: %(default)s)",
    )
    add_signed_api(models)


def read_version(text: str) -> Version:
    """Return one of an alias's versions.

    >>> read_version("0123456789abcdef0123456789abcdef=9").weight
    9.0

    Raises:
        ArgumentTypeError: it is no model's id with a weight.
    """
    model, _, weight = text.partition("=")
    try:
        return Version(model_id=model, weight=float(weight or 1))
    except ValueError:
        words = f"{text!r} is no model's id with a weight: 0123...=0.5"
        raise argparse.ArgumentTypeError(words) from None
