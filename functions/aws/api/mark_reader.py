"""Reads the marks of this stack from a picture: implements domain.ports.takedown.MarkReader."""

import io
from importlib.util import find_spec

from PIL import Image

from aws import settings
from aws.clients import client
from contracts.documents.takedown import Credentials
from contracts.marks import watermark
from contracts.shared.mark_keys import MarkSecret, parse_secret, reading_keys
from domain.ports.takedown import FoundMarks


class SecretMarkReader:
    """Reads with the keys of the stack's secret."""

    def __init__(self, secret: MarkSecret) -> None:
        self._secret = secret

    @classmethod
    def from_env(cls) -> "SecretMarkReader":
        """Read the secret that MARKS_SECRET names."""
        found = client("secretsmanager").get_secret_value(SecretId=settings.text("MARKS_SECRET"))
        return cls(parse_secret(found["SecretString"]))

    def read(self, file: bytes, png: bytes) -> FoundMarks:
        """Return what both layers say."""
        state, model = self._credentials(file)
        keys = reading_keys(self._secret)
        with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
            patterns = [watermark.pattern_of(one.watermark) for one in keys]
            found = watermark.read(image.convert("RGB"), patterns)
        if found is None:
            return FoundMarks(state, model, None, None)
        number, mark = found
        return FoundMarks(state, model, mark.ident, keys[number].watermark)

    def _credentials(self, file: bytes) -> tuple[Credentials, str | None]:
        """Return whose manifest it is, and the model that ours names.

        The library needs a newer Linux than that of Lambda's Python 3.11, as the laptop has it.
        """
        if find_spec("c2pa") is None:
            return "not_read", None
        from contracts.marks import verifying  # noqa: PLC0415 - not in every runtime

        try:
            return verifying.stated_model(file, self._secret)
        except verifying.UnreadablePictureError:  # a HEIC or an AVIF, in which we sign nothing
            return "absent", None
