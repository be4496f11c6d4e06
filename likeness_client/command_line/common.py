"""What several commands share: the parser, a job, a stack, the API, where pictures go."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from contracts.shared.pictures.picture_places import is_s3
from likeness_client.defaults import PATIENCE_SECONDS
from likeness_client.exit_codes import EXPLAINED

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001


RAW_HELP = argparse.RawDescriptionHelpFormatter


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


def add_command(commands: Commands, name: str, purpose: str) -> argparse.ArgumentParser:
    """Add a subcommand whose help ends with the exit codes."""
    return commands.add_parser(
        name, help=purpose, description=f"{purpose}.", epilog=EXPLAINED, formatter_class=RAW_HELP
    )


def add_api(command: argparse.ArgumentParser) -> None:
    """Add what names the HTTP API; its key stands in no command line, where others would see it."""
    command.add_argument(
        "--api",
        metavar="URL",
        help="the stack's output ApiUrl, also $LIKENESS_API; the key comes from $LIKENESS_API_KEY",
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


def add_signed_api(command: argparse.ArgumentParser) -> None:
    """Add the option of callers whose tenant IAM knows."""
    command.add_argument(
        "--signed-api",
        metavar="URL",
        help="for a tenant's own AWS credentials: the stack's output ApiUrl (docs/tenants.md)",
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


def file_or_address(text: str) -> Path | str:
    """Return a file's path, or a picture's address in S3."""
    return text if is_s3(text) else Path(text)
