"""Reads the marks of this stack from a picture: implements domain.ports.takedown.MarkReader."""

import io
from importlib.util import find_spec

from PIL import Image

from aws import settings
from aws.clients import client
from contracts.marks import watermark
from contracts.shared.pictures.mark_keys import MarkSecret, parse_secret, reading_keys
from domain.ports.takedown import FoundMarks


class SecretMarkReader:
    """Reads with the keys of the stack's secret."""

    def __init__(self, secret: MarkSecret, max_side: int | None = None) -> None:
        self._secret, self._max_side = secret, max_side

    @classmethod
    def from_env(cls, max_side: int | None = None) -> "SecretMarkReader":
        """Read the secret that MARKS_SECRET names.

        Args:
            max_side: side in pixels to which a larger picture is reduced before its watermark is
                looked for, where somebody waits; None: it is read as it is.
        """
        found = client("secretsmanager").get_secret_value(SecretId=settings.text("MARKS_SECRET"))
        return cls(parse_secret(found["SecretString"]), max_side)

    def read(self, file: bytes, png: bytes) -> FoundMarks:
        """Return what both layers say."""
        signed = self._credentials(file)
        keys = reading_keys(self._secret)
        with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
            patterns = [watermark.pattern_of(one.watermark) for one in keys]
            if self._max_side is not None:
                image.thumbnail((self._max_side, self._max_side))
            found = watermark.read(image.convert("RGB"), patterns)
        if found is None:
            return signed
        number, mark = found
        return signed._replace(watermark=mark.ident, watermark_key=keys[number].watermark)

    def _credentials(self, file: bytes) -> FoundMarks:
        """Return what the content credentials say.

        The library needs a newer Linux than that of Lambda's Python 3.11, as the laptop has it.
        """
        if find_spec("c2pa") is None:
            return FoundMarks("not_read", None, None, None)
        from contracts.marks import verifying  # noqa: PLC0415 - not in every runtime

        try:
            found = verifying.read_stated(file, self._secret)
        except verifying.UnreadablePictureError:  # a HEIC or an AVIF, in which we sign nothing
            return FoundMarks("absent", None, None, None)
        return FoundMarks(
            found.credentials, found.model, None, None, found.watermark, found.made_at
        )
