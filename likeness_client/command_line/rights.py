"""Commands about the people in the photos: erasure, receipts, exports, marks, reports."""

import os
from pathlib import Path
from typing import get_args

from contracts.documents.appeal import AppealReason
from contracts.documents.takedown import Why
from likeness_client.command_line.common import Commands, add_command


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
