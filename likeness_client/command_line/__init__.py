"""The command line of ``likeness``; each command is added by the file of its subject."""

import argparse

from likeness_client import __version__
from likeness_client.command_line.common import RAW_HELP, CommandParser
from likeness_client.command_line.operators import (
    add_base,
    add_bench,
    add_doctor,
    add_keys,
    add_replay,
    add_uninstall,
)
from likeness_client.command_line.pictures import add_generate, add_pictures
from likeness_client.command_line.rights import (
    add_appeals,
    add_erase,
    add_export,
    add_hash_names,
    add_receipt,
    add_takedown,
    add_verify,
)
from likeness_client.command_line.uploads import (
    add_alias,
    add_cancel,
    add_check,
    add_files,
    add_import,
    add_models,
    add_status,
    add_upload,
)
from likeness_client.exit_codes import EXPLAINED


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser: argparse.ArgumentParser = CommandParser(
        prog="likeness",
        description="Personal image models: check photos, follow a training, draw pictures.",
        epilog=EXPLAINED,
        formatter_class=RAW_HELP,
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
