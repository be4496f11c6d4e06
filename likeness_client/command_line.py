"""The options of ``likeness``; those of ``generate`` have PictureArguments' names."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias, get_args

from pydantic_core import PydanticCustomError

from contracts.base import BaseCard, PredictionType
from contracts.documents.api.aliases import Version
from contracts.documents.api.callers import Scope
from contracts.documents.appeal import AppealReason
from contracts.documents.picture import OutputFormat
from contracts.documents.takedown import Why
from contracts.shared.picture_places import is_s3
from contracts.shared.prompts import DEFAULT_TRIGGER_WORD
from contracts.shared.samplers import find_sampler
from contracts.shared.styles import Style
from contracts.shared.upscalers import UPSCALERS, find_upscaler
from likeness_client import __version__
from likeness_client.defaults import PATIENCE_SECONDS, STEPS
from likeness_client.exit_codes import EXPLAINED

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001
_RAW = argparse.RawDescriptionHelpFormatter


class CommandParser(argparse.ArgumentParser):
    """A parser whose commands refuse what they do not know themselves, with their own usage."""

    def parse_known_args(  # type: ignore[override]  # typeshed's overloads
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Return the options; nothing is left over for the parser of the whole command line."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options, unknown


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser: argparse.ArgumentParser = CommandParser(
        prog="likeness",
        description="Personal image models: check photos, follow a training, draw pictures.",
        epilog=EXPLAINED,
        formatter_class=_RAW,
    )
    parser.add_argument("--version", action="version", version=f"likeness {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_check(commands)
    add_upload(commands)
    add_status(commands)
    add_cancel(commands)
    add_pictures(commands)
    add_alias(commands)
    add_files(commands)
    add_import(commands)
    add_erase(commands)
    add_receipt(commands)
    add_export(commands)
    add_models(commands)
    add_generate(commands)
    add_verify(commands)
    add_replay(commands)
    add_bench(commands)
    add_uninstall(commands)
    add_doctor(commands)
    add_base(commands)
    add_keys(commands)
    add_takedown(commands)
    add_appeals(commands)
    add_hash_names(commands)
    return parser


def add_command(commands: Commands, name: str, purpose: str) -> argparse.ArgumentParser:
    """Add a subcommand whose help ends with the exit codes."""
    return commands.add_parser(
        name, help=purpose, description=f"{purpose}.", epilog=EXPLAINED, formatter_class=_RAW
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
        help="a base's folder: its tokenizer says whether the trigger word is a rare, short one",
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


def add_pictures(commands: Commands) -> None:
    """Add ``likeness pictures``."""
    pictures = add_command(commands, "pictures", "Draw pictures over the HTTP API")
    pictures.add_argument("model", metavar="MODEL", help="the model's id, or an alias")
    pictures.add_argument(
        "prompt", metavar="PROMPT", help="name the subject by its trigger word, or <<TOK>>"
    )
    pictures.add_argument("--negative-prompt", metavar="TEXT", help="what to avoid")
    add_out(pictures)
    for name, words in WHOLE_NUMBERS.items():
        pictures.add_argument(f"--{name}", type=int, metavar="N", help=words)
    for name, words in BROKEN_NUMBERS.items():
        pictures.add_argument(f"--{name}", type=float, metavar="X", help=words)
    pictures.add_argument(
        "--user", metavar="ID", help="with an alias: whose version is drawn with; an opaque id"
    )
    add_words(pictures)
    add_start(pictures)
    add_api(pictures)


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


def add_api(command: argparse.ArgumentParser) -> None:
    """Add what names the HTTP API; its key stands in no command line, where others would see it."""
    command.add_argument(
        "--api",
        metavar="URL",
        help="the stack's output ApiUrl, also $LIKENESS_API; the key comes from $LIKENESS_API_KEY",
    )


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
    take.add_argument("--tenant", required=True, help="whose model it becomes")
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
    take.add_argument("--stack", default="likeness", help="the stack's name (default: %(default)s)")


def add_erase(commands: Commands) -> None:
    """Add ``likeness erase``."""
    erase = add_command(
        commands, "erase", "Forget a tenant, an upload, a photo or a model for ever"
    )
    erase.add_argument(
        "--withdrawn",
        action="store_true",
        help="the person has withdrawn their consent; its record then says so (docs/consent.md)",
    )
    erase.add_argument(
        "tenant", metavar="TENANT", help="as in the upload's prefix; alone: all of it"
    )
    erase.add_argument("--upload", metavar="UPLOAD", help="only this upload and its models")
    erase.add_argument("--photo", metavar="FILE", help="with --upload: only this photo of it")
    erase.add_argument("--model", metavar="MODEL", help="only this model: its id or target model")
    erase.add_argument(
        "--yes", metavar="TENANT", help="the tenant's name again, in place of the question"
    )
    erase.add_argument(
        "--receipt",
        type=Path,
        metavar="FILE",
        help="wait for the end, and save the signed receipt here",
    )
    erase.add_argument(
        "--patience",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help="how long to wait for the receipt (default: %(default)s)",
    )
    erase.add_argument(
        "--function",
        default=os.environ.get("LIKENESS_ERASE_FUNCTION", "likeness-request-erasure"),
        help="the stack's output EraseFunctionName, also $LIKENESS_ERASE_FUNCTION"
        " (default: %(default)s)",
    )


def add_receipt(commands: Commands) -> None:
    """Add ``likeness receipt verify``."""
    receipt = add_command(commands, "receipt", "Check the receipt of an erasure")
    receipt.add_argument("what", choices=["verify"], help="ask KMS whether the stack has signed it")
    receipt.add_argument("file", type=Path, metavar="FILE", help="the receipt")
    receipt.add_argument(
        "--key",
        default=os.environ.get("LIKENESS_RECEIPT_KEY"),
        help="the stack's output ReceiptKeyArn, also $LIKENESS_RECEIPT_KEY",
    )


def add_export(commands: Commands) -> None:
    """Add ``likeness export``."""
    export = add_command(
        commands, "export", "Save everything that is held about a tenant or a person in one zip"
    )
    export.add_argument(
        "tenant", metavar="TENANT", help="as in the upload's prefix; alone: all of it"
    )
    export.add_argument(
        "--person", metavar="ID", help="only what this person has agreed to: given_by of consents"
    )
    export.add_argument("--upload", metavar="UPLOAD", help="only this upload and its models")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to save it")
    export.add_argument(
        "--patience",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help="how long to wait for the archive (default: %(default)s)",
    )
    export.add_argument(
        "--function",
        default=os.environ.get("LIKENESS_EXPORT_FUNCTION", "likeness-export-data"),
        help="the stack's output ExportFunctionName, also $LIKENESS_EXPORT_FUNCTION"
        " (default: %(default)s)",
    )


def add_hash_names(commands: Commands) -> None:
    """Add ``likeness hash-names``."""
    hashing = add_command(commands, "hash-names", "Write a list of names as hashes")
    hashing.add_argument(
        "file", type=Path, metavar="FILE", help="one name in a line; the list is for BlockedNamesId"
    )


def add_job(command: argparse.ArgumentParser) -> None:
    """Add what names a job."""
    command.add_argument(
        "job", metavar="JOB", help="the job's or the upload's id; with a table also TENANT/UPLOAD"
    )
    add_api(command)
    command.add_argument(
        "--table",
        help="without an API: the stack's output JobsTableName, also $LIKENESS_JOBS_TABLE",
    )
    command.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_SECONDS,
        metavar="SECONDS",
        help="how long `cancel` and `status --watch` wait for an upload to be accepted"
        " (default: %(default)s)",
    )


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


def add_signed_api(command: argparse.ArgumentParser) -> None:
    """Add the option of callers whose tenant IAM knows."""
    command.add_argument(
        "--signed-api",
        metavar="URL",
        help="for a tenant's own AWS credentials: the stack's output ApiUrl (docs/tenants.md)",
    )


def add_verify(commands: Commands) -> None:
    """Add ``likeness verify``."""
    verify = add_command(commands, "verify", "Say whether a stack of yours drew a picture")
    verify.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a PNG, JPEG or WebP")
    verify.add_argument(
        "--stack", default="likeness", help="whose marks are looked for (default: %(default)s)"
    )
    verify.add_argument(
        "--secret",
        type=Path,
        metavar="FILE",
        help="the marks' secret in a file, in place of the stack's; no AWS is asked",
    )
    verify.add_argument(
        "--print-root",
        action="store_true",
        help="print the public root certificates, for other C2PA tools",
    )
    verify.add_argument("--json", action="store_true", help="print the answer as JSON")


def add_keys(commands: Commands) -> None:
    """Add ``likeness keys create|list|revoke``."""
    keys = add_command(commands, "keys", "Make, list and end API keys of the HTTP API")
    keys.add_argument("what", choices=["create", "list", "revoke"], help="what is done")
    keys.add_argument("--stack", default="likeness", help="the stack's name (default: %(default)s)")
    keys.add_argument("--tenant", help="whom the key speaks for; for create and list")
    keys.add_argument(
        "--scopes",
        default="read,train,draw",
        help=f"what a new key may do: some of {','.join(get_args(Scope))} (default: %(default)s)",
    )
    keys.add_argument("--name", default="made by an operator", help="what a new key is called")
    keys.add_argument("--days", type=int, help="a new key is refused after this many days")
    keys.add_argument("--mock", action="store_true", help="a new key gets answers that are made up")
    keys.add_argument("--key", metavar="ID", help="the key that is revoked, by its 16 characters")


def add_takedown(commands: Commands) -> None:
    """Add ``likeness takedown list|accept|refuse|restore``."""
    takedown = add_command(
        commands, "takedown", "List reports of pictures, and disable or restore models"
    )
    takedown.add_argument(
        "what", choices=["list", "accept", "refuse", "restore"], help="what is done"
    )
    takedown.add_argument("case", nargs="?", metavar="CASE", help="a case's id; td_...")
    takedown.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="ID",
        help="a model to disable, where the marks name none or others; may be given more than once",
    )
    takedown.add_argument(
        "--why", choices=get_args(Why), help="the reason of a refusal; the audit trail keeps it"
    )
    takedown.add_argument(
        "--function",
        metavar="NAME",
        default=os.environ.get("LIKENESS_TAKEDOWN_FUNCTION", "likeness-decide-takedown"),
        help="the stack's output TakedownFunctionName, also $LIKENESS_TAKEDOWN_FUNCTION"
        " (default: %(default)s)",
    )


def add_appeals(commands: Commands) -> None:
    """Add ``likeness appeals list|read|grant|refuse``."""
    appeals = add_command(
        commands, "appeals", "List appeals against refused texts, and grant or refuse them"
    )
    appeals.add_argument("what", choices=["list", "read", "grant", "refuse"], help="what is done")
    appeals.add_argument("appeal", nargs="?", metavar="APPEAL", help="an appeal's id; ap_...")
    appeals.add_argument(
        "--why", choices=get_args(AppealReason), help="the reason of a refusal; the tenant is told"
    )
    appeals.add_argument(
        "--function",
        metavar="NAME",
        default=os.environ.get("LIKENESS_APPEAL_FUNCTION", "likeness-decide-appeal"),
        help="the stack's output AppealFunctionName, also $LIKENESS_APPEAL_FUNCTION"
        " (default: %(default)s)",
    )


def add_bench(commands: Commands) -> None:
    """Add ``likeness bench instance``."""
    purpose = "Measure how fast your base trains on instance types; trainings are billed"
    bench = add_command(commands, "bench", purpose)
    bench.add_argument("what", choices=["instance"], help="what is measured")
    bench.add_argument(
        "types", nargs="+", metavar="TYPE", help="SageMaker's names: ml.g5.2xlarge ml.g6.2xlarge"
    )
    bench.add_argument(
        "--stack", default="likeness", help="the stack's name (default: %(default)s)"
    )
    bench.add_argument(
        "--photos",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="photos to train on, and request.json if any",
    )
    bench.add_argument(
        "--steps", type=int, default=STEPS, help="training steps each (default: %(default)s)"
    )
    bench.add_argument(
        "--save", action="store_true", help="let the stack's estimates use the measured speeds"
    )
    bench.add_argument("--yes", action="store_true", help="do not ask before starting")


def add_replay(commands: Commands) -> None:
    """Add ``likeness replay``."""
    replay = add_command(commands, "replay", "Deliver again what lies in the dead-letter queue")
    replay.add_argument("queue_url", metavar="QUEUE_URL", help="the output DeadLetterQueueUrl")
    replay.add_argument("--dry-run", action="store_true", help="only show what lies there")


def add_uninstall(commands: Commands) -> None:
    """Add ``likeness uninstall``."""
    uninstall = add_command(
        commands, "uninstall", "Remove a stack with its photos, models, rows and logs"
    )
    uninstall.add_argument("stack", metavar="STACK", help="the stack's name; asked for once more")
    uninstall.add_argument(
        "--keep",
        action="append",
        default=[],
        choices=["photos", "models", "tables", "logs"],
        help="what stays; may be given more than once",
    )
    uninstall.add_argument("--dry-run", action="store_true", help="only show what would go")
    uninstall.add_argument(
        "--yes", metavar="STACK", help="the stack's name again, in place of the question"
    )


def add_doctor(commands: Commands) -> None:
    """Add ``likeness doctor``."""
    doctor = add_command(
        commands, "doctor", "Find what would stop a deployment, or stops a deployed stack"
    )
    doctor.add_argument("--region", help="default: samconfig.toml's, then the AWS CLI's")
    doctor.add_argument("--stack", metavar="NAME", help="default: samconfig.toml's, then likeness")
    doctor.add_argument(
        "--parameter-overrides",
        nargs="+",
        metavar="NAME=VALUE",
        help="ask about a deployment with these parameters; without them and without"
        " --config-env, about the deployed stack",
    )
    doctor.add_argument(
        "--config-env", metavar="ENV", help="ask about what `sam deploy --config-env` would deploy"
    )
    doctor.add_argument(
        "--config-file",
        type=Path,
        default=Path("samconfig.toml"),
        metavar="FILE",
        help="where --config-env is (default: %(default)s)",
    )
    doctor.add_argument(
        "--hash", action="store_true", help="download every file of the base to compare its hash"
    )
    doctor.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="CHECK",
        help="leave a check out, such as drift, which takes minutes; --json lists the names",
    )
    doctor.add_argument("--json", action="store_true", help="print the report as JSON")


def add_base(commands: Commands) -> None:
    """Add ``likeness base add``, ``check`` and ``calibrate``."""
    base = add_command(commands, "base", "Describe, check and calibrate base models")
    parts = base.add_subparsers(dest="part", required=True, metavar="PART", help="what to do")
    add_base_add(parts)
    add_base_calibrate(parts)
    check = add_command(parts, "check", "Tell which files of a base are missing or changed")
    check.add_argument("base", metavar="ID|FOLDER", help="a folder, or an id with --to or --stack")
    add_bases_bucket(check)
    check.add_argument(
        "--hash", action="store_true", help="download every file to compare its hash"
    )


def add_base_calibrate(parts: Commands) -> None:
    """Add ``likeness base calibrate``."""
    purpose = "Measure the gate's floors on a stack's base; trainings are billed"
    calibrate = add_command(parts, "calibrate", purpose)
    calibrate.add_argument(
        "--stack", default="likeness", help="the stack's name (default: %(default)s)"
    )
    calibrate.add_argument(
        "--photos",
        type=Path,
        required=True,
        action="append",
        metavar="FOLDER",
        help="photos of one person, and request.json if any; once for each person",
    )
    calibrate.add_argument("--yes", action="store_true", help="do not ask before starting")


def add_base_add(parts: Commands) -> None:
    """Add ``likeness base add``."""
    add = add_command(parts, "add", "Make a base of a diffusers folder or a safetensors checkpoint")
    add.add_argument(
        "source",
        type=Path,
        metavar="FOLDER|FILE",
        help="a diffusers folder, or one safetensors file of SDXL, SD 1 or SD 2",
    )
    add.add_argument("--id", metavar="ID", help="default: the one of its base.json, or its name")
    add_bases_bucket(add)
    folders = {
        "out": "a FILE's folder (default: beside it, with the id as its name)",
        "config": "a FILE's configs and tokenizers, from a diffusers folder of the same model",
        "tokenizer": "a FILE's tokenizer: a folder, or OpenAI's bpe_simple_vocab_16e6.txt.gz",
        "judge": "the judge of likeness, which is copied into the base",
        "clip": "a CLIP model of transformers that scores prompt following, copied into the base",
        "refiner": "SDXL's refiner, a diffusers folder whose UNet is copied into the base",
    }
    for name, words in folders.items():
        add.add_argument(f"--{name}", type=Path, metavar="PATH", help=words)
    add.add_argument(
        "--variant", metavar="NAME", help="weights to prefer where a FOLDER has both, e.g. fp16"
    )
    add.add_argument(
        "--prediction-type",
        choices=get_args(PredictionType),
        help="what the UNet predicts (default: as its files say, compared with a measurement)",
    )
    add.add_argument(
        "--resolution", type=int, metavar="PIXELS", help="side of the pictures it was trained on"
    )
    add.add_argument("--license", metavar="NAME", help="for the adapters' model cards")
    detectors = get_args(get_args(BaseCard.model_fields["face_detector"].annotation)[0])
    add.add_argument("--face-detector", choices=detectors, help="for photos of this base's kind")
    add.add_argument(
        "--no-picture",
        dest="picture",
        action="store_false",
        help="do not verify a FOLDER by drawing with it; torch is not needed then",
    )


def add_bases_bucket(command: argparse.ArgumentParser) -> None:
    """Add what names the bucket of base models."""
    command.add_argument("--to", metavar="s3://BUCKET", help="the bucket of base models")
    command.add_argument("--stack", metavar="NAME", help="the stack whose bucket it is")


def add_generate(commands: Commands) -> None:
    """Add ``likeness generate``."""
    generate = add_command(commands, "generate", "Draw pictures with a trained model")
    generate.add_argument("model", metavar="MODEL", help="the target model of the notice")
    generate.add_argument(
        "prompt", metavar="PROMPT", help="name the subject by its trigger word, or <<TOK>>"
    )
    generate.add_argument("--negative-prompt", metavar="TEXT", help="what to avoid")
    generate.add_argument(
        "--endpoint",
        default=os.environ.get("LIKENESS_ENDPOINT"),
        help="the endpoint's name, also $LIKENESS_ENDPOINT",
    )
    add_out(generate)
    generate.add_argument(
        "--store", metavar="s3://BUCKET/tenants/TENANT", help="keep a copy of all in S3"
    )
    add_picture_arguments(generate)


WHOLE_NUMBERS = {
    "num-inference-steps": "1 to 150",
    "seed": "of the first picture; the next has the next seed",
    "height": "pixels, a multiple of 8",
    "width": "pixels, a multiple of 8",
    "num-images-per-prompt": "1 to 4",
    "hr-second-pass-steps": "with --hr-scale: of its second pass, 0 (as the first) to 150",
    "clip-skip": "of the text encoders, as diffusers counts; A1111's and kohya's 2 is 1",
}
BROKEN_NUMBERS = {
    "guidance-scale": "0 to 30",
    "lora-scale": "weight of the adapter, 0 (the bare base) to 2",
    "strength": "with --image or --hr-scale: how much of it may change, above 0 up to 1",
    "refiner-switch-at": "share of the noise that the base draws; SDXL's refiner draws the rest",
    "hr-scale": "draw, make it so many times as large, and draw again from that: above 1 up to 4",
}
"""Fields of an order of pictures, over either door."""


def add_start(command: argparse.ArgumentParser) -> None:
    """Add a picture to start from, and how prompts are read."""
    command.add_argument(
        "--image",
        type=file_or_address,
        metavar="FILE",
        help="a PNG or JPEG to start from; or the s3:// address of a picture of your own",
    )
    command.add_argument(
        "--mask",
        dest="mask_image",
        type=file_or_address,
        metavar="FILE",
        help="with --image: white where it may change",
    )
    command.add_argument(
        "--no-prompt-weights",
        dest="prompt_weights",
        action="store_const",
        const=False,
        help="(word:1.2), (word) and [word] are text, not weights",
    )


def add_out(command: argparse.ArgumentParser) -> None:
    """Add where pictures are saved."""
    command.add_argument(
        "--out",
        type=Path,
        default=Path("picture.png"),
        metavar="FILE",
        help="where to save; further pictures get -2, -3 ... (default: %(default)s)",
    )


def add_words(command: argparse.ArgumentParser) -> None:
    """Add the sampler and the style."""
    command.add_argument(
        "--scheduler",
        type=read_sampler,
        metavar="NAME",
        help="a sampler by A1111's or ComfyUI's name, or a diffusers class",
    )
    command.add_argument(
        "--hr-upscaler",
        type=read_upscaler,
        metavar="NAME",
        help=f"with --hr-scale: {', '.join(UPSCALERS)}",
    )
    command.add_argument("--style", choices=get_args(Style), help="words around both prompts")


def add_picture_arguments(generate: argparse.ArgumentParser) -> None:
    """Add PictureArguments; what is not given is left to the base model."""
    whole = WHOLE_NUMBERS | {"quality": "of a JPEG or WebP, 1 to 100"}
    for name, words in whole.items():
        generate.add_argument(f"--{name}", type=int, metavar="N", help=words)
    for name, words in BROKEN_NUMBERS.items():
        generate.add_argument(f"--{name}", type=float, metavar="X", help=words)
    add_words(generate)
    add_start(generate)
    generate.add_argument("--output-format", choices=get_args(OutputFormat), help="of the files")
    generate.add_argument(
        "--adapter",
        dest="adapters",
        action="append",
        type=read_adapter,
        metavar="MODEL=WEIGHT",
        help="mix in another model of the same tenant; up to three times",
    )
    generate.add_argument(
        "--no-cache",
        dest="use_cache",
        action="store_const",
        const=False,
        help="draw anew what was drawn before",
    )


def file_or_address(text: str) -> Path | str:
    """Return a file's path, or a picture's address in S3."""
    return text if is_s3(text) else Path(text)


def read_sampler(text: str) -> str:
    """Return our name of a sampler.

    Raises:
        ArgumentTypeError: no sampler has the name.
    """
    try:
        return find_sampler(text)
    except PydanticCustomError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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


def read_upscaler(text: str) -> str:
    """Return our spelling of an upscaler's name.

    Raises:
        ArgumentTypeError: no upscaler has the name.
    """
    try:
        return find_upscaler(text)
    except PydanticCustomError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def read_adapter(text: str) -> dict[str, object]:
    """Return one of the adapters to mix in.

    >>> read_adapter("model.tar.gz=0.5")
    {'model': 'model.tar.gz', 'weight': 0.5}

    Raises:
        ArgumentTypeError: the weight is no number.
    """
    model, _, weight = text.partition("=")
    try:
        return {"model": model, "weight": float(weight or 1)}
    except ValueError:
        raise argparse.ArgumentTypeError(f"the weight of {text!r} is no number") from None
