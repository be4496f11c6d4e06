"""A LoRA that another tool has trained, before it is sent: the file, and the request for it.

The file is checked here by the rules of intake, so a wrong one costs no upload.
"""

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contracts.codes import CODES
from contracts.documents.upload.consent import Consent
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import ImportRefusedError
from contracts.shared import layout
from contracts.shared.limits import MAX_IMPORT_BYTES
from domain.intake.imports import check_import


class NotImportedError(Exception):
    """The file or the words of the command make no import; nothing was uploaded."""


@dataclass(frozen=True)
class Order:
    """What ``likeness import`` asks for."""

    file: Path
    trigger: str
    subject: str
    """What the LoRA shows, for the gate's prompts: person, dog, style."""
    consent: Path | None = None
    """A file with the consent of the person whom the LoRA shows: docs/consent.md."""
    alpha: float | None = None
    """Alpha of layers whose alpha the file does not say, as PEFT's files; None: their rank."""

    @classmethod
    def of(cls, options: Namespace) -> "Order":
        """Return what the command line asks for."""
        return cls(**{name: getattr(options, name) for name in cls.__dataclass_fields__})


def request_of(order: Order, name: str = layout.uploads.API_ADAPTER_FILE) -> TrainingRequest:
    """Return the request of an import; ``name`` is that of the file in the upload.

    Raises:
        NotImportedError: the trigger word, the subject or the consent is not valid.
    """
    try:
        return TrainingRequest(
            adapter_file=name,
            trigger_word=order.trigger,
            instance_prompt=f"a photo of a {order.trigger} {order.subject}",
            class_prompt=f"a photo of a {order.subject}",
            lora_alpha=order.alpha,
            consent=None if order.consent is None else read_consent(order.consent),
        )
    except ValidationError as error:
        reasons = "; ".join(each["msg"] for each in error.errors())
        raise NotImportedError(f"--trigger, --subject or --alpha: {reasons}") from None


def read_consent(file: Path) -> Consent:
    """Return the consent of a file.

    Raises:
        NotImportedError: it cannot be read, or is none.
    """
    try:
        return Consent.model_validate_json(file.read_bytes())
    except OSError as error:
        raise NotImportedError(f"--consent: {file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        fields = {".".join(map(str, each["loc"])) or "the file" for each in error.errors()}
        raise NotImportedError(
            f"--consent: {file}: {', '.join(sorted(fields))}: see docs/consent.md"
        ) from None


def read(file: Path) -> bytes:
    """Return the file's bytes once the rules of intake hold.

    Raises:
        NotImportedError: it cannot be read, is too large, or would be refused after the upload.
    """
    try:
        if file.stat().st_size > MAX_IMPORT_BYTES:
            raise NotImportedError(f"{file} is larger than {MAX_IMPORT_BYTES >> 20} MiB")
        body = file.read_bytes()
    except OSError as error:
        raise NotImportedError(f"{file} cannot be read: {error.strerror}") from error
    try:
        check_import(body)
    except ImportRefusedError as error:
        entry = CODES[str(error.facts["code"])]
        why = error.facts.get("kind") or error.facts.get("reason")
        raise NotImportedError(f"{file}: {entry.text} ({why}) {entry.hint}") from None
    return body
