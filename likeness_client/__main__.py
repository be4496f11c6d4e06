"""The command line: ``likeness check FOLDER``, ``upload FOLDER --watch``, ``pictures MODEL WORDS``.

Commands that name an API (--api, LIKENESS_API) speak HTTP; the others ask AWS, and need boto3.
"""

import argparse
import os
import sys
from pathlib import Path

from contracts.errors import DecoderBrokenError
from likeness_client.check import CheckOptions, check
from likeness_client.command_line import make_parser
from likeness_client.exit_codes import ExitCode
from likeness_client.folder import NoFolderError, shown
from likeness_client.hash_names import hash_names

HTTP_ONLY = frozenset({"upload", "pictures", "files", "alias"})
HTTP_FIRST = frozenset({"status", "cancel", "import"})
"""These also ask AWS: with --table, or with --tenant, or where no API is named."""

OF_AWS = {"boto3", "botocore"}


def main(words: list[str] | None = None) -> int:
    """Do what the first word says; return an ExitCode."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # a name that the terminal cannot show
    try:
        try:
            return run(make_parser().parse_args(words))
        finally:
            sys.stdout.flush()  # here, where it can be said that nobody takes it
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # `likeness models acme | head -1`
        discard_output()
        return ExitCode.REFUSED
    except OSError as error:
        if error.filename is None:
            discard_output()
        return complain(words_of(error), ExitCode.NOT_FOUND)


def discard_output() -> None:
    """Write what is left to nowhere: Python tries it again at its end, and complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def words_of(error: OSError) -> str:
    """Return what the system says of a file that cannot be read or written, or of the output."""
    reason = error.strerror or type(error).__name__
    if error.filename is None:
        return reason
    return f"{shown(Path(os.fsdecode(error.filename)))}: {reason}"


def run(options: argparse.Namespace) -> int:
    """Carry out the command on this machine, over HTTP, or by asking AWS."""
    if options.command == "check":
        return run_check(options)
    if options.command == "hash-names":
        return hash_names(options.file)
    if speaks_http(options):
        from likeness_client.api.command import run as over_http  # noqa: PLC0415 - httpx waits

        return over_http(options)
    try:
        from likeness_client.aws_commands import run as by_aws  # noqa: PLC0415 - boto3 waits
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in OF_AWS:
            raise
        words = f"`{options.command}` asks AWS itself: pip install 'likeness[aws]'"
        more = ", or name an API by --api" if options.command in HTTP_FIRST else ""
        return complain(words + more, ExitCode.NOT_FOUND)
    return by_aws(options)


def speaks_http(options: argparse.Namespace) -> bool:
    """Return whether the command goes to an API: what is written goes before the environment.

    The name TENANT/UPLOAD is one of a table: an API's key says whose uploads they are.
    """
    if options.command in HTTP_ONLY:
        return True
    if options.command not in HTTP_FIRST or getattr(options, "signed_api", None):
        return False
    if options.command == "import":
        of_aws, named = options.tenant or options.stack, True
    else:
        of_aws, named = options.table, "/" not in options.job
    if options.api or of_aws:
        return bool(options.api)
    return bool(os.environ.get("LIKENESS_API")) and named


def run_check(options: argparse.Namespace) -> int:
    """Judge a folder."""
    try:
        wanted = CheckOptions(options.resolution, options.base, options.explain)
        return check(options.folder, wanted)
    except NoFolderError as error:
        return complain(str(error), ExitCode.NOT_FOUND)
    except DecoderBrokenError as error:
        reason = error.facts["reason"]
        words = (
            f"no photo was judged: {reason}; is Pillow installed for {sys.executable}?"
            " pip install 'likeness[check]'"
        )
        return complain(words, ExitCode.NOT_FOUND)


def complain(words: str, code: ExitCode) -> ExitCode:
    """Say what went wrong."""
    sys.stderr.write(f"likeness: {words}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
