"""The command line: ``likeness check FOLDER`` before an upload; ``likeness generate`` after.

In between, ``likeness status JOB --watch`` and ``likeness cancel JOB``.

``likeness generate <target model> "a photo of sks" --endpoint NAME`` draws.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import get_args

from botocore.exceptions import BotoCoreError, ClientError

from contracts.documents.picture import OutputFormat, Scheduler
from contracts.shared.styles import Style
from likeness_client.answer import Answer
from likeness_client.check import check
from likeness_client.client import Likeness
from likeness_client.errors import GenerationError
from likeness_client.jobs import show, stop
from likeness_client.models import show_models
from likeness_client.replay import replay
from likeness_client.store import NotStoredError

NOT_ARGUMENTS = {
    *("command", "model", "prompt", "negative_prompt", "endpoint", "out", "store", "image")
}


def main(words: list[str] | None = None) -> int:
    """Do what the first word says; return 0 when it went well."""
    options = make_parser().parse_args(words)
    if options.command == "check":
        return check(options.folder, options.resolution)
    if options.command == "replay":
        return replay(options.queue_url, dry_run=options.dry_run)
    if options.command == "models":
        return show_models(options.function, options.tenant, wake=options.wake)
    if options.command in {"status", "cancel"}:
        return ask_about_job(options)
    return draw(options)


def draw(options: argparse.Namespace) -> int:
    """Draw, save, and say where; return 1 when there is no picture."""
    if not options.endpoint:
        sys.stderr.write("likeness: name the endpoint by --endpoint or LIKENESS_ENDPOINT\n")
        return 2
    chosen = {
        name: value
        for name, value in vars(options).items()
        if name not in NOT_ARGUMENTS and value is not None
    }
    try:
        client = Likeness(options.endpoint)
        image = options.image.read_bytes() if options.image else None
        answer = client.generate(
            options.model, options.prompt, options.negative_prompt, options.store, image, **chosen
        )
    except NotStoredError as error:
        save(error.answer, options.out)
        sys.stderr.write(f"likeness: {error}\n")
        return 1
    except (GenerationError, BotoCoreError, OSError) as error:
        sys.stderr.write(f"likeness: {error}\n")
        return 1
    save(answer, options.out)
    return 0


def ask_about_job(options: argparse.Namespace) -> int:
    """Show or stop a job."""
    if not options.table:
        sys.stderr.write("likeness: name the table by --table or LIKENESS_JOBS_TABLE\n")
        return 2
    try:
        if options.command == "cancel":
            return stop(options.table, options.job, options.function)
        return show(options.table, options.job, watch=options.watch)
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"likeness: {error}\n")
        return 1


def add_job_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add ``status`` and ``cancel``."""
    status = commands.add_parser("status", help="how a job goes on")
    status.add_argument("--watch", action="store_true", help="print each change until the end")
    cancel = commands.add_parser("cancel", help="stop a job; its owner is told once")
    cancel.add_argument(
        "--function",
        default=os.environ.get("LIKENESS_CANCEL_FUNCTION", "likeness-cancel-job"),
        help="the stack's output CancelFunctionName",
    )
    for command in (status, cancel):
        command.add_argument("job", help="the job id, or <tenant>/<upload>")
        command.add_argument("--table", default=os.environ.get("LIKENESS_JOBS_TABLE"))


def save(answer: Answer, first: Path) -> None:
    """Write the files, and say where."""
    places = name_files(first, len(answer.pictures))
    for place, picture in zip(places, answer.pictures, strict=True):
        picture.save(place)
        sys.stdout.write(f"{place} seed={picture.seed}\n")
    if answer.stored_at:
        sys.stdout.write(f"{answer.stored_at}\n")


def name_files(first: Path, count: int) -> list[Path]:
    """Return one path for each picture: ``me.png``, ``me-2.png``, ..."""
    more = [first.with_stem(f"{first.stem}-{number}") for number in range(2, count + 1)]
    return [first, *more]


def read_adapter(text: str) -> dict[str, object]:
    """Return one of the adapters to mix in.

    >>> read_adapter("model.tar.gz=0.5")
    {'model': 'model.tar.gz', 'weight': 0.5}
    """
    model, _, weight = text.partition("=")
    return {"model": model, "weight": float(weight or 1)}


def make_parser() -> argparse.ArgumentParser:
    """Return the options; their names are PictureArguments'."""
    parser = argparse.ArgumentParser(prog="likeness", description="Pictures from personal models.")
    commands = parser.add_subparsers(dest="command", required=True)
    look = commands.add_parser("check", help="judge a folder of photos before uploading it")
    look.add_argument("folder", type=Path)
    look.add_argument("--resolution", type=int, help="the base model's; the request's own wins")
    again = commands.add_parser("replay", help="deliver what lies in the dead-letter queue")
    again.add_argument("queue_url", help="the stack's output DeadLetterQueueUrl")
    again.add_argument("--dry-run", action="store_true", help="only show what lies there")
    add_job_commands(commands)
    models = commands.add_parser("models", help="a tenant's models, and whether they can be called")
    models.add_argument("tenant")
    models.add_argument("--wake", action="store_true", help="start an endpoint that sleeps")
    models.add_argument(
        "--function",
        default=os.environ.get("LIKENESS_STATUS_FUNCTION", "likeness-model-status"),
        help="the stack's output ModelStatusFunctionName",
    )
    generate = commands.add_parser("generate", help="draw pictures with a trained model")
    generate.add_argument("model", help="the TargetModel of the notice")
    generate.add_argument("prompt", help="name the subject by its trigger word, or <<TOK>>")
    generate.add_argument("--negative-prompt")
    generate.add_argument("--endpoint", default=os.environ.get("LIKENESS_ENDPOINT"))
    generate.add_argument("--out", type=Path, default=Path("picture.png"))
    for name in ("num-inference-steps", "seed", "height", "width", "num-images-per-prompt"):
        generate.add_argument(f"--{name}", type=int)
    generate.add_argument("--image", type=Path, help="a PNG or JPEG file to start from")
    for name in ("guidance-scale", "lora-scale", "strength"):
        generate.add_argument(f"--{name}", type=float)
    generate.add_argument("--scheduler", choices=get_args(Scheduler))
    generate.add_argument("--style", choices=get_args(Style))
    generate.add_argument("--output-format", choices=get_args(OutputFormat))
    generate.add_argument("--quality", type=int)
    generate.add_argument(
        "--adapter",
        dest="adapters",
        action="append",
        type=read_adapter,
        metavar="MODEL=WEIGHT",
        help="mix in another model of yours",
    )
    generate.add_argument("--no-cache", dest="use_cache", action="store_const", const=False)
    generate.add_argument("--store", metavar="s3://BUCKET/tenants/TENANT", help="keep a copy in S3")
    return parser


if __name__ == "__main__":
    sys.exit(main())
