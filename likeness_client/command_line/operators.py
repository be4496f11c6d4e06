"""Commands of who runs a stack: doctor, bases, keys, benchmarks, its end."""

import argparse
from pathlib import Path
from typing import get_args

from contracts.base import BaseCard, PredictionType
from contracts.documents.api.callers import Scope
from likeness_client.command_line.common import Commands, add_command
from likeness_client.defaults import STEPS


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
    replay = add_command(commands, "replay", "Deliver again what is in the dead-letter queue")
    replay.add_argument("queue_url", metavar="QUEUE_URL", help="the output DeadLetterQueueUrl")
    replay.add_argument("--dry-run", action="store_true", help="only show what is there")


def add_uninstall(commands: Commands) -> None:
    """Add ``likeness uninstall``."""
    uninstall = add_command(
        commands, "uninstall", "Remove a stack with its photos, models, rows, keys and logs"
    )
    uninstall.add_argument("stack", metavar="STACK", help="the stack's name; asked for once more")
    uninstall.add_argument(
        "--keep",
        action="append",
        default=[],
        choices=["photos", "models", "tables", "keys", "logs"],
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
        help="what the network predicts (default: as its files say, compared with a measurement)",
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
